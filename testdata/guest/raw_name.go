//go:build !v1

package main

import (
	"net/netip"

	"github.com/wasisock/wasisock/sockabi"
)

// resolve is sock_getaddrinfo with a list of max nodes, and how many of them
// the host filled.
func resolve(node, service string, hints sockabi.AddrInfo, max int) (*list, int, sockabi.Errno) {
	l := newList(max, sockabi.SockAddrInet6Size, 256)
	count := place(uint32(0))
	n, s := text(node), text(service)
	e := call("sock_getaddrinfo", startOf(n), uint32(len(n)), startOf(s), uint32(len(s)), at(place(hints)), at(l.first), uint32(max), at(count))
	if e != sockabi.ESUCCESS {
		return l, 0, e
	}
	return l, int(*count), e
}

// startOf is the address of b, or 0 if it is empty.
func startOf(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	return start(b)
}

// addr is the address and port of a node.
func (l *list) addr(i int) netip.AddrPort {
	data := l.data[i]
	port := uint16(data[0])<<8 | uint16(data[1])
	if l.addrs[i].Family == sockabi.AF_INET4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(data[2:6])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(data[6:22])), port)
}

// Resolved writes what a name resolves to.
func (t *T) Resolved(node, service string, hints sockabi.AddrInfo) {
	l, n, e := resolve(node, service, hints, 4)
	t.Logf("%q %q: %s", node, service, name(e))
	for i := range n {
		t.Log(l.addr(i), "family", l.nodes[i].Family, l.addrs[i].Family, "type", l.nodes[i].SockType, "protocol", l.nodes[i].Protocol)
	}
}

var (
	stream4 = sockabi.AddrInfo{Family: sockabi.AF_INET4, SockType: sockabi.SOCK_STREAM}
	stream6 = sockabi.AddrInfo{Family: sockabi.AF_INET6, SockType: sockabi.SOCK_STREAM}
	stream  = sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}
	dgram   = sockabi.AddrInfo{SockType: sockabi.SOCK_DGRAM}
)

// flagged is hints with flags.
func flagged(hints sockabi.AddrInfo, flags uint16) sockabi.AddrInfo {
	hints.Flags = flags
	return hints
}

var naming = []sentence{
	{"numbers resolve to themselves", func(t *T) {
		t.Resolved("127.0.0.1", "80", stream)
		t.Resolved("127.0.0.1", "80", stream4)
		t.Resolved("127.0.0.1", "80", dgram)
		t.Resolved("::1", "80", stream)
		t.Resolved("::1", "80", stream6)
		t.Resolved("::ffff:127.0.0.1", "80", stream)
		t.Resolved("192.0.2.1", "65535", stream)
		t.Resolved("2001:db8::1", "0", stream)
	}},
	{"the name of this machine's loopback resolves", func(t *T) {
		l, n, e := resolve("localhost", "80", stream4, 4)
		t.Is("sock_getaddrinfo", e, sockabi.ESUCCESS)
		t.Log(n > 0, l.addr(0))
	}},
	{"numbers of the other family do not resolve", func(t *T) {
		t.Resolved("::1", "80", stream4)
		t.Resolved("127.0.0.1", "80", stream6)
	}},
	{"no service is port 0", func(t *T) {
		t.Resolved("127.0.0.1", "", stream)
	}},
	{"no node is loopback, or every address with AI_PASSIVE", func(t *T) {
		t.Resolved("", "80", stream4)
		t.Resolved("", "80", stream6)
		t.Resolved("", "80", flagged(stream4, sockabi.AI_PASSIVE))
		t.Resolved("", "80", flagged(stream6, sockabi.AI_PASSIVE))
	}},
	{"AI_PASSIVE does not change a node that is given", func(t *T) {
		t.Resolved("127.0.0.1", "80", flagged(stream4, sockabi.AI_PASSIVE))
	}},
	{"AI_NUMERICHOST refuses names", func(t *T) {
		t.Resolved("localhost", "80", flagged(stream4, sockabi.AI_NUMERICHOST))
		t.Resolved("127.0.0.1", "80", flagged(stream4, sockabi.AI_NUMERICHOST))
	}},
	{"AI_NUMERICSERV refuses names of services", func(t *T) {
		t.Resolved("127.0.0.1", "http", flagged(stream4, sockabi.AI_NUMERICSERV))
		t.Resolved("127.0.0.1", "80", flagged(stream4, sockabi.AI_NUMERICSERV))
	}},
	{"AI_V4MAPPED finds IPv4 as mapped addresses", func(t *T) {
		t.Resolved("127.0.0.1", "80", flagged(stream6, sockabi.AI_V4MAPPED))
	}},
	{"AI_CANONNAME names what was resolved", func(t *T) {
		for _, node := range []string{"127.0.0.1", "::1"} {
			l, n, e := resolve(node, "80", flagged(stream, sockabi.AI_CANONNAME|sockabi.AI_NUMERICHOST), 4)
			t.Is("sock_getaddrinfo", e, sockabi.ESUCCESS)
			t.Logf("%d %d %q", n, l.nodes[0].CanonNameLen, l.names[0][:l.nodes[0].CanonNameLen+2])
		}
	}},
	{"without AI_CANONNAME there is no name", func(t *T) {
		l, _, e := resolve("127.0.0.1", "80", stream, 4)
		t.Is("sock_getaddrinfo", e, sockabi.ESUCCESS)
		t.Logf("%d %q", l.nodes[0].CanonNameLen, l.names[0][:4])
	}},
	{"an address is 14 bytes of IPv4 or 26 of IPv6, and the native size stands beside it", func(t *T) {
		for _, node := range []string{"127.0.0.1", "2001:db8::1"} {
			l, _, e := resolve(node, "80", stream, 1)
			t.Is("sock_getaddrinfo", e, sockabi.ESUCCESS)
			t.Logf("%d %d %q", l.nodes[0].AddrLen, l.addrs[0].DataLen, l.data[0])
		}
	}},
	{"the list stays linked as the guest linked it", func(t *T) {
		l, n, e := resolve("127.0.0.1", "80", stream, 3)
		t.Is("sock_getaddrinfo", e, sockabi.ESUCCESS)
		t.Log(n, *l.first == at(l.nodes[0]), l.nodes[0].Next == at(l.nodes[1]), l.nodes[1].Next == at(l.nodes[2]), l.nodes[2].Next)
		t.Log("the unused are untouched:", *l.nodes[1] == sockabi.AddrInfo{Addr: at(l.addrs[1]), CanonName: start(l.names[1]), CanonNameLen: 256, Next: at(l.nodes[2])})
	}},
	{"a node and a service may have their NUL", func(t *T) {
		t.Resolved("127.0.0.1\x00", "80\x00", stream)
	}},
	{"a protocol alone does not choose, but must fit the type", func(t *T) {
		for _, c := range []struct{ typ, protocol uint8 }{
			{sockabi.SOCK_STREAM, sockabi.IPPROTO_IP},
			{sockabi.SOCK_STREAM, sockabi.IPPROTO_TCP},
			{sockabi.SOCK_STREAM, sockabi.IPPROTO_UDP},
			{sockabi.SOCK_DGRAM, sockabi.IPPROTO_UDP},
			{sockabi.SOCK_DGRAM, sockabi.IPPROTO_TCP},
		} {
			t.Log("type", c.typ, "protocol", c.protocol)
			t.Resolved("127.0.0.1", "80", sockabi.AddrInfo{Family: sockabi.AF_INET4, SockType: c.typ, Protocol: c.protocol})
		}
	}},
	{"neither a node nor a service is EAI_NONAME", func(t *T) {
		t.Resolved("", "", stream)
	}},
	{"no room for results is EAI_MEMORY", func(t *T) {
		n := text("127.0.0.1")
		t.Is("sock_getaddrinfo", call("sock_getaddrinfo", start(n), uint32(len(n)), 0, 0, at(place(stream)), at(place(uint32(0))), 0, at(place(uint32(0)))), sockabi.EAI_MEMORY)
	}},
	{"results beyond the list are dropped", func(t *T) {
		// Each of these has one result for every type that is asked for.
		_, all, e := resolve("", "80", flagged(stream, sockabi.AI_PASSIVE), 4)
		t.Is("sock_getaddrinfo", e, sockabi.ESUCCESS)
		l, n, e := resolve("", "80", flagged(stream, sockabi.AI_PASSIVE), 1)
		t.Is("sock_getaddrinfo", e, sockabi.ESUCCESS)
		t.Log(all, n, l.addr(0).Addr().IsUnspecified())
	}},
	{"unknown flags are EAI_BADFLAG", func(t *T) {
		for _, flags := range []uint16{128, 256, 1 << 15} {
			t.Resolved("127.0.0.1", "80", flagged(stream, flags))
		}
		t.Resolved("", "80", flagged(stream, sockabi.AI_CANONNAME))
	}},
	{"unknown families are EAI_FAMILY", func(t *T) {
		for _, family := range []uint8{sockabi.AF_UNIX, 4, 255} {
			t.Resolved("127.0.0.1", "80", sockabi.AddrInfo{Family: family, SockType: sockabi.SOCK_STREAM})
		}
	}},
	{"unknown types and protocols are ENOSYS", func(t *T) {
		t.Resolved("127.0.0.1", "80", sockabi.AddrInfo{SockType: 3})
		t.Resolved("127.0.0.1", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM, Protocol: 3})
	}},
	{"bad services are EAI_SERVICE", func(t *T) {
		t.Resolved("127.0.0.1", "no-such-service", stream)
	}},
	{"a service above 65535 loses its high bits", func(t *T) {
		t.Resolved("127.0.0.1", "65536", stream)
		t.Resolved("127.0.0.1", "-1", stream)
	}},
	{"what is not a number is EAI_NONAME where a number was wanted", func(t *T) {
		t.Resolved("no name", "80", flagged(stream, sockabi.AI_NUMERICHOST))
		t.Resolved("1.2.3.256", "80", flagged(stream, sockabi.AI_NUMERICHOST))
	}},
	{"short forms of IPv4 resolve as ever", func(t *T) {
		for _, node := range []string{"127.1", "0x7f.1", "2130706433", "0177.0.0.1"} {
			t.Resolved(node, "80", flagged(stream4, sockabi.AI_NUMERICHOST))
		}
	}},
}
