package socket

import (
	"io"
	"math"
	"syscall"

	"github.com/wasisock/wasisock/sockabi"
)

// A Conn is one end of a TCP or UNIX stream, connected or connecting.
type Conn struct {
	Socket
	connected bool
	err       error // why connecting failed
}

// Dial begins to connect to an address, by TCP, or by a UNIX stream for a Path. The Conn
// becomes writable when connecting has succeeded or failed; Connected returns the outcome.
// Until then Read and Write fail with EAGAIN. Only the host limits the time.
//
// Each of before runs in order on the open socket, which is unbound and unconnected, and must
// not keep it. Dial returns the first error unchanged.
//
// An unreachable address may fail at once, or later in Connected. Dial fails with EAGAIN if the
// queue of a UNIX listener is full: try again later. It fails with EDESTADDRREQ without an
// address, and with ENAMETOOLONG if the path is too long.
func Dial(to Addr, before ...func(*Socket) error) (*Conn, error) {
	family, e := to.family()
	if e != 0 {
		return nil, fail("sock_connect", e)
	}
	s, err := open(family, sockabi.SOCK_STREAM, before)
	if err != nil {
		return nil, err
	}
	switch e := s.connect(to); e {
	case 0:
		return &Conn{Socket: s, connected: true}, nil
	case syscall.EINPROGRESS, syscall.EINTR:
		return &Conn{Socket: s}, nil
	default:
		s.Close()
		return nil, fail("sock_connect", e)
	}
}

// Connected reports whether the connection was made: false and nil mean not yet. Call it when
// the Conn is writable. If connecting failed, it returns the error, each time, after Close too.
// A Conn stays Connected when the peer has gone.
func (c *Conn) Connected() (bool, error) {
	switch {
	case c.err != nil:
		return false, c.err
	case c.FD() < 0:
		return false, fail("sock_connect", syscall.EBADF)
	case c.connected:
		return true, nil
	}
	if _, err := Error.Get(&c.Socket); err != nil {
		return false, err
	}
	e := c.soErr
	if e == 0 {
		switch _, _, e = sysPeerAddr(c.fd()); e {
		case 0:
			c.connected = true
			return true, nil
		case syscall.ENOTCONN:
			return false, nil
		}
	}
	c.err = fail("sock_connect", e)
	return false, c.err
}

// failed is the error of a read or write. The host forgets an error that it has
// told once, so one that ends connecting is kept for Connected.
func (c *Conn) failed(call string, e syscall.Errno) error {
	err := fail(call, e)
	if !c.connected && c.err == nil && c.FD() >= 0 && !WouldBlock(err) && e != syscall.ENOTCONN {
		c.err = fail("sock_connect", e)
	}
	return err
}

// Read reads what is there, at most len(p) bytes. It returns 0 and io.EOF if the peer has
// stopped sending or CloseRead was called, and fails with EAGAIN if nothing has arrived. With
// an empty p it never returns io.EOF.
func (c *Conn) Read(p []byte) (int, error) { return c.ReadV([][]byte{p}) }

// ReadV reads as Read does into several buffers, each filled before the next. It uses at most
// sockabi.MaxIOVecs buffers that are not empty.
func (c *Conn) ReadV(bufs [][]byte) (int, error) {
	n, _, e := sysRecv(c.fd(), bufs)
	switch {
	case e != 0:
		return 0, c.failed("sock_recv", e)
	case n > 0 || !room(bufs):
		return n, nil
	case c.soErr != 0:
		return 0, fail("sock_recv", c.soErr)
	}
	return 0, io.EOF
}

func room(bufs [][]byte) bool {
	for _, b := range bufs {
		if len(b) > 0 {
			return true
		}
	}
	return false
}

// Write passes as much of p to the host as fits: n may be less than len(p) without an error,
// and is 0 with EAGAIN. It fails with EPIPE if the peer has closed the connection or CloseWrite
// was called.
func (c *Conn) Write(p []byte) (int, error) { return c.WriteV([][]byte{p}) }

// WriteV writes several buffers, one after another, as Write does. It uses at most
// sockabi.MaxIOVecs buffers that are not empty; more make a short write.
func (c *Conn) WriteV(bufs [][]byte) (int, error) {
	n, e := sysSend(c.fd(), bufs, false)
	if e != 0 {
		return 0, c.failed("sock_send", e)
	}
	return n, nil
}

// CloseRead ends receiving: Read returns io.EOF once it has returned what had arrived. The peer
// does not notice. It fails with ENOTCONN if the connection is over. A connection in progress
// may be given up; Connected then returns an error.
func (c *Conn) CloseRead() error {
	return fail("sock_shutdown", sysShutdown(c.fd(), sockabi.SHUT_RD))
}

// CloseWrite ends sending: the peer reads to the end of the stream, and Write fails with EPIPE.
// It fails with ENOTCONN if the connection is over. A connection in progress may be given up;
// Connected then returns an error.
func (c *Conn) CloseWrite() error {
	return fail("sock_shutdown", sysShutdown(c.fd(), sockabi.SHUT_WR))
}

// RemoteAddr returns the peer's address. It fails with ENOTCONN before the connection is made
// and after it was reset: to use the address then, keep it.
func (c *Conn) RemoteAddr() (Addr, error) { return c.remoteAddr() }

// A Listener accepts TCP or UNIX streams.
type Listener struct{ Socket }

// Listen opens a TCP socket at an address, or a UNIX stream socket at a Path.
// Port 0 lets the host choose one: ask LocalAddr. [ReuseAddr] is set for TCP, so
// that a server can start again at once. Each of before runs on the open socket
// after that, still unbound; as for Dial.
//
// Up to backlog connections wait to be accepted, and no more than the host allows
// (net.core.somaxconn on Linux); a backlog below 1 means the host's limit. Listen fails with
// EDESTADDRREQ without an address.
func Listen(at Addr, backlog int, before ...func(*Socket) error) (*Listener, error) {
	s, err := bound(at, sockabi.SOCK_STREAM, before)
	if err != nil {
		return nil, err
	}
	if backlog < 1 || backlog > math.MaxUint16 {
		backlog = math.MaxUint16
	}
	if e := sysListen(s.fd(), int32(backlog)); e != 0 {
		s.Close()
		return nil, fail("sock_listen", e)
	}
	return &Listener{s}, nil
}

// bound opens a socket and binds it.
func bound(at Addr, kind int32, before []func(*Socket) error) (Socket, error) {
	family, e := at.family()
	if e != 0 {
		return Socket{}, fail("sock_bind", e)
	}
	var steps []func(*Socket) error
	if kind == sockabi.SOCK_STREAM && family != sockabi.AF_UNIX {
		steps = append(steps, ReuseAddr.With(true))
	}
	return open(family, kind, append(append(steps, before...), Bind(at)))
}

// Accept takes the next connection, which is connected and non-blocking. It fails with EAGAIN
// if the queue is empty, and with ECONNABORTED if a peer has gone while it waited: accept
// again. EMFILE leaves the connection in the queue and the Listener readable, so a loop that
// only polls and accepts spins.
func (l *Listener) Accept() (*Conn, error) {
	fd, e := sysAccept(l.fd())
	if e != 0 {
		return nil, fail("sock_accept", e)
	}
	s, err := own(fd, l.family)
	if err != nil {
		return nil, err
	}
	return &Conn{Socket: s, connected: true}, nil
}
