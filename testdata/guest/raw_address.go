//go:build !v1

package main

import (
	"net/netip"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

// getters are all names of version 2 for a socket's two addresses.
var getters = []string{"sock_getlocaladdr", "sock_getlocaladdr_v2", "sock_getpeeraddr", "sock_getpeeraddr_v2"}

var addresses = []sentence{
	{"the getters of version 2 take 128 bytes and nothing else", func(t *T) {
		client, _ := t.pair(loopback4)
		for _, getter := range getters {
			for _, n := range []uint32{0, 4, 16, 126, 127, 128, 129, 256} {
				raw, port := room(256), place(uint32(0xeeeeeeee))
				e := call(getter, client, at(place(sockabi.Address{Buf: start(raw), Len: n})), at(port))
				t.Logf("%s %d bytes: %s %v", getter, n, name(e), *port != 0xeeeeeeee)
			}
		}
	}},
	{"an address is written at the start of its 128 bytes and the rest stays", func(t *T) {
		for _, f := range families {
			client, _ := t.pair(f.loopback)
			for _, getter := range getters {
				raw := room(128)
				t.Is(getter, call(getter, client, at(place(sockabi.Address{Buf: start(raw), Len: 128})), at(place(uint32(0)))), sockabi.ESUCCESS)
				t.Logf("%s %q", f.name, strings.TrimRight(string(raw), "?"))
			}
		}
	}},
	{"the port is 4 bytes in the guest's own order", func(t *T) {
		l := t.listener(loopback4)
		client := t.dial(t.local(l))
		server := t.accepted(l)
		port := place(uint32(0xeeeeeeee))
		a := at(storage(sockabi.AF_INET4, ""))
		t.OK("sock_getlocaladdr_v2", call("sock_getlocaladdr_v2", client, a, at(port)))
		t.Log(*port == uint32(t.peer(server).Port()))
	}},
	{"only what is connected has a peer", func(t *T) {
		for _, getter := range []string{"sock_getpeeraddr", "sock_getpeeraddr_v2"} {
			for _, c := range []struct {
				name string
				fd   uint32
			}{
				{"a new stream", t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)},
				{"a listener", t.listener(loopback4)},
				{"a datagram socket", t.bound(loopback4, sockabi.SOCK_DGRAM)},
			} {
				_, _, e := addressOf(getter, c.fd)
				t.Is(getter+" "+c.name, e, sockabi.ENOTCONN)
			}
		}
	}},
	{"a listener on [::] serves IPv4 too, as mapped addresses", func(t *T) {
		l := t.socket(sockabi.AF_INET6, sockabi.SOCK_STREAM)
		t.OK("sock_bind_v2", bind(l, netip.AddrPortFrom(netip.IPv6Unspecified(), 0)))
		t.OK("sock_listen_v2", call("sock_listen_v2", l, 16))
		for _, f := range families {
			client := t.dial(netip.AddrPortFrom(f.loopback, t.local(l).Port()))
			server := t.accepted(l)
			t.Log(f.name, t.local(server).Addr(), t.peer(server).Addr(), t.peer(server).Port() == t.local(client).Port())
		}
	}},
	{"a datagram socket on [::] serves IPv4 too, as mapped addresses", func(t *T) {
		b := t.nonblocking(t.socket(sockabi.AF_INET6, sockabi.SOCK_DGRAM))
		t.OK("sock_bind_v2", bind(b, netip.AddrPortFrom(netip.IPv6Unspecified(), 0)))
		for _, f := range families {
			a, from := t.udp(f.loopback)
			_, e := sendTo(a, "hello", netip.AddrPortFrom(f.loopback, t.local(b).Port()))
			t.OK("sock_send_to_v2", e)
			sender := t.receivedFrom(b, 16).addrPort(t)
			t.Log(f.name, sender.Addr(), sender.Port() == from.Port())
			_, e = sendTo(b, "back", sender)
			t.Is("sock_send_to_v2", e, sockabi.ESUCCESS)
			t.Log(t.received(a, 16))
		}
	}},
	{"an IPv4-mapped address can be connected to from an IPv6 socket", func(t *T) {
		l := t.listener(loopback4)
		to := netip.AddrPortFrom(netip.AddrFrom16(loopback4.As16()), t.local(l).Port())
		client := t.dial(to)
		t.wait(writable(client))
		t.Log(t.peer(client).Addr(), t.local(client).Addr())
	}},
	{"an address of 128 bytes names its family, whatever its socket", func(t *T) {
		t.Is("IPv4 on an IPv6 socket", call("sock_bind_v2", t.socket(sockabi.AF_INET6, sockabi.SOCK_STREAM), at(full(loopback4)), 0), sockabi.EINVAL)
		t.Is("IPv6 on an IPv4 socket", call("sock_bind_v2", t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM), at(full(loopback6)), 0), sockabi.EAFNOSUPPORT)
	}},
	{"the plain names take no address of 128 bytes", func(t *T) {
		for _, f := range families {
			to := t.local(t.listener(f.loopback))
			t.Log("sock_bind", name(call("sock_bind", t.socket(f.family, sockabi.SOCK_STREAM), at(full(f.loopback)), 0)))
			t.Log("sock_connect", name(call("sock_connect", t.nonblocking(t.socket(f.family, sockabi.SOCK_STREAM)), at(full(f.loopback)), uint32(to.Port()))))
			a, to := t.udp(f.loopback)
			iovs, n := vector(text("hello"))
			t.Log("sock_send_to", name(call("sock_send_to", a, iovs, n, at(full(f.loopback)), uint32(to.Port()), 0, at(place(uint32(0))))))
		}
	}},
	{"the rest of an address of 128 bytes is ignored", func(t *T) {
		for _, f := range families {
			l := t.listener(f.loopback)
			fd := t.nonblocking(t.socket(f.family, sockabi.SOCK_STREAM))
			t.Is(f.name, call("sock_connect_v2", fd, at(full(f.loopback)), uint32(t.local(l).Port())), sockabi.EINPROGRESS)
			t.wait(writable(fd))
			t.Log(t.peer(fd) == t.local(l))
		}
	}},
}
