package main

import (
	"net/netip"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

// The vocabulary of sockets. What prepares a sentence ends the process if it
// fails, and says nothing; what a sentence is about returns its errno. The
// names with _v2 are used throughout: the plain ones have sentences of their
// own. Descriptors are of blocking sockets unless a line says otherwise.

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
)

// families are the two that a connection can have over IP.
var families = []struct {
	name     string
	family   uint32
	loopback netip.Addr
}{
	{"IPv4", sockabi.AF_INET4, loopback4},
	{"IPv6", sockabi.AF_INET6, loopback6},
}

// familyOf is the number of the address's family.
func familyOf(a netip.Addr) uint32 {
	if a.Is4() {
		return sockabi.AF_INET4
	}
	return sockabi.AF_INET6
}

// bare is a of 4 or 16 bytes, as every version takes it.
func bare(a netip.Addr) *sockabi.Address {
	raw := text(string(a.AsSlice()))
	return place(sockabi.Address{Buf: start(raw), Len: uint32(len(raw))})
}

// storage is an address of 128 bytes, as version 2 takes it: what lies at its
// beginning, and '?' after that.
func storage(family uint32, data string) *sockabi.Address {
	s := place(sockabi.AddrStorage{Family: uint16(family)})
	copy(s.Data[:], strings.Repeat("?", len(s.Data)))
	copy(s.Data[:], data)
	return place(sockabi.Address{Buf: at(s), Len: sockabi.AddrStorageSize})
}

// full is a in 128 bytes.
func full(a netip.Addr) *sockabi.Address { return storage(familyOf(a), string(a.AsSlice())) }

// unixAddress is a path, or an abstract name that begins with a NUL, with NULs
// to the end of sun_path.
func unixAddress(path string) *sockabi.Address {
	return storage(sockabi.AF_UNIX, path+strings.Repeat("\x00", 108-len(path)))
}

// open is sock_open_v2.
func open(family, typ uint32) (uint32, sockabi.Errno) {
	fd := place(^uint32(0))
	e := call("sock_open_v2", family, typ, at(fd))
	return *fd, e
}

// socket opens a socket.
func (t *T) socket(family, typ uint32) uint32 {
	fd, e := open(family, typ)
	t.OK("sock_open_v2", e)
	return fd
}

// nonblocking makes fd so, and is fd.
func (t *T) nonblocking(fd uint32) uint32 {
	t.OK("fd_fdstat_set_flags", call("fd_fdstat_set_flags", fd, sockabi.FDFLAG_NONBLOCK))
	return fd
}

// bind binds fd to an address, with port 0 to a free port.
func bind(fd uint32, a netip.AddrPort) sockabi.Errno {
	return call("sock_bind_v2", fd, at(bare(a.Addr())), uint32(a.Port()))
}

// connect connects fd.
func connect(fd uint32, a netip.AddrPort) sockabi.Errno {
	return call("sock_connect_v2", fd, at(bare(a.Addr())), uint32(a.Port()))
}

// bound is a socket that is bound to a free port of the loopback address.
func (t *T) bound(a netip.Addr, typ uint32) uint32 {
	fd := t.socket(familyOf(a), typ)
	if e := bind(fd, netip.AddrPortFrom(a, 0)); e == sockabi.EADDRNOTAVAIL && a == loopback6 {
		t.Skip("this machine has no IPv6 loopback address")
	} else {
		t.OK("sock_bind_v2", e)
	}
	return fd
}

// listener listens on a loopback address, without blocking.
func (t *T) listener(a netip.Addr) uint32 {
	fd := t.bound(a, sockabi.SOCK_STREAM)
	t.OK("sock_listen_v2", call("sock_listen_v2", fd, 16))
	return t.nonblocking(fd)
}

// dial has begun to connect, without blocking.
func (t *T) dial(to netip.AddrPort) uint32 {
	fd := t.nonblocking(t.socket(familyOf(to.Addr()), sockabi.SOCK_STREAM))
	if e := connect(fd, to); e != sockabi.EINPROGRESS {
		t.Fatalf("sock_connect_v2: %s, not EINPROGRESS", name(e))
	}
	return fd
}

// accepted is the next connection of a listener, which blocks.
func (t *T) accepted(listener uint32) uint32 {
	t.wait(readable(listener))
	fd := place(^uint32(0))
	t.OK("sock_accept_v2", call("sock_accept_v2", listener, 0, at(fd)))
	return *fd
}

// pair is a connection over the loopback address, neither end blocking.
func (t *T) pair(a netip.Addr) (client, server uint32) {
	l := t.listener(a)
	client = t.dial(t.local(l))
	server = t.nonblocking(t.accepted(l))
	t.wait(writable(client))
	t.close(l)
	return client, server
}

// udp is a datagram socket bound to the loopback address, without blocking,
// and its address.
func (t *T) udp(a netip.Addr) (uint32, netip.AddrPort) {
	fd := t.nonblocking(t.bound(a, sockabi.SOCK_DGRAM))
	return fd, t.local(fd)
}

// unused is an address on which nothing listens: a socket is bound to it.
func (t *T) unused(a netip.Addr) netip.AddrPort {
	return t.local(t.bound(a, sockabi.SOCK_STREAM))
}

// close closes fd.
func (t *T) close(fd uint32) { t.OK("fd_close", call("fd_close", fd)) }

// addressOf asks a getter of version 2.
func addressOf(getter string, fd uint32) (sockabi.AddrStorage, uint32, sockabi.Errno) {
	s := place(sockabi.AddrStorage{})
	port := place(uint32(0))
	e := call(getter, fd, at(place(sockabi.Address{Buf: at(s), Len: sockabi.AddrStorageSize})), at(port))
	return *s, *port, e
}

// addrPort is the answer of a getter of version 2 about an internet socket.
func (t *T) addrPort(s sockabi.AddrStorage, port uint32) netip.AddrPort {
	if port > 0xffff {
		t.Fatalf("a port of %#x", port)
	}
	switch s.Family {
	case sockabi.AF_INET4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s.Data[:4])), uint16(port))
	case sockabi.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s.Data[:16])), uint16(port))
	}
	t.Fatalf("an address of family %d", s.Family)
	panic("not reached")
}

// local is the address of fd, and peer that of its other end.
func (t *T) local(fd uint32) netip.AddrPort {
	s, port, e := addressOf("sock_getlocaladdr_v2", fd)
	t.OK("sock_getlocaladdr_v2", e)
	return t.addrPort(s, port)
}

func (t *T) peer(fd uint32) netip.AddrPort {
	s, port, e := addressOf("sock_getpeeraddr_v2", fd)
	t.OK("sock_getpeeraddr_v2", e)
	return t.addrPort(s, port)
}

// vector is buffers for a vectored call.
func vector(bufs ...[]byte) (iovs, n uint32) {
	raw := room(sockabi.IOVecSize * len(bufs))
	for i, b := range bufs {
		v := sockabi.IOVec{Len: uint32(len(b))}
		if len(b) > 0 {
			v.Buf = start(b)
		}
		*the[sockabi.IOVec](start(raw) + uint32(i)*sockabi.IOVecSize) = v
	}
	return start(raw), uint32(len(bufs))
}

// send is sock_send_v2.
func send(fd uint32, bufs ...[]byte) (int, sockabi.Errno) {
	n := place(uint32(0))
	iovs, count := vector(bufs...)
	e := call("sock_send_v2", fd, iovs, count, 0, at(n))
	return int(*n), e
}

// sendAll sends a little that fits.
func (t *T) sendAll(fd uint32, data string) {
	n, e := send(fd, text(data))
	t.OK("sock_send_v2", e)
	if n != len(data) {
		t.Fatalf("sock_send_v2: %d bytes of %d", n, len(data))
	}
}

// recv is sock_recv_v2 into a buffer of size bytes.
func recv(fd uint32, size int, flags uint32) (string, uint16, sockabi.Errno) {
	buf := room(size)
	n, roflags := place(uint32(0)), place(uint16(0))
	iovs, count := vector(buf)
	e := call("sock_recv_v2", fd, iovs, count, flags, at(n), at(roflags))
	if e != sockabi.ESUCCESS {
		return "", 0, e
	}
	return string(buf[:*n]), *roflags, e
}

// received waits for something to read and is it, at most size bytes.
func (t *T) received(fd uint32, size int) string {
	t.wait(readable(fd))
	data, _, e := recv(fd, size, 0)
	t.OK("sock_recv_v2", e)
	return data
}

// sendTo is sock_send_to_v2.
func sendTo(fd uint32, data string, to netip.AddrPort) (int, sockabi.Errno) {
	n := place(uint32(0))
	iovs, count := vector(text(data))
	e := call("sock_send_to_v2", fd, iovs, count, at(bare(to.Addr())), uint32(to.Port()), 0, at(n))
	return int(*n), e
}

// option is sock_getsockopt of an option of 4 bytes.
func option(fd, level, name uint32) (int32, sockabi.Errno) {
	value, size := place(int32(-1)), place(uint32(4))
	e := call("sock_getsockopt", fd, level, name, at(value), at(size))
	return *value, e
}

// setOption is sock_setsockopt of an option of 4 bytes.
func setOption(fd, level, name uint32, value int32) sockabi.Errno {
	return call("sock_setsockopt", fd, level, name, at(place(value)), 4)
}

// pendingError reads SO_ERROR.
func (t *T) pendingError(fd uint32) sockabi.Errno {
	value, e := option(fd, sockabi.SOL_SOCKET, sockabi.SO_ERROR)
	t.OK("sock_getsockopt", e)
	return sockabi.Errno(value)
}

// fdstat is fd_fdstat_get.
func (t *T) fdstat(fd uint32) sockabi.FDStat {
	stat := place(sockabi.FDStat{})
	t.OK("fd_fdstat_get", call("fd_fdstat_get", fd, at(stat)))
	return *stat
}

// reset closes a connection such that the peer's ends with ECONNRESET.
func (t *T) reset(fd uint32) {
	linger := place(sockabi.Linger{OnOff: 1})
	t.OK("sock_setsockopt", call("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_LINGER, at(linger), sockabi.LingerSize))
	t.close(fd)
}
