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

// SocketAddress returns an address of the UNIX socket name in the directory parent by a
// descriptor: no symbolic link that has replaced it meanwhile is followed. real is not used. fd is
// -1, or the descriptor that the previous call for the same socket returned. The caller closes the
// returned descriptor.
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

// Poll is poll(2) for at most timeout. A negative timeout means forever.
func Poll(fds []unix.PollFd, timeout time.Duration) (int, error) {
	if timeout < 0 {
		return unix.Ppoll(fds, nil, nil)
	}
	ts := unix.NsecToTimespec(int64(timeout))
	return unix.Ppoll(fds, &ts, nil)
}

// NewWake makes a descriptor r that is readable after WakeUp(w), until it is read. r and w can be
// the same.
func NewWake() (r, w int, err error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return fd, fd, err
}

// WakeUp adds a number to the counter that is the same in both byte orders.
func WakeUp(w int) { unix.Write(w, []byte{1, 0, 0, 0, 0, 0, 0, 1}) }

// BoundDevice returns the network device to which a socket is bound, or "".
func BoundDevice(fd int) (string, error) {
	return unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
}

// BreakOff resets a connection, by a connect to no address; for TCP, also for the peer. It clears
// the pending error.
func BreakOff(fd int) {
	sa := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	if errno != 0 {
		unix.Shutdown(fd, unix.SHUT_RDWR)
	}
	unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
}

var osErrnos = map[unix.Errno]sockabi.Errno{unix.ENONET: sockabi.EHOSTUNREACH}

// Replace makes the descriptor to a copy of from, and closes from.
func Replace(from, to int) error {
	defer unix.Close(from)
	return unix.Dup3(from, to, unix.O_CLOEXEC)
}
