package netos

import (
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

const (
	SendFlags = 0 // SO_NOSIGPIPE is set instead
	Linger    = unix.SO_LINGER_SEC
	KeepIdle  = unix.TCP_KEEPALIVE

	Available = 0x4004667f // FIONREAD

	OpenDir = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
)

// SocketAddress returns the resolved path real, since macOS cannot connect to a descriptor. A
// process that changes directories of the path between resolving and connecting can lead it
// elsewhere. fd is -1.
func SocketAddress(parent int, name, real string, fd int) (unix.Sockaddr, int, error) {
	if len(real) >= len(unix.RawSockaddrUnix{}.Path) {
		return nil, -1, unix.ENAMETOOLONG
	}
	return &unix.SockaddrUnix{Name: real}, -1, nil
}

func NewSocket(domain, kind int) (int, error) {
	return adopt(func() (int, error) { return unix.Socket(domain, kind, 0) })
}

func Accept(fd int) (int, error) {
	return adopt(func() (int, error) {
		fd, _, err := unix.Accept(fd)
		return fd, err
	})
}

// adopt makes the descriptor that create returns non-blocking and close-on-exec.
func adopt(create func() (int, error)) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := create()
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	if err = unix.SetNonblock(fd, true); err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Poll is poll(2) for at most timeout, rounded up to milliseconds. A negative timeout means
// forever.
func Poll(fds []unix.PollFd, timeout time.Duration) (int, error) {
	ms := -1
	if timeout >= 0 {
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
	}
	return unix.Poll(fds, ms)
}

func NewWake() (r, w int, err error) {
	var p [2]int
	syscall.ForkLock.RLock()
	err = unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	return p[0], p[1], err
}

func WakeUp(w int) { unix.Write(w, []byte{1}) }

func BoundDevice(int) (string, error) { return "", unix.ENOPROTOOPT }

// BreakOff ends a connection. It does not reset it for the peer: macOS would have to close it.
func BreakOff(fd int) {
	unix.Shutdown(fd, unix.SHUT_RDWR)
	unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
}

var osErrnos = map[unix.Errno]sockabi.Errno{unix.EOPNOTSUPP: sockabi.ENOTSUP}

// Replace makes the descriptor to a copy of from, and closes from.
func Replace(from, to int) error {
	defer unix.Close(from)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Dup2(from, to); err != nil {
		return err
	}
	unix.CloseOnExec(to)
	return nil
}
