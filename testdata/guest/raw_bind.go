//go:build !v1

package main

import (
	"net/netip"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

var binding = []sentence{
	{"binding to port 0 takes a free port", func(t *T) {
		for _, f := range families {
			for _, typ := range []uint32{sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM} {
				a := t.local(t.bound(f.loopback, typ))
				t.Log(f.name, a.Addr(), a.Port() != 0)
			}
		}
	}},
	{"an unbound socket's address is zero", func(t *T) {
		for _, f := range families {
			t.Log(t.local(t.socket(f.family, sockabi.SOCK_STREAM)))
			t.Log(t.local(t.socket(f.family, sockabi.SOCK_DGRAM)))
		}
	}},
	{"the plain sock_bind takes 4 and 16 bytes", func(t *T) { bindLengths(t, "sock_bind") }},
	{"sock_bind_v2 takes 4, 16 and 128 bytes", func(t *T) { bindLengths(t, "sock_bind_v2") }},
	{"an address of the other family cannot be bound", func(t *T) {
		for _, function := range []string{"sock_bind", "sock_bind_v2"} {
			t.Is(function+" IPv4 on an IPv6 socket", call(function, t.socket(sockabi.AF_INET6, sockabi.SOCK_STREAM), at(bare(loopback4)), 0), sockabi.EINVAL)
			t.Is(function+" IPv6 on an IPv4 socket", call(function, t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM), at(bare(loopback6)), 0), sockabi.EAFNOSUPPORT)
		}
	}},
	{"an address that is not the machine's cannot be bound", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.Is("192.0.2.1", bind(fd, netip.MustParseAddrPort("192.0.2.1:0")), sockabi.EADDRNOTAVAIL)
	}},
	{"a port that is taken cannot be bound", func(t *T) {
		for _, f := range families {
			for _, typ := range []uint32{sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM} {
				taken := t.local(t.bound(f.loopback, typ))
				t.Is(f.name, bind(t.socket(f.family, typ), taken), sockabi.EADDRINUSE)
			}
		}
	}},
	{"a stream and a datagram socket share a port", func(t *T) {
		taken := t.local(t.bound(loopback4, sockabi.SOCK_STREAM))
		t.Is("sock_bind_v2", bind(t.socket(sockabi.AF_INET4, sockabi.SOCK_DGRAM), taken), sockabi.ESUCCESS)
	}},
	{"SO_REUSEADDR lets a port be bound twice but not listened on twice", func(t *T) {
		first := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		second := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, fd := range []uint32{first, second} {
			t.OK("sock_setsockopt", setOption(fd, sockabi.SOL_SOCKET, sockabi.SO_REUSEADDR, 1))
		}
		t.OK("sock_bind_v2", bind(first, netip.AddrPortFrom(loopback4, 0)))
		t.Is("bind the second", bind(second, t.local(first)), sockabi.ESUCCESS)
		t.Is("listen on the first", call("sock_listen_v2", first, 1), sockabi.ESUCCESS)
		t.Is("listen on the second", call("sock_listen_v2", second, 1), sockabi.EADDRINUSE)
	}},
	{"a socket cannot be bound twice", func(t *T) {
		fd := t.bound(loopback4, sockabi.SOCK_STREAM)
		t.Is("sock_bind_v2", bind(fd, netip.AddrPortFrom(loopback4, 0)), sockabi.EINVAL)
	}},
	{"a port above 65535 loses its high bits", func(t *T) {
		taken := t.local(t.bound(loopback4, sockabi.SOCK_DGRAM))
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_DGRAM)
		t.Log("65536 + a port that is taken:", name(call("sock_bind_v2", fd, at(bare(loopback4)), 1<<16+uint32(taken.Port()))))
		t.Log("65536:", name(call("sock_bind_v2", fd, at(bare(loopback4)), 1<<16)))
	}},
	{"binding to the wildcard address is told so", func(t *T) {
		for _, a := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			fd := t.socket(familyOf(a), sockabi.SOCK_STREAM)
			t.OK("sock_bind_v2", bind(fd, netip.AddrPortFrom(a, 0)))
			t.Log(t.local(fd).Addr())
		}
	}},
	{"listening without binding takes a free port of every address", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.Is("sock_listen_v2", call("sock_listen_v2", fd, 1), sockabi.ESUCCESS)
		a := t.local(fd)
		t.Log(a.Addr(), a.Port() != 0)
	}},
	{"every backlog is accepted", func(t *T) {
		for _, function := range []string{"sock_listen", "sock_listen_v2"} {
			for _, backlog := range []int32{0, 1, 128, 1<<31 - 1, -1, -1 << 31} {
				fd := t.bound(loopback4, sockabi.SOCK_STREAM)
				t.Is(function, call(function, fd, uint32(backlog)), sockabi.ESUCCESS)
			}
		}
	}},
	{"listening again changes the backlog", func(t *T) {
		fd := t.listener(loopback4)
		t.Is("sock_listen_v2", call("sock_listen_v2", fd, 2), sockabi.ESUCCESS)
	}},
	{"datagrams are not listened for", func(t *T) {
		t.Is("sock_listen_v2", call("sock_listen_v2", t.bound(loopback4, sockabi.SOCK_DGRAM), 1), sockabi.ENOTSUP)
	}},
	{"a connected socket cannot listen", func(t *T) {
		client, _ := t.pair(loopback4)
		t.Is("sock_listen_v2", call("sock_listen_v2", client, 1), sockabi.EINVAL)
	}},
	{"a closed listener's port can be bound again", func(t *T) {
		l := t.listener(loopback4)
		a := t.local(l)
		t.close(l)
		t.Is("sock_bind_v2", bind(t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM), a), sockabi.ESUCCESS)
	}},
}

// bindLengths binds by every length of an address, good and bad.
func bindLengths(t *T, function string) {
	for _, f := range families {
		for _, n := range []uint32{0, 1, 3, 4, 5, 8, 14, 15, 16, 17, 28, 126, 127, 128, 129, 256} {
			raw := room(256)
			if n == sockabi.AddrStorageSize && !strings.HasSuffix(function, "_v2") {
				continue // see "the plain names take no address of 128 bytes"
			}
			if n == sockabi.AddrStorageSize {
				raw[0], raw[1] = byte(f.family), 0
				copy(raw[2:], f.loopback.AsSlice())
			} else {
				copy(raw, f.loopback.AsSlice())
			}
			fd := t.socket(f.family, sockabi.SOCK_STREAM)
			e := call(function, fd, at(place(sockabi.Address{Buf: start(raw), Len: n})), 0)
			t.Logf("%s %d bytes: %s %v", f.name, n, name(e), t.local(fd).Addr())
		}
	}
}
