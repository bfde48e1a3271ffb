//go:build linux || darwin

// Package netos hides the differences between Linux and macOS that concern sockets.
//
// os_linux.go and os_darwin.go have the same declarations:
//
//   - NewSocket, Accept and Pair return descriptors that do not block and that child
//     processes do not inherit. SendFlags keeps a send on them from raising SIGPIPE.
//   - Poll is poll(2). NewWake makes a descriptor that wakes it, by WakeUp.
//   - Linger and KeepIdle are the numbers of options. Available is that of an ioctl, which
//     returns the number of bytes to receive.
//   - OpenDir has the flags to open a directory from which paths are resolved.
//   - Replace, BoundDevice and BreakOff are operations on a descriptor.
//   - SocketAddress returns the address of a resolved path of a UNIX socket.
//
// Errno converts the operating system's errors to the guest's.
package netos

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// Domain returns the operating system's number for a family, sockabi.AF_*.
func Domain(family uint8) int {
	switch family {
	case sockabi.AF_INET6:
		return unix.AF_INET6
	case sockabi.AF_UNIX:
		return unix.AF_UNIX
	}
	return unix.AF_INET
}

// Pair returns two connected UNIX sockets.
func Pair(kind int) (a, b int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	pair, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
	if err != nil {
		return 0, 0, err
	}
	for _, fd := range pair {
		unix.CloseOnExec(fd)
		unix.SetNonblock(fd, true)
	}
	return pair[0], pair[1], nil
}

// Copy returns a copy of a descriptor, which is 3 or higher.
func Copy(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3) }

// Retry calls op until it returns another error than EINTR, and returns that.
func Retry(op func() error) error {
	for {
		if err := op(); err != unix.EINTR {
			return err
		}
	}
}
