//go:build linux

package shim

import (
	"cmp"
	"strings"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// operations lists the operations that a guest can do next.
var operations = []func(*model){
	(*model).doOpen, (*model).doBind, (*model).doListen, (*model).doAccept, (*model).doConnect, (*model).doSend, (*model).doReceive, (*model).doSendTo,
	(*model).doShutdown, (*model).doOption, (*model).doSetOption, (*model).doAddress, (*model).doNames, (*model).doPoll, (*model).doFlags, (*model).doClose, (*model).doRenumber,
}

func (m *model) doOpen() {
	family, kind, ptr := uint32(1+m.pick(3)), uint32(2-m.pick(3)), m.out(4)
	allowed := either(sockabi.ESUCCESS)
	switch {
	case kind == 0:
		allowed = either(sockabi.EINVAL)
	case m.full():
		allowed = either(sockabi.EMFILE)
	}
	s := &modelled{family: family, kind: kind}
	if m.do(s, allowed, "sock_open", family, kind, ptr) == 0 {
		m.born(ptr, s)
	}
}

// place returns an address for s, and its kind: "free", "taken" perhaps by another socket,
// "denied", of "another" family, or of IPv4 for a socket of IPv6.
func (m *model) place(s *modelled) (addr, port uint32, what string) {
	k := m.byte()
	family := cmp.Or(s, new(modelled)).family
	switch k % 8 {
	case 0:
		if family == inet6 {
			return m.addr("2001:db8::1"), 9, "denied"
		} else if family == local {
			return m.storage(local, "/wasisock fuzz"), 0, "denied"
		}
		return m.addr("192.0.2.1"), 9, "denied"
	case 1:
		switch {
		case family == local:
			return m.addr("127.0.0.1"), 0, "another"
		case family == inet6 && k >= 128:
			return m.addr("127.0.0.1"), 0, "mapped"
		}
		return m.storage(local, "\x00wasisock fuzz"), 0, "another"
	case 2, 3, 4: // where another socket is
		fd := sockets.FirstSocket + uint32(k/8%mostSockets)
		if o := m.open[fd]; o != nil && o.family == family && family != local {
			if at := m.local(fd); at.Addr().IsLoopback() && at.Port() != 0 {
				return m.addr(at.Addr().String()), uint32(at.Port()), "taken"
			}
		}
	}
	switch family {
	case inet6:
		return m.addr("::1"), 0, "free"
	case local:
		return m.storage(local, "\x00wasisock fuzz"+string('0'+k/8%4)), 0, "taken"
	}
	if k%8 == 7 {
		return m.addr("127.0.0.1"), m.given, "taken"
	}
	return m.addr("127.0.0.1"), 0, "free"
}

func (m *model) doBind() {
	fd, s := m.some()
	addr, port, what := m.place(s)
	allowed := either(sockabi.ESUCCESS)
	switch {
	case s == nil:
	case what == "another":
		allowed = either(sockabi.EAFNOSUPPORT, sockabi.EINVAL)
	case what == "denied":
		allowed = either(sockabi.EACCES)
	case s.bound && s.stream() && s.family != local && !s.dialled && what == "taken":
		allowed = either(sockabi.EINVAL, sockabi.EADDRINUSE)
	case s.bound || s.dialled || what == "mapped":
		allowed = append(allowed, sockabi.EINVAL, sockabi.EADDRINUSE)
	case what == "taken":
		allowed = append(allowed, sockabi.EADDRINUSE)
	}
	if m.do(s, allowed, "sock_bind", fd, addr, port) == 0 {
		s.bound = true
	}
}

func (m *model) doListen() {
	fd, s := m.some()
	var allowed []sockabi.Errno
	switch {
	case s == nil:
	case !s.stream():
		allowed = either(sockabi.ENOTSUP)
	case s.dialled:
		allowed = either(sockabi.ESUCCESS, sockabi.EINVAL, sockabi.EACCES, sockabi.EADDRINUSE)
	case s.bound:
		allowed = either(sockabi.ESUCCESS, sockabi.EADDRINUSE)
	case s.family == local:
		allowed = either(sockabi.EINVAL)
	default: // at any address
		allowed = either(sockabi.EACCES)
	}
	if m.do(s, allowed, "sock_listen", fd, uint32(m.pick(5)-1)) == 0 {
		s.listens = true
	}
}

func (m *model) doAccept() {
	fd, s := m.some()
	ptr, flags := m.out(4), uint32(m.pick(2))*sockabi.FDFLAG_NONBLOCK
	var allowed []sockabi.Errno
	switch {
	case s == nil:
	case m.full(): // which Linux too looks at first
		allowed = either(sockabi.EMFILE, sockabi.EAGAIN, sockabi.ENOTSUP)
	case !s.stream():
		allowed = either(sockabi.ENOTSUP)
	case !s.listens:
		allowed = either(sockabi.EINVAL)
	default:
		allowed = either(sockabi.ESUCCESS, sockabi.EAGAIN, sockabi.ECONNABORTED)
	}
	if s != nil && (s.shut || !s.listens) {
		allowed = append(allowed, sockabi.EINVAL)
	}
	args := []uint32{fd, flags, ptr}
	if m.pick(4) == 0 {
		args, flags = []uint32{fd, ptr}, 0
	}
	if m.do(s, allowed, "sock_accept", args...) == 0 {
		m.born(ptr, &modelled{family: s.family, kind: s.kind, nonblock: flags != 0, bound: true, dialled: true})
	}
}

func (m *model) doConnect() {
	fd, s := m.some()
	addr, port, what := m.place(s)
	allowed := either(sockabi.ESUCCESS, sockabi.EINPROGRESS, sockabi.EALREADY, sockabi.EISCONN, sockabi.ECONNREFUSED, sockabi.EAGAIN,
		sockabi.EADDRNOTAVAIL, sockabi.ECONNABORTED, sockabi.ECONNRESET, sockabi.EPROTOTYPE, sockabi.EINVAL)
	switch {
	case s == nil:
	case what == "another":
		allowed = either(sockabi.EAFNOSUPPORT, sockabi.EINVAL)
	case what == "denied":
		allowed = either(sockabi.EACCES)
	case s.listens && !s.shut:
		allowed = either(sockabi.EISCONN, sockabi.EINVAL)
		if s.family == local { // who looks for the other first
			allowed = append(allowed, sockabi.ECONNREFUSED, sockabi.EAGAIN, sockabi.EPROTOTYPE)
		}
	case !s.stream():
		allowed = either(sockabi.ESUCCESS, sockabi.ECONNREFUSED, sockabi.EPROTOTYPE, sockabi.EINVAL, sockabi.EPERM)
	}
	if s != nil && s.family == inet6 { // which may have an address of IPv4 already
		allowed = append(allowed, sockabi.ENETUNREACH, sockabi.EADDRNOTAVAIL, sockabi.EAFNOSUPPORT)
	}
	if errno := m.do(s, allowed, "sock_connect", fd, addr, port); s != nil && errno != sockabi.EACCES && errno != sockabi.EFAULT && errno != sockabi.EAFNOSUPPORT {
		s.dialled = true
	}
}

// sent returns the errnos with which a send of s can end.
func (s *modelled) sent() []sockabi.Errno {
	switch {
	case s == nil:
		return nil
	case !s.dialled && s.stream():
		return either(sockabi.EPIPE, sockabi.ENOTCONN)
	case !s.dialled:
		s.bound = s.bound || s.family != local // by the mere attempt
		return either(sockabi.EDESTADDRREQ, sockabi.ENOTCONN, sockabi.EPIPE, sockabi.EMSGSIZE)
	}
	return either(sockabi.ESUCCESS, sockabi.EAGAIN, sockabi.EPIPE, sockabi.ECONNRESET, sockabi.ENOTCONN, sockabi.ECONNREFUSED,
		sockabi.EDESTADDRREQ, sockabi.EMSGSIZE, sockabi.EINVAL, sockabi.EPROTOTYPE, sockabi.EPERM)
}

// texts returns buffers to send.
func (m *model) texts() (iovs, n uint32, size int) {
	var texts []string
	for range 1 + m.pick(3) {
		texts = append(texts, strings.Repeat("x", []int{1, 100, 4000, 20_000, 0}[m.pick(5)]%20_001/(1+len(texts))))
		size += len(texts[len(texts)-1])
	}
	return m.iovs(texts...), uint32(len(texts)), size
}

func (m *model) counted(ptr uint32, most int) {
	if n := m.u32(ptr); int64(n) > int64(most) {
		m.Fatalf("%d bytes of %d", n, most)
	}
}

func (m *model) doSend() {
	fd, s := m.some()
	iovs, n, size := m.texts()
	count, allowed := m.out(4), s.sent()
	if size == 0 {
		allowed = append(allowed, sockabi.ESUCCESS)
	}
	var errno sockabi.Errno
	if m.pick(3) == 0 {
		errno = m.do(s, allowed, "fd_write", fd, iovs, n, count)
	} else {
		errno = m.do(s, allowed, "sock_send", fd, iovs, n, 0, count)
	}
	if errno == 0 {
		m.counted(count, size)
	}
}

func (m *model) doSendTo() {
	fd, s := m.some()
	iovs, n, size := m.texts()
	addr, port, what := m.place(s)
	count := m.out(4)
	allowed := s.sent()
	switch {
	case s == nil || s.stream() && s.family != local: // the address means nothing
	case what == "another":
		allowed = either(sockabi.EAFNOSUPPORT, sockabi.EINVAL)
	case what == "denied":
		allowed = either(sockabi.EACCES)
	case s.stream():
		allowed = append(allowed, sockabi.EISCONN, sockabi.ENOTSUP)
	default:
		s.bound = true
		allowed = either(sockabi.ESUCCESS, sockabi.EAGAIN, sockabi.ECONNREFUSED, sockabi.EISCONN, sockabi.EMSGSIZE, sockabi.EPIPE, sockabi.EPROTOTYPE,
			sockabi.EINVAL, sockabi.EPERM, sockabi.ECONNRESET)
	}
	if s != nil && s.family == inet6 {
		allowed = append(allowed, sockabi.ENETUNREACH, sockabi.EADDRNOTAVAIL, sockabi.EAFNOSUPPORT)
	}
	if m.do(s, allowed, "sock_send_to", fd, iovs, n, addr, port, 0, count) == 0 {
		m.counted(count, size)
	}
}

func (m *model) doReceive() {
	fd, s := m.some()
	var iovs []any
	size := 0
	for range 1 + m.pick(3) {
		n := []int{1, 64, 5000}[m.pick(3)]
		iovs = append(iovs, sockabi.IOVec{Buf: m.out(n), Len: uint32(n)})
		size += n
	}
	array, n, count, roflags := m.put(iovs...), uint32(len(iovs)), m.out(4), m.out(2)
	var allowed []sockabi.Errno
	switch {
	case s == nil:
	case !s.stream():
		allowed = either(sockabi.ESUCCESS, sockabi.EAGAIN, sockabi.ECONNREFUSED, sockabi.ECONNRESET)
	case !s.dialled:
		allowed = either(sockabi.ENOTCONN, sockabi.EINVAL)
	default:
		allowed = either(sockabi.ESUCCESS, sockabi.EAGAIN, sockabi.ENOTCONN, sockabi.EINVAL, sockabi.ECONNREFUSED, sockabi.ECONNRESET)
	}
	if s != nil && s.shut {
		allowed = append(allowed, sockabi.ESUCCESS)
	}
	flags := uint32(m.pick(4))
	addr := func() uint32 { return m.put(sockabi.Address{Buf: m.out(128), Len: 128}) }
	var errno sockabi.Errno
	switch m.pick(4) {
	case 0:
		errno = m.do(s, allowed, "fd_read", fd, array, n, count)
	case 1:
		errno = m.do(s, allowed, "sock_recv_from", fd, array, n, addr(), flags, count, roflags)
	case 2:
		errno = m.do(s, allowed, "sock_recv_from", fd, array, n, addr(), flags, m.out(2), count, roflags)
	default:
		errno = m.do(s, allowed, "sock_recv", fd, array, n, flags, count, roflags)
	}
	if errno == 0 {
		m.counted(count, size)
	}
}

func (m *model) doShutdown() {
	fd, s := m.some()
	how := uint32(m.pick(5))
	allowed := either(sockabi.ESUCCESS, sockabi.ENOTCONN)
	if how > sockabi.SHUT_RDWR {
		allowed = either(sockabi.EINVAL)
		s = cmp.Or(s, new(modelled)) // which is not looked at
	}
	if errno := m.do(s, allowed, "sock_shutdown", fd, how); s != nil && errno != sockabi.EINVAL {
		s.shut = true // UDP answers ENOTCONN, and is
	}
}

var knownOptions = sockabi.Options()

func (m *model) doOption() {
	fd, s := m.some()
	o := knownOptions[m.pick(len(knownOptions))]
	value, size := m.out(16), m.put(uint32(16))
	m.outputs = append(m.outputs, [2]uint32{size, 4})
	allowed := either(sockabi.ESUCCESS)
	if o.Level != sockabi.SOL_SOCKET || o.Number == sockabi.SO_BINDTODEVICE || o.Number == sockabi.SO_PORTORDER {
		allowed = append(allowed, sockabi.ENOPROTOOPT, sockabi.ENOTSUP, sockabi.EINVAL)
	}
	if m.do(s, allowed, "sock_getsockopt", fd, o.Level, o.Number, value, size) != 0 {
		return
	}
	switch got := m.u32(value); {
	case o.Name == "SO_TYPE" && got != s.kind:
		m.Fatalf("the type of %+v is %d", s, got)
	case o.Name == "SO_ACCEPTCONN" && !s.shut && got != 0 != s.listens:
		m.Fatalf("SO_ACCEPTCONN of %+v is %d", s, got)
	}
}

func (m *model) doSetOption() {
	fd, s := m.some()
	o := knownOptions[m.pick(len(knownOptions))]
	value := m.put([]uint32{0, 1, 2, 1000, 1 << 31, 0xffff_ffff}[m.pick(6)], uint32(m.pick(2)), uint32(m.pick(2)), uint32(0))
	size := []uint32{16, 8, 4, 3}[m.pick(4)]
	m.do(s, either(sockabi.ESUCCESS, sockabi.EINVAL, sockabi.ENOPROTOOPT, sockabi.EACCES, sockabi.EDOM, sockabi.ENOTSUP, sockabi.EPERM),
		"sock_setsockopt", fd, o.Level, o.Number, value, size)
	if s != nil {
		m.hurry(fd)
	}
}

func (m *model) doAddress() {
	fd, s := m.some()
	name, allowed := "sock_getlocaladdr", either(sockabi.ESUCCESS)
	if m.pick(2) == 0 {
		name = "sock_getpeeraddr"
		switch {
		case s == nil:
		case !s.dialled:
			allowed = either(sockabi.ENOTCONN)
		default:
			allowed = append(allowed, sockabi.ENOTCONN, sockabi.EINVAL)
		}
	}
	if m.pick(3) == 0 {
		allowed = append(allowed, sockabi.ENOMEM)
		m.do(s, allowed, name, fd, m.put(sockabi.Address{Buf: m.out(16), Len: 16}), m.out(4), m.out(4))
		return
	}
	m.do(s, allowed, name, fd, m.put(sockabi.Address{Buf: m.out(128), Len: 128}), m.out(4))
}

func (m *model) doNames() {
	names := []string{"127.0.0.1", "::1", "both.test", "four.test", "local.test", "later.test", "slow.test", "broken.test", "odd.test", "none.test", ""}
	from := m.next
	list := m.list(m.pick(4), []int{14, 26, 4}[m.pick(3)], m.pick(2)*32)
	m.outputs = append(m.outputs, [2]uint32{from, list - from})
	hints := sockabi.AddrInfo{Flags: uint16(m.pick(64)), Family: uint8(m.pick(4)), SockType: uint8(m.pick(3)), Protocol: uint8(m.pick(3))}
	args := m.ask(names[m.pick(len(names))]+"\x00", []string{"80", "http", "", "none"}[m.pick(4)]+"\x00", hints, list)
	m.outputs = append(m.outputs, [2]uint32{args[7], 4})
	allowed := either(sockabi.ESUCCESS, sockabi.EINVAL)
	for e := sockabi.EAI_ADDRFAMILY; e.Name() != "" && strings.HasPrefix(e.Name(), "EAI_"); e++ {
		allowed = append(allowed, e)
	}
	m.do(new(modelled), allowed, "sock_getaddrinfo", args...)
}
