//go:build wasip1

package syscall

import (
	"internal/sockabi"
	"runtime"
	"unsafe" // also for go:linkname
)

// Go's own numbers for wasip1, as programs were compiled with them; what the host
// gets is sockabi's.
const (
	AF_UNSPEC = iota
	AF_UNIX
	AF_INET
	AF_INET6
)

const (
	SOCK_STREAM = 1 + iota
	SOCK_DGRAM
	SOCK_RAW
	SOCK_SEQPACKET
)

const (
	IPPROTO_IP   = 0
	IPPROTO_IPV4 = 4
	IPPROTO_IPV6 = sockabi.SOL_IPV6
	IPPROTO_TCP  = sockabi.SOL_TCP
	IPPROTO_UDP  = 0x11
)

// SOMAXCONN is what the host cuts to its own limit.
const SOMAXCONN = 4096

const (
	SHUT_RD   = sockabi.SHUT_RD
	SHUT_WR   = sockabi.SHUT_WR
	SHUT_RDWR = sockabi.SHUT_RDWR
)

const (
	SOL_SOCKET = sockabi.SOL_SOCKET

	SO_REUSEADDR    = sockabi.SO_REUSEADDR
	SO_TYPE         = sockabi.SO_TYPE
	SO_ERROR        = sockabi.SO_ERROR
	SO_DONTROUTE    = sockabi.SO_DONTROUTE
	SO_BROADCAST    = sockabi.SO_BROADCAST
	SO_SNDBUF       = sockabi.SO_SNDBUF
	SO_RCVBUF       = sockabi.SO_RCVBUF
	SO_KEEPALIVE    = sockabi.SO_KEEPALIVE
	SO_LINGER       = sockabi.SO_LINGER
	SO_RCVLOWAT     = sockabi.SO_RCVLOWAT
	SO_ACCEPTCONN   = sockabi.SO_ACCEPTCONN
	SO_BINDTODEVICE = sockabi.SO_BINDTODEVICE
	SO_REUSEPORT    = sockabi.SO_REUSEPORT

	TCP_NODELAY   = sockabi.TCP_NODELAY
	TCP_KEEPIDLE  = sockabi.TCP_KEEPIDLE
	TCP_KEEPINTVL = sockabi.TCP_KEEPINTVL
	TCP_KEEPCNT   = sockabi.TCP_KEEPCNT

	IPV6_V6ONLY = sockabi.IPV6_V6ONLY
)

// Flags of Recvfrom and Recvmsg. MSG_TRUNC comes back from Recvmsg for a datagram
// that was cut.
const (
	MSG_PEEK  = sockabi.RI_PEEK
	MSG_TRUNC = 0x20
)

// What package net expects; there is no such call.
const (
	_ = iota
	F_DUPFD_CLOEXEC
	SYS_FCNTL = 500
)

type Sockaddr any

type SockaddrInet4 struct {
	Port int
	Addr [4]byte
}

type SockaddrInet6 struct {
	Port   int
	ZoneId uint32
	Addr   [16]byte
}

type SockaddrUnix struct {
	Name string
}

type Linger struct {
	Onoff  int32
	Linger int32
}

// The imports, in the order of sockabi's table.

//go:wasmimport wasi_snapshot_preview1 sock_open_v2
//go:noescape
func sock_open(af, kind int32, fd *int32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_bind_v2
//go:noescape
func sock_bind(fd int32, addr *sockabi.Address, port uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_listen_v2
//go:noescape
func sock_listen(fd, backlog int32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_accept_v2
//go:noescape
func sock_accept(fd int32, flags uint32, newfd *int32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_connect_v2
//go:noescape
func sock_connect(fd int32, addr *sockabi.Address, port uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_recv_from_v2
//go:noescape
func sock_recv_from(fd int32, iovs *sockabi.IOVec, iovslen uint32, addr *sockabi.Address, flags uint32, port *[4]byte, nread *uint32, roflags *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_send_v2
//go:noescape
func sock_send(fd int32, iovs *sockabi.IOVec, iovslen, flags uint32, nwritten *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_send_to_v2
//go:noescape
func sock_send_to(fd int32, iovs *sockabi.IOVec, iovslen uint32, addr *sockabi.Address, port, flags uint32, nwritten *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_shutdown
//go:noescape
func sock_shutdown(fd int32, how uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_getsockopt
//go:noescape
func sock_getsockopt(fd, level, name int32, value unsafe.Pointer, size *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_setsockopt
//go:noescape
func sock_setsockopt(fd, level, name int32, value unsafe.Pointer, size uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_getlocaladdr_v2
//go:noescape
func sock_getlocaladdr(fd int32, addr *sockabi.Address, port *uint32) Errno

//go:wasmimport wasi_snapshot_preview1 sock_getpeeraddr_v2
//go:noescape
func sock_getpeeraddr(fd int32, addr *sockabi.Address, port *uint32) Errno

// scratch is where addresses and results lie during a call. There is one thread, and
// between filling it and reading it no other goroutine runs.
var scratch struct {
	addr    sockabi.Address
	storage sockabi.AddrStorage
	port    uint32  // of a socket
	sender  [4]byte // port in sock_recv_from: 2 bytes, and room for a host that writes 4
	n       uint32
	flags   uint32 // 16 bits, and room for a host that writes 32
	fd      int32
}

func pointer(p unsafe.Pointer) uint32 { return uint32(uintptr(p)) }

func noAddr() {
	scratch.storage = sockabi.AddrStorage{}
	scratch.addr = sockabi.Address{Buf: pointer(unsafe.Pointer(&scratch.storage)), Len: sockabi.AddrStorageSize}
}

// setAddr puts an address into scratch, and is its port. The host cuts a port to 16
// bits in silence, and has no place for a zone.
func setAddr(sa Sockaddr) (port uint32, e Errno) {
	noAddr()
	switch sa := sa.(type) {
	case *SockaddrInet4:
		return setInet4(sa)
	case *SockaddrInet6:
		return setInet6(sa)
	case *SockaddrUnix:
		if len(sa.Name) > sockabi.MaxUnixPath {
			return 0, EINVAL
		}
		scratch.storage.Family = sockabi.AF_UNIX
		copy(scratch.storage.Data[:], sa.Name)
		if len(sa.Name) > 0 && sa.Name[0] == '@' {
			scratch.storage.Data[0] = 0
		}
		return 0, 0
	}
	return 0, EAFNOSUPPORT
}

func setInet4(sa *SockaddrInet4) (port uint32, e Errno) {
	if sa.Port < 0 || sa.Port > 0xffff {
		return 0, EINVAL
	}
	noAddr()
	scratch.storage.Family = sockabi.AF_INET4
	*(*[4]byte)(scratch.storage.Data[:]) = sa.Addr
	return uint32(sa.Port), 0
}

func setInet6(sa *SockaddrInet6) (port uint32, e Errno) {
	if sa.Port < 0 || sa.Port > 0xffff || sa.ZoneId != 0 {
		return 0, EINVAL
	}
	noAddr()
	scratch.storage.Family = sockabi.AF_INET6
	*(*[16]byte)(scratch.storage.Data[:]) = sa.Addr
	return uint32(sa.Port), 0
}

// sockaddr is the address in scratch. WasmEdge leaves the family as it finds the
// memory where there is no address.
func sockaddr(port uint16) Sockaddr {
	switch d := &scratch.storage.Data; scratch.storage.Family {
	case sockabi.AF_INET4:
		return &SockaddrInet4{Port: int(port), Addr: [4]byte(d[:])}
	case sockabi.AF_INET6:
		return &SockaddrInet6{Port: int(port), Addr: [16]byte(d[:])}
	case sockabi.AF_UNIX:
		n := sockabi.MaxUnixPath
		if d[0] != 0 {
			for n = 0; d[n] != 0; n++ {
			}
			return &SockaddrUnix{Name: string(d[:n])}
		}
		for n > 0 && d[n-1] == 0 {
			n--
		}
		if n == 0 {
			return &SockaddrUnix{}
		}
		return &SockaddrUnix{Name: "@" + string(d[1:n])}
	}
	return nil
}

func Socket(family, sotype, proto int) (fd int, err error) {
	var af, kind int32
	switch family {
	case AF_INET:
		af = sockabi.AF_INET4
	case AF_INET6:
		af = sockabi.AF_INET6
	case AF_UNIX:
		af = sockabi.AF_UNIX
	default:
		return -1, EAFNOSUPPORT
	}
	switch sotype {
	case SOCK_STREAM:
		kind = sockabi.SOCK_STREAM
	case SOCK_DGRAM:
		kind = sockabi.SOCK_DGRAM
	default:
		return -1, EPROTONOSUPPORT
	}
	if e := sock_open(af, kind, &scratch.fd); e != 0 {
		return -1, errnoErr(e)
	}
	return int(scratch.fd), nil
}

func Bind(fd int, sa Sockaddr) error {
	port, e := setAddr(sa)
	if e == 0 {
		e = sock_bind(int32(fd), &scratch.addr, port)
	}
	return errnoErr(e)
}

func StopIO(fd int) error { return ENOSYS }

func Listen(fd int, backlog int) error { return errnoErr(sock_listen(int32(fd), int32(backlog))) }

// Accept gives the host no flags: WasmEdge applies them to the listener. A peer that
// has gone already leaves no address, and callers rely on one: as accept(2) may, this
// says that the connection was aborted, upon which package poll accepts the next.
func Accept(fd int) (int, Sockaddr, error) {
	if e := sock_accept(int32(fd), 0, &scratch.fd); e != 0 {
		return -1, nil, errnoErr(e)
	}
	conn := int(scratch.fd)
	sa, err := Getpeername(conn)
	if err != nil {
		Close(conn)
		return -1, nil, ECONNABORTED
	}
	return conn, sa, nil
}

func Connect(fd int, sa Sockaddr) error {
	port, e := setAddr(sa)
	if e == 0 {
		e = sock_connect(int32(fd), &scratch.addr, port)
	}
	return errnoErr(e)
}

func Getsockname(fd int) (Sockaddr, error) {
	noAddr()
	e := sock_getlocaladdr(int32(fd), &scratch.addr, &scratch.port)
	if e != 0 {
		return nil, errnoErr(e)
	}
	return sockaddr(uint16(scratch.port)), nil
}

func Getpeername(fd int) (Sockaddr, error) {
	noAddr()
	e := sock_getpeeraddr(int32(fd), &scratch.addr, &scratch.port)
	if e != 0 {
		return nil, errnoErr(e)
	}
	return sockaddr(uint16(scratch.port)), nil
}

func Shutdown(fd int, how int) error { return errnoErr(sock_shutdown(int32(fd), uint32(how))) }

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

// recv receives into p and scratch. The result flags are those of Recvmsg.
func recv(fd int, p []byte, flags int) (n, recvflags int, e Errno) {
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

// SendmsgN refuses control messages, which the host cannot send.
func SendmsgN(fd int, p, oob []byte, to Sockaddr, flags int) (n int, err error) {
	if len(oob) > 0 || flags != 0 {
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
	beforeIO(-1)
	n, recvflags, e := recv(fd, p, flags)
	if e == 0 && scratch.storage.Family == sockabi.AF_INET4 {
		addr := [4]byte(scratch.storage.Data[:])
		from.Port, from.Addr = int(senderPort(fd)), addr
	}
	return n, recvflags, errnoErr(e)
}

func recvInet6(fd int, p []byte, flags int, from *SockaddrInet6) (n, recvflags int, err error) {
	beforeIO(-1)
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

func Read(fd int, p []byte) (int, error) {
	if e := beforeIO(fd); e != 0 {
		return 0, e
	}
	return readFile(fd, p)
}

// notSocket is a descriptor that sock_send refused, the latest. The numbers of
// sockets are random, or far from those of files, so one that comes to mean a socket
// later is not to be feared.
var notSocket = -1

// Write writes to sockets by sock_send, and to nothing else: WasmEdge dies of SIGPIPE
// where fd_write meets a peer that has gone. What is no socket, the host says.
func Write(fd int, p []byte) (int, error) {
	beforeIO(-1)
	if fd <= 2 || fd == notSocket {
		return writeFile(fd, p)
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
