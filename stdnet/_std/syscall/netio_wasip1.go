//go:build wasip1

package syscall

import (
	"internal/sockabi"
	"runtime"
	"unsafe" // also for go:linkname
)

// send sends from p, to the address in scratch if to.
func send(fd int, p []byte, to bool, port uint32) (int, Errno) {
	var e Errno
	iov := sockabi.IOVec{Buf: pointer(unsafe.Pointer(unsafe.SliceData(p))), Len: uint32(len(p))}
	if to {
		e = sock_send_to(int32(fd), &iov, 1, &scratch.addr, port, 0, &scratch.n)
	} else {
		e = sock_send(int32(fd), &iov, 1, 0, &scratch.n)
	}
	runtime.KeepAlive(p)
	if e != 0 {
		return 0, e
	}
	return int(scratch.n), 0
}

// recv receives into p and scratch. The result flags are those of Recvmsg. MSG_DONTWAIT
// means nothing for sockets of package net, which never wait.
func recv(fd int, p []byte, flags int) (n, recvflags int, e Errno) {
	if flags &^= MSG_DONTWAIT | MSG_CMSG_CLOEXEC; flags&^MSG_PEEK != 0 {
		return -1, 0, EINVAL
	}
	noAddr()
	scratch.flags = 0
	iov := sockabi.IOVec{Buf: pointer(unsafe.Pointer(unsafe.SliceData(p))), Len: uint32(len(p))}
	e = sock_recv_from(int32(fd), &iov, 1, &scratch.addr, uint32(flags), &scratch.sender, &scratch.n, &scratch.flags)
	runtime.KeepAlive(p)
	if e != 0 {
		return -1, 0, e
	}
	if scratch.flags&sockabi.RO_DATA_TRUNCATED != 0 {
		recvflags = MSG_TRUNC
	}
	return int(scratch.n), recvflags, 0
}

func Recvfrom(fd int, p []byte, flags int) (n int, from Sockaddr, err error) {
	if e := beforeIO(fd); e != 0 {
		return -1, nil, errnoErr(e)
	}
	n, _, e := recv(fd, p, flags)
	if e != 0 {
		return n, nil, errnoErr(e)
	}
	return n, sockaddr(senderPort(fd)), nil
}

// Recvmsg has no control messages: oobn is 0.
func Recvmsg(fd int, p, oob []byte, flags int) (n, oobn, recvflags int, from Sockaddr, err error) {
	if e := beforeIO(fd); e != 0 {
		return -1, 0, 0, nil, errnoErr(e)
	}
	n, recvflags, e := recv(fd, p, flags)
	if e != 0 {
		return n, 0, 0, nil, errnoErr(e)
	}
	return n, 0, recvflags, sockaddr(senderPort(fd)), nil
}

// SendmsgN refuses control messages, which the host cannot send. No send is a signal, and
// sockets of package net do not wait.
func SendmsgN(fd int, p, oob []byte, to Sockaddr, flags int) (n int, err error) {
	if len(oob) > 0 || flags&^(MSG_DONTWAIT|MSG_NOSIGNAL) != 0 {
		return 0, EINVAL
	}
	beforeIO(-1)
	var port uint32
	var e Errno
	if to != nil {
		if port, e = setAddr(to); e != 0 {
			return 0, errnoErr(e)
		}
	}
	n, e = send(fd, p, to != nil, port)
	return n, errnoErr(e)
}

func Sendto(fd int, p []byte, flags int, to Sockaddr) error {
	_, err := SendmsgN(fd, p, nil, to, flags)
	return err
}

// What internal/syscall/unix has of datagrams, without an allocation for the address.

//go:linkname recvfromInet4
func recvfromInet4(fd int, p []byte, flags int, from *SockaddrInet4) (int, error) {
	n, _, err := recvInet4(fd, p, flags, from)
	return n, err
}

//go:linkname recvfromInet6
func recvfromInet6(fd int, p []byte, flags int, from *SockaddrInet6) (int, error) {
	n, _, err := recvInet6(fd, p, flags, from)
	return n, err
}

//go:linkname recvmsgInet4
func recvmsgInet4(fd int, p, oob []byte, flags int, from *SockaddrInet4) (n, oobn, recvflags int, err error) {
	n, recvflags, err = recvInet4(fd, p, flags, from)
	return n, 0, recvflags, err
}

//go:linkname recvmsgInet6
func recvmsgInet6(fd int, p, oob []byte, flags int, from *SockaddrInet6) (n, oobn, recvflags int, err error) {
	n, recvflags, err = recvInet6(fd, p, flags, from)
	return n, 0, recvflags, err
}

func recvInet4(fd int, p []byte, flags int, from *SockaddrInet4) (n, recvflags int, err error) {
	beforeIO(-1) // a datagram socket's errors are not used up
	n, recvflags, e := recv(fd, p, flags)
	if e == 0 && scratch.storage.Family == sockabi.AF_INET4 {
		addr := [4]byte(scratch.storage.Data[:])
		from.Port, from.Addr = int(senderPort(fd)), addr
	}
	return n, recvflags, errnoErr(e)
}

func recvInet6(fd int, p []byte, flags int, from *SockaddrInet6) (n, recvflags int, err error) {
	beforeIO(-1) // a datagram socket's errors are not used up
	n, recvflags, e := recv(fd, p, flags)
	if e == 0 && scratch.storage.Family == sockabi.AF_INET6 {
		addr := [16]byte(scratch.storage.Data[:])
		from.Port, from.ZoneId, from.Addr = int(senderPort(fd)), 0, addr
	}
	return n, recvflags, errnoErr(e)
}

//go:linkname sendtoInet4
func sendtoInet4(fd int, p []byte, flags int, to *SockaddrInet4) error {
	_, err := sendmsgNInet4(fd, p, nil, to, flags)
	return err
}

//go:linkname sendtoInet6
func sendtoInet6(fd int, p []byte, flags int, to *SockaddrInet6) error {
	_, err := sendmsgNInet6(fd, p, nil, to, flags)
	return err
}

//go:linkname sendmsgNInet4
func sendmsgNInet4(fd int, p, oob []byte, to *SockaddrInet4, flags int) (int, error) {
	if to == nil {
		return SendmsgN(fd, p, oob, nil, flags)
	}
	beforeIO(-1)
	port, e := setInet4(to)
	if e != 0 || len(oob) > 0 || flags != 0 {
		return 0, EINVAL
	}
	n, e := send(fd, p, true, port)
	return n, errnoErr(e)
}

//go:linkname sendmsgNInet6
func sendmsgNInet6(fd int, p, oob []byte, to *SockaddrInet6, flags int) (int, error) {
	if to == nil {
		return SendmsgN(fd, p, oob, nil, flags)
	}
	beforeIO(-1)
	port, e := setInet6(to)
	if e != 0 || len(oob) > 0 || flags != 0 {
		return 0, EINVAL
	}
	n, e := send(fd, p, true, port)
	return n, errnoErr(e)
}

// beforeIO lets other goroutines run, once in a while, before a read of fd, or a write,
// for which fd is -1. A read ends with its error.
func beforeIO(fd int) Errno

// raise raises a signal of the program itself, and reports whether the program goes on.
func raise(signum uint32) bool

func Read(fd int, p []byte) (int, error) {
	if e := beforeIO(fd); e != 0 {
		return 0, e
	}
	if pipe, end := pipeEnd(fd); pipe != nil {
		if end != pipeRead {
			return -1, EBADF
		}
		return pipe.read(fd, p)
	}
	if fd == Stdin && stdinPolled && !readable(fd) {
		return -1, EAGAIN
	}
	n, err := readFile(fd, p)
	if gathers && (err == EAGAIN || err == nil && n == 0 && len(p) > 0) {
		if e := unsent(fd); e != 0 {
			return -1, e
		}
	}
	return n, err
}

// With WASISOCK_GATHER=1 the runtime keeps back what is written to streams until
// goroutines wait: see netpoll_gather_wasip1.go.
var gathers = gathering()

func gathering() bool

// gather writes bufs to fd, unless it is not ok.
//
//go:noescape
func gather(fd int, bufs [][]byte) (n int, e Errno, ok bool)

// unsent returns the error of what was kept back, once.
func unsent(fd int) Errno

// gatherEnd lets all leave before fd is shut down for writing, which the runtime does later
// if it says so, or before an option is set.
func gatherEnd(fd int, shut bool) (e Errno, later bool)

// gatherClose lets all leave before fd is closed, which the runtime does later if it says so.
func gatherClose(fd int) (e Errno, later bool)

// notSocket is a descriptor that sock_send refused, the latest. The numbers of
// sockets are random, or far from those of files, so one that is later a socket
// later is not to be feared.
var notSocket = -1

// Write writes to sockets by sock_send, and to nothing else: WasmEdge dies of SIGPIPE
// where fd_write meets a peer that has gone. What is not a socket, the host says.
func Write(fd int, p []byte) (int, error) {
	beforeIO(-1)
	if fd <= 2 || fd == notSocket {
		return writeFile(fd, p)
	}
	if pipe, end := pipeEnd(fd); pipe != nil {
		if end != pipeWrite {
			return -1, EBADF
		}
		return pipe.write(fd, p)
	}
	if gathers {
		if n, e, ok := gather(fd, [][]byte{p}); ok {
			return n, errnoErr(e)
		}
	}
	n, e := send(fd, p, false, 0)
	if e == ENOTSOCK {
		notSocket = fd
		return writeFile(fd, p)
	}
	return n, errnoErr(e)
}

const maxIOVecs = 64

var iovecs [maxIOVecs]sockabi.IOVec

// sendBuffers sends from the first buffers in one call, of 64 at most, for
// internal/poll.
//
//go:linkname sendBuffers
func sendBuffers(fd int, bufs [][]byte) (int, error) {
	beforeIO(-1)
	if gathers {
		if n, e, ok := gather(fd, bufs); ok {
			return n, errnoErr(e)
		}
	}
	n := 0
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		if n == maxIOVecs {
			break
		}
		iovecs[n] = sockabi.IOVec{Buf: pointer(unsafe.Pointer(unsafe.SliceData(b))), Len: uint32(min(len(b), 1<<30))}
		n++
		if len(b) > 1<<30 {
			break
		}
	}
	e := sock_send(int32(fd), &iovecs[0], uint32(n), 0, &scratch.n)
	runtime.KeepAlive(bufs)
	if e != 0 {
		return 0, errnoErr(e)
	}
	return int(scratch.n), nil
}

// Chmod fails with ENOSYS, which is errors.ErrUnsupported, for the file of a socket, whose mode decides who may connect: WASI
// changes no modes, and Go's own Chmod, which serves other files, succeeds all the same.
// wazero calls sockets FILETYPE_UNKNOWN.
func Chmod(path string, mode uint32) error {
	var stat Stat_t
	if err := Stat(path, &stat); err == nil {
		switch stat.Filetype {
		case FILETYPE_UNKNOWN, FILETYPE_SOCKET_DGRAM, FILETYPE_SOCKET_STREAM:
			return ENOSYS
		}
	}
	return chmodFile(path, mode)
}
