package socket

import (
	"syscall"

	"github.com/wasisock/wasisock/sockabi"
)

// A Socket is the common part of Conn, Listener and PacketConn. It owns one descriptor,
// and must not be copied. The zero Socket is closed.
type Socket struct {
	notFD  int32 // ^descriptor, so that 0 is -1, closed
	family uint16
	soErr  syscall.Errno // the last SO_ERROR read that was not 0: the host forgets it
}

// open makes a non-blocking socket, and prepares it.
func open(family uint16, kind int32, prepare []func(*Socket) error) (Socket, error) {
	fd, e := sysOpen(family, kind)
	if e != 0 {
		return Socket{}, fail("sock_open", e)
	}
	s, err := own(fd, family)
	for i := 0; i < len(prepare) && err == nil; i++ {
		if err = prepare[i](&s); err != nil {
			s.Close()
		}
	}
	return s, err
}

// own makes fd, which is blocking, a non-blocking socket; it closes fd if that
// fails.
func own(fd int32, family uint16) (Socket, error) {
	if e := sysSetNonblock(fd); e != 0 {
		sysClose(fd)
		return Socket{}, fail("fd_fdstat_set_flags", e)
	}
	return Socket{notFD: ^fd, family: family}, nil
}

func (s *Socket) fd() int32 { return ^s.notFD }

// FD returns the descriptor, for polling, or -1 after Close or Detach. It may be any number up
// to 1<<31-1: do not index an array by it.
func (s *Socket) FD() int { return int(^s.notFD) }

// Detach returns the descriptor to the caller, who must close it; s is then closed. The
// descriptor stays non-blocking. Detach returns -1 if s was closed already.
func (s *Socket) Detach() int {
	fd := s.FD()
	s.notFD = 0
	return fd
}

// Close closes the descriptor, which must not be registered with a poller any more. Data that
// the peer has not yet taken is still sent, by the host. s is closed whatever the error. Close
// fails with EBADF if s was closed already.
func (s *Socket) Close() error {
	return fail("fd_close", sysClose(int32(s.Detach())))
}

// LocalAddr returns the address that the socket is bound to, with the port that the host chose
// for port 0. An unbound socket has the unspecified address and port 0, or no path.
func (s *Socket) LocalAddr() (Addr, error) {
	st, port, e := sysLocalAddr(s.fd())
	if e != 0 {
		return Addr{}, fail("sock_getlocaladdr", e)
	}
	return decode(&st, port, s.family), nil
}

func (s *Socket) remoteAddr() (Addr, error) {
	st, port, e := sysPeerAddr(s.fd())
	if e != 0 {
		return Addr{}, fail("sock_getpeeraddr", e)
	}
	return decode(&st, port, s.family), nil
}

// Bind binds a socket to a local address before it connects: pass it to Dial or DialPacket. It
// fails with EAFNOSUPPORT if the remote address has another family.
func Bind(at Addr) func(*Socket) error {
	return func(s *Socket) error { return s.bind(at) }
}

func (s *Socket) bind(at Addr) error {
	var st sockabi.AddrStorage
	e := at.encode(s.family, &st)
	if e == 0 {
		e = sysBind(s.fd(), &st, at.Port())
	}
	return fail("sock_bind", e)
}

func (s *Socket) connect(to Addr) syscall.Errno {
	var st sockabi.AddrStorage
	if e := to.encode(s.family, &st); e != 0 {
		return e
	}
	return sysConnect(s.fd(), &st, to.Port())
}
