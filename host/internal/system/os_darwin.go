package system

import (
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// See os_linux.go for what each operating system provides.

const (
	sendFlags   = 0 // SO_NOSIGPIPE is set instead
	optLinger   = unix.SO_LINGER_SEC
	optKeepIdle = unix.TCP_KEEPALIVE

	reqAvailable = 0x4004667f // FIONREAD

	openDir = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
)

// sockaddr is the resolved path: macOS connects to no descriptor. A process that changes
// what the path passes between resolving and connecting can lead it elsewhere.
func (p *place) sockaddr() (unix.Sockaddr, error) {
	if len(p.real) >= len(unix.RawSockaddrUnix{}.Path) {
		return nil, unix.ENAMETOOLONG
	}
	return &unix.SockaddrUnix{Name: p.real}, nil
}

func newSocket(domain, kind int) (int, error) {
	return adopt(func() (int, error) { return unix.Socket(domain, kind, 0) })
}

func acceptSocket(fd int) (int, error) {
	return adopt(func() (int, error) {
		fd, _, err := unix.Accept(fd)
		return fd, err
	})
}

// adopt makes what create gives non-blocking and close-on-exec.
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

// pollFDs is poll(2) for at most timeout, rounded up to milliseconds; a
// negative timeout is for ever.
func pollFDs(fds []unix.PollFd, timeout time.Duration) (int, error) {
	ms := -1
	if timeout >= 0 {
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
	}
	return unix.Poll(fds, ms)
}

func newWake() (r, w int, err error) {
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

func wakeUp(w int) { unix.Write(w, []byte{1}) }

func boundDevice(int) (string, error) { return "", unix.ENOPROTOOPT }

// breakOff ends a connection. To reset it for the peer macOS would have to close it.
func breakOff(fd int) {
	unix.Shutdown(fd, unix.SHUT_RDWR)
	unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
}

func osErrnoOf(e unix.Errno) (errno sockabi.Errno, known bool) {
	if e == unix.EOPNOTSUPP {
		return sockabi.ENOTSUP, true
	}
	return sockabi.EIO, false
}

// replace makes to what from is, and closes from.
func replace(from, to int) error {
	defer unix.Close(from)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Dup2(from, to); err != nil {
		return err
	}
	unix.CloseOnExec(to)
	return nil
}
