//go:build wasip1

package net

import (
	"internal/poll"
	"os"
	"syscall"
)

// newFileFD shares the file's descriptor, which the host cannot duplicate: it is
// closed when both are.
func newFileFD(f *os.File) (*netFD, error) {
	s := f.PollFD().Sysfd
	sotype, err := syscall.GetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt", err)
	}
	lsa, err := syscall.Getsockname(s)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	rsa, _ := syscall.Getpeername(s)
	family := syscall.AF_UNSPEC
	switch lsa.(type) {
	case *syscall.SockaddrInet4:
		family = syscall.AF_INET
	case *syscall.SockaddrInet6:
		family = syscall.AF_INET6
	case *syscall.SockaddrUnix:
		family = syscall.AF_UNIX
	default:
		return nil, syscall.EPROTONOSUPPORT
	}
	if err := syscall.SetNonblock(s, true); err != nil {
		return nil, os.NewSyscallError("setnonblock", err)
	}
	fd, err := made(newFD(s, family, sotype, ""))
	if err != nil {
		return nil, err
	}
	stream, zeroIsEOF := fd.pfd.IsStream, fd.pfd.ZeroReadIsEOF
	fd.pfd = f.PollFD().Copy()
	fd.pfd.IsStream, fd.pfd.ZeroReadIsEOF = stream, zeroIsEOF
	laddr := fd.addrFunc()(lsa)
	fd.net = laddr.Network()
	if err := fd.init(); err != nil {
		fd.Close()
		return nil, err
	}
	fd.setAddr(laddr, fd.addrFunc()(rsa))
	return fd, nil
}

// dup is for File, which has a descriptor of its own elsewhere. Here it shares that of
// fd, which is closed when both are. Its Fd leaves the descriptor non-blocking: a
// blocking one would stop all goroutines.
func (fd *netFD) dup() (*os.File, error) {
	var shared poll.FD
	if err := fd.pfd.RawControl(func(uintptr) { shared = fd.pfd.Copy() }); err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(shared.Sysfd), fd.name())
	f.PollFD().SysFile = shared.SysFile
	return f, nil
}

func fileConn(f *os.File) (Conn, error) {
	fd, err := newFileFD(f)
	if err != nil {
		return nil, err
	}
	switch fd.laddr.(type) {
	case *TCPAddr:
		return newTCPConn(fd, defaultTCPKeepAliveIdle, KeepAliveConfig{}, testPreHookSetKeepAlive, testHookSetKeepAlive), nil
	case *UDPAddr:
		return newUDPConn(fd), nil
	case *UnixAddr:
		return newUnixConn(fd), nil
	}
	fd.Close()
	return nil, syscall.EINVAL
}

func fileListener(f *os.File) (Listener, error) {
	fd, err := newFileFD(f)
	if err != nil {
		return nil, err
	}
	switch laddr := fd.laddr.(type) {
	case *TCPAddr:
		return &TCPListener{fd: fd}, nil
	case *UnixAddr:
		return &UnixListener{fd: fd, path: laddr.Name, unlink: false}, nil
	}
	fd.Close()
	return nil, syscall.EINVAL
}

func filePacketConn(f *os.File) (PacketConn, error) {
	fd, err := newFileFD(f)
	if err != nil {
		return nil, err
	}
	switch fd.laddr.(type) {
	case *UDPAddr:
		return newUDPConn(fd), nil
	case *UnixAddr:
		return newUnixConn(fd), nil
	}
	fd.Close()
	return nil, syscall.EINVAL
}
