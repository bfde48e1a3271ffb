//go:build wasip1

package syscall

import (
	"internal/sockabi"
	"unsafe"
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

// SOMAXCONN is cut by the host to its own limit.
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
	SO_OOBINLINE    = sockabi.SO_OOBINLINE
	SO_LINGER       = sockabi.SO_LINGER
	SO_RCVLOWAT     = sockabi.SO_RCVLOWAT
	SO_RCVTIMEO     = sockabi.SO_RCVTIMEO
	SO_SNDTIMEO     = sockabi.SO_SNDTIMEO
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

// Socket takes SOCK_NONBLOCK and SOCK_CLOEXEC with the type, as Linux does.
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
	switch sotype &^ (SOCK_NONBLOCK | SOCK_CLOEXEC) {
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
	if fd = int(scratch.fd); sotype&SOCK_NONBLOCK != 0 {
		if err := SetNonblock(fd, true); err != nil {
			Close(fd)
			return -1, err
		}
	}
	return fd, nil
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
// says that the connection was aborted, after which package poll accepts the next.
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
	return end(uint16(scratch.port)), nil
}

func Getpeername(fd int) (Sockaddr, error) {
	noAddr()
	e := sock_getpeeraddr(int32(fd), &scratch.addr, &scratch.port)
	if e != 0 {
		return nil, errnoErr(e)
	}
	return end(uint16(scratch.port)), nil
}

// end is the address in scratch, of an end of a socket. "@" is an unnamed one, as on
// Linux.
func end(port uint16) Sockaddr {
	sa := sockaddr(port)
	if u, ok := sa.(*SockaddrUnix); ok && u.Name == "" {
		u.Name = "@"
	}
	return sa
}

func Shutdown(fd int, how int) error {
	if gathers && how&SHUT_WR != 0 {
		e, later := gatherEnd(fd, true)
		if later {
			how &^= SHUT_WR
		}
		if e != 0 || how == 0 {
			return errnoErr(e)
		}
	}
	return errnoErr(sock_shutdown(int32(fd), uint32(how)))
}
