package netos

import (
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

const (
	SendFlags = unix.MSG_NOSIGNAL
	Linger    = unix.SO_LINGER
	KeepIdle  = unix.TCP_KEEPIDLE

	Available = unix.TIOCINQ

	OpenDir = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
)

// SocketAddress leads to the UNIX socket name in the directory parent itself, by a
// descriptor: no symbolic link that has taken its name meanwhile is followed. real is not
// used. fd is -1, or what the previous call for the same socket has returned, and the
// caller closes it.
func SocketAddress(parent int, name, real string, fd int) (unix.Sockaddr, int, error) {
	if fd < 0 {
		var err error
		if fd, err = unix.Openat(parent, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
			return nil, -1, err
		}
	}
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(fd)}, fd, nil
}

func NewSocket(domain, kind int) (int, error) {
	return unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

func Accept(fd int) (int, error) {
	fd, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}

// Poll is poll(2) for at most timeout; a negative timeout is forever.
func Poll(fds []unix.PollFd, timeout time.Duration) (int, error) {
	if timeout < 0 {
		return unix.Ppoll(fds, nil, nil)
	}
	ts := unix.NsecToTimespec(int64(timeout))
	return unix.Ppoll(fds, &ts, nil)
}

// NewWake makes a descriptor r that becomes readable, for good, once WakeUp(w)
// was called. r and w can be the same.
func NewWake() (r, w int, err error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return fd, fd, err
}

// WakeUp adds to the counter a number that reads the same in either byte order.
func WakeUp(w int) { unix.Write(w, []byte{1, 0, 0, 0, 0, 0, 0, 1}) }

// BoundDevice is the network device that a socket is bound to, or "".
func BoundDevice(fd int) (string, error) {
	return unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
}

// BreakOff resets a connection, for the peer too if it is TCP: a connect to no address
// does. The error that is pending then is taken.
func BreakOff(fd int) {
	sa := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	if errno != 0 {
		unix.Shutdown(fd, unix.SHUT_RDWR)
	}
	unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
}

var osErrnos = map[unix.Errno]sockabi.Errno{unix.ENONET: sockabi.EHOSTUNREACH}

// Replace makes to what from is, and closes from.
func Replace(from, to int) error {
	defer unix.Close(from)
	return unix.Dup3(from, to, unix.O_CLOEXEC)
}
