package system

import (
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// What each operating system provides to this package: newSocket and
// acceptSocket, which give non-blocking close-on-exec descriptors; sendFlags,
// which keep a send from raising SIGPIPE; pollFDs; newWake and wakeUp; the
// names of the options that differ, and reqAvailable, the ioctl that tells how much
// there is to receive; breakOff, which ends a connection as a fault;
// osErrnoOf, errors of its own; and of UNIX sockets openDir, the flags of a directory that
// paths are resolved from, and place.sockaddr.

const (
	sendFlags   = unix.MSG_NOSIGNAL
	optLinger   = unix.SO_LINGER
	optKeepIdle = unix.TCP_KEEPIDLE

	reqAvailable = unix.TIOCINQ

	openDir = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
)

// sockaddr leads to the socket itself, by a descriptor: no symbolic link that has taken
// its name meanwhile is followed.
func (p *place) sockaddr() (unix.Sockaddr, error) {
	if p.socket < 0 {
		fd, err := unix.Openat(p.parent, p.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		p.socket = fd
	}
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(p.socket)}, nil
}

func newSocket(domain, kind int) (int, error) {
	return unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

func acceptSocket(fd int) (int, error) {
	fd, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}

// pollFDs is poll(2) for at most timeout; a negative timeout is for ever.
func pollFDs(fds []unix.PollFd, timeout time.Duration) (int, error) {
	if timeout < 0 {
		return unix.Ppoll(fds, nil, nil)
	}
	ts := unix.NsecToTimespec(int64(timeout))
	return unix.Ppoll(fds, &ts, nil)
}

// newWake makes a descriptor r that becomes readable, for good, once wakeUp(w)
// was called. r and w can be the same.
func newWake() (r, w int, err error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return fd, fd, err
}

// wakeUp adds to the counter a number that reads the same in either byte order.
func wakeUp(w int) { unix.Write(w, []byte{1, 0, 0, 0, 0, 0, 0, 1}) }

// boundDevice is the network device that a socket is bound to, or "".
func boundDevice(fd int) (string, error) {
	return unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
}

// breakOff resets a connection, for the peer too if it is TCP: a connect to no address
// does. The error that is pending then is taken.
func breakOff(fd int) {
	sa := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	if errno != 0 {
		unix.Shutdown(fd, unix.SHUT_RDWR)
	}
	unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
}

func osErrnoOf(e unix.Errno) (errno sockabi.Errno, known bool) {
	if e == unix.ENONET {
		return sockabi.EHOSTUNREACH, true
	}
	return sockabi.EIO, false
}

// replace makes to what from is, and closes from.
func replace(from, to int) error {
	defer unix.Close(from)
	return unix.Dup3(from, to, unix.O_CLOEXEC)
}
