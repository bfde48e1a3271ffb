package main

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// holdOff keeps a TCP socket from answering once it listens. The kernel drops all packets to it,
// so that clients try again. holdOff is for net.ListenConfig.Control.
func holdOff(_, _ string, c syscall.RawConn) error {
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	return control(c, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	})
}

// letAnswer undoes holdOff. It returns an error if the listener's socket was not held.
func letAnswer(l *net.TCPListener) error {
	c, err := l.SyscallConn()
	if err != nil {
		return err
	}
	return control(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) })
}

func control(c syscall.RawConn, do func(fd int) error) (err error) {
	if cerr := c.Control(func(fd uintptr) { err = do(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}
