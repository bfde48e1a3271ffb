package socket

import (
	"runtime"
	"syscall"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

const whyENOSYS = "UNIX sockets need wasmedge --allow-af-unix"

// scratch is where arguments and results lie during a call. There is one thread,
// and nothing between filling scratch and reading the results allocates or
// blocks, so no other goroutine runs meanwhile. The addresses of the caller's
// buffers are taken last, because those may lie on a stack, and calling any Go
// function with a frame may move it. Imports have none.
var scratch struct {
	iovs    [sockabi.MaxIOVecs]sockabi.IOVec
	addr    sockabi.Address
	storage sockabi.AddrStorage
	port    uint32  // of a socket
	sender  [4]byte // port in sock_recv_from: 2 bytes, and room for a host that writes 4
	n       uint32
	flags   uint32 // 16 bits, and room for a host that writes 32
	fd      int32
}

func pointer(p unsafe.Pointer) uint32 { return uint32(uintptr(p)) }

// fill makes iovecs of the buffers that are not empty. It is false if there are
// more than a call takes.
func fill(bufs [][]byte) (n uint32, all bool) {
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		if n == sockabi.MaxIOVecs {
			return n, false
		}
		scratch.iovs[n] = sockabi.IOVec{Buf: pointer(unsafe.Pointer(unsafe.SliceData(b))), Len: uint32(len(b))}
		n++
	}
	return n, true
}

// setAddr points scratch.addr at *st, or at zeros for the host to write to.
func setAddr(st *sockabi.AddrStorage) {
	if st == nil {
		scratch.storage = sockabi.AddrStorage{}
	} else {
		scratch.storage = *st
	}
	scratch.addr = sockabi.Address{Buf: pointer(unsafe.Pointer(&scratch.storage)), Len: sockabi.AddrStorageSize}
}

func sysOpen(family uint16, kind int32) (int32, syscall.Errno) {
	e := sock_open(int32(family), kind, &scratch.fd)
	return scratch.fd, e
}

func sysSetNonblock(fd int32) syscall.Errno {
	return fd_fdstat_set_flags(fd, sockabi.FDFLAG_NONBLOCK)
}

func sysClose(fd int32) syscall.Errno { return fd_close(fd) }

func sysBind(fd int32, st *sockabi.AddrStorage, port uint16) syscall.Errno {
	setAddr(st)
	return sock_bind(fd, &scratch.addr, uint32(port))
}

func sysListen(fd, backlog int32) syscall.Errno { return sock_listen(fd, backlog) }

// sysAccept passes no flags: WasmEdge applies them to the listener.
func sysAccept(fd int32) (int32, syscall.Errno) {
	e := sock_accept(fd, 0, &scratch.fd)
	return scratch.fd, e
}

func sysConnect(fd int32, st *sockabi.AddrStorage, port uint16) syscall.Errno {
	setAddr(st)
	return sock_connect(fd, &scratch.addr, uint32(port))
}

// sysRecv is the number of bytes received, and whether a datagram was cut.
func sysRecv(fd int32, bufs [][]byte) (int, bool, syscall.Errno) {
	scratch.n, scratch.flags = 0, 0
	iovs, _ := fill(bufs)
	e := sock_recv(fd, &scratch.iovs[0], iovs, 0, &scratch.n, &scratch.flags)
	runtime.KeepAlive(bufs)
	return int(scratch.n), scratch.flags&sockabi.RO_DATA_TRUNCATED != 0, e
}

func sysRecvFrom(fd int32, bufs [][]byte) (received, syscall.Errno) {
	scratch.n, scratch.flags, scratch.sender = 0, 0, [4]byte{}
	setAddr(nil)
	iovs, _ := fill(bufs)
	e := sock_recv_from(fd, &scratch.iovs[0], iovs, &scratch.addr, 0, &scratch.sender, &scratch.n, &scratch.flags)
	runtime.KeepAlive(bufs)
	return received{
		n:         int(scratch.n),
		truncated: scratch.flags&sockabi.RO_DATA_TRUNCATED != 0,
		addr:      scratch.storage,
		port:      [2]byte(scratch.sender[:2]),
	}, e
}

// sysSend is a short write, or EMSGSIZE if that must not be, for too many
// buffers.
func sysSend(fd int32, bufs [][]byte, datagram bool) (int, syscall.Errno) {
	scratch.n = 0
	iovs, all := fill(bufs)
	if datagram && !all {
		return 0, syscall.EMSGSIZE
	}
	e := sock_send(fd, &scratch.iovs[0], iovs, 0, &scratch.n)
	runtime.KeepAlive(bufs)
	return int(scratch.n), e
}

func sysSendTo(fd int32, bufs [][]byte, st *sockabi.AddrStorage, port uint16) (int, syscall.Errno) {
	scratch.n = 0
	setAddr(st)
	iovs, all := fill(bufs)
	if !all {
		return 0, syscall.EMSGSIZE
	}
	e := sock_send_to(fd, &scratch.iovs[0], iovs, &scratch.addr, uint32(port), 0, &scratch.n)
	runtime.KeepAlive(bufs)
	return int(scratch.n), e
}

func sysShutdown(fd int32, how uint32) syscall.Errno { return sock_shutdown(fd, how) }

func sysGetOption(fd, level, name int32, value unsafe.Pointer, size *uint32) syscall.Errno {
	return sock_getsockopt(fd, level, name, value, size)
}

func sysSetOption(fd, level, name int32, value unsafe.Pointer, size uint32) syscall.Errno {
	return sock_setsockopt(fd, level, name, value, size)
}

func sysLocalAddr(fd int32) (sockabi.AddrStorage, uint16, syscall.Errno) {
	setAddr(nil)
	e := sock_getlocaladdr(fd, &scratch.addr, &scratch.port)
	return scratch.storage, uint16(scratch.port), e
}

func sysPeerAddr(fd int32) (sockabi.AddrStorage, uint16, syscall.Errno) {
	setAddr(nil)
	e := sock_getpeeraddr(fd, &scratch.addr, &scratch.port)
	return scratch.storage, uint16(scratch.port), e
}
