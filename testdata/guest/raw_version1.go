//go:build v1

package main

import (
	"net/netip"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

// getters1 are the getters of version 1, which say the type of the address.
var getters1 = []string{"sock_getlocaladdr", "sock_getpeeraddr"}

var versionOne = []sentence{
	{"version 1 of accepting takes two parameters and gives a connection that blocks", func(t *T) {
		l := t.listener(loopback4)
		fd := place(^uint32(0))
		t.Is("sock_accept", call("sock_accept", l, at(fd)), sockabi.EAGAIN)
		client := t.dial(t.local(l))
		t.wait(readable(l))
		t.Is("sock_accept", call("sock_accept", l, at(fd)), sockabi.ESUCCESS)
		t.Log("flags:", t.fdstat(*fd).Flags)
		t.sendAll(*fd, "hello")
		t.Log(t.received(client, 16))
	}},
	{"version 1 of the getters says 4 or 6, and the port in the guest's own order", func(t *T) {
		for _, f := range families {
			client, server := t.pair(f.loopback)
			for i, getter := range getters1 {
				raw := room(16)
				typ, port := place(^uint32(0)), place(^uint32(0))
				t.Is(getter, call(getter, client, at(place(sockabi.Address{Buf: start(raw), Len: 16})), at(typ), at(port)), sockabi.ESUCCESS)
				want := []netip.AddrPort{t.peer(server), t.local(server)}[i]
				t.Logf("%s %d %q %v", f.name, *typ, strings.TrimRight(string(raw), "?"), *port == uint32(want.Port()))
			}
		}
	}},
	{"version 1 of the getters takes 4 and 16 bytes, and IPv6 needs 16", func(t *T) {
		for _, f := range families {
			client, _ := t.pair(f.loopback)
			for _, getter := range getters1 {
				for _, n := range []uint32{0, 3, 4, 5, 15, 16, 17, 128} {
					raw := room(128)
					e := call(getter, client, at(place(sockabi.Address{Buf: start(raw), Len: n})), at(place(uint32(0))), at(place(uint32(0))))
					t.Logf("%s %s %d bytes: %s %q", f.name, getter, n, name(e), strings.TrimRight(string(raw), "?"))
				}
			}
		}
	}},
	{"version 1 of the getters has no room for UNIX sockets", func(t *T) {
		fd := t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)
		for _, n := range []uint32{4, 16} {
			t.Log(name(call("sock_getlocaladdr", fd, at(place(sockabi.Address{Buf: start(room(16)), Len: n})), at(place(uint32(0))), at(place(uint32(0))))))
		}
	}},
	{"version 1 of sock_getpeeraddr needs a peer", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		typ, port := place(uint32(9)), place(uint32(9))
		t.Is("sock_getpeeraddr", call("sock_getpeeraddr", fd, at(place(sockabi.Address{Buf: start(room(16)), Len: 16})), at(typ), at(port)), sockabi.ENOTCONN)
		t.Log(*typ, *port)
	}},
	{"version 1 of sock_recv_from has no port", func(t *T) {
		for _, f := range families {
			a, to := t.udp(f.loopback)
			for _, n := range []uint32{0, 3, 4, 5, 15, 16, 17, 128} {
				_, e := sendTo(a, "hello", to)
				t.OK("sock_send_to_v2", e)
				t.wait(readable(a))
				raw, buf := room(128), room(16)
				iovs, count := vector(buf)
				got, flags := place(uint32(0)), place(uint16(9))
				e = call("sock_recv_from", a, iovs, count, at(place(sockabi.Address{Buf: start(raw), Len: n})), 0, at(got), at(flags))
				t.Logf("%s %d bytes: %s %d %q %d %q", f.name, n, name(e), *got, strings.TrimRight(string(buf), "?"), *flags, strings.TrimRight(string(raw), "?"))
				recv(a, 16, 0)
			}
		}
	}},
	{"version 1 of sock_recv_from would block, peeks, cuts and refuses as version 2", func(t *T) {
		a, to := t.udp(loopback4)
		receive := func(size int, flags uint32) (string, uint16, sockabi.Errno) {
			buf := room(size)
			iovs, count := vector(buf)
			got, roflags := place(uint32(0)), place(uint16(0))
			e := call("sock_recv_from", a, iovs, count, at(place(sockabi.Address{Buf: start(room(16)), Len: 16})), flags, at(got), at(roflags))
			return string(buf[:*got]), *roflags, e
		}
		_, _, e := receive(16, 0)
		t.Is("nothing there", e, sockabi.EAGAIN)
		_, e = sendTo(a, "hello, world", to)
		t.OK("sock_send_to_v2", e)
		t.wait(readable(a))
		_, _, e = receive(16, 4)
		t.Is("unknown flags", e, sockabi.EINVAL)
		data, flags, e := receive(16, sockabi.RI_PEEK)
		t.Is("peeking", e, sockabi.ESUCCESS)
		t.Log(data, flags)
		data, flags, e = receive(5, 0)
		t.Is("into 5 bytes", e, sockabi.ESUCCESS)
		t.Log(data, flags)
	}},
	{"version 1 beside version 2: the names with _v2 stay those of version 2", func(t *T) {
		client, _ := t.pair(loopback4)
		t.Is("sock_bind_v2 to 128 bytes", call("sock_bind_v2", t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM), at(full(loopback4)), 0), sockabi.ESUCCESS)
		t.Is("sock_getlocaladdr_v2 of 128 bytes", call("sock_getlocaladdr_v2", client, at(storage(sockabi.AF_INET4, "")), at(place(uint32(0)))), sockabi.ESUCCESS)
		t.Is("sock_getlocaladdr_v2 of 16 bytes", call("sock_getlocaladdr_v2", client, at(bare(loopback6)), at(place(uint32(0)))), sockabi.EINVAL)
	}},
	{"a conversation by the names and signatures of the crate wasmedge_wasi_socket", func(t *T) {
		opened := func(typ uint32) uint32 {
			fd := place(uint32(0))
			t.OK("sock_open", call("sock_open", sockabi.AF_INET4, typ, at(fd)))
			t.OK("sock_bind", call("sock_bind", *fd, at(bare(loopback4)), 0))
			return *fd
		}
		named := func(getter string, fd uint32) netip.AddrPort {
			raw, typ, port := room(16), place(uint32(0)), place(uint32(0))
			t.OK(getter, call(getter, fd, at(place(sockabi.Address{Buf: start(raw), Len: 16})), at(typ), at(port)))
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw)), uint16(*port))
		}
		receive := func(fd uint32) string {
			buf, got, flags := room(16), place(uint32(0)), place(uint16(0))
			iovs, n := vector(buf)
			t.OK("sock_recv", call("sock_recv", fd, iovs, n, 0, at(got), at(flags)))
			return string(buf[:*got])
		}
		l, client, server := opened(sockabi.SOCK_STREAM), opened(sockabi.SOCK_STREAM), place(uint32(0))
		t.OK("sock_listen", call("sock_listen", l, 8))
		to := named("sock_getlocaladdr", l)
		t.Is("sock_connect", call("sock_connect", client, at(bare(loopback4)), uint32(to.Port())), sockabi.ESUCCESS)
		t.Is("sock_accept", call("sock_accept", l, at(server)), sockabi.ESUCCESS)
		t.Log(named("sock_getpeeraddr", *server) == named("sock_getlocaladdr", client), named("sock_getpeeraddr", client) == to)
		iovs, n := vector(text("hello"))
		t.Is("sock_send", call("sock_send", client, iovs, n, 0, at(place(uint32(0)))), sockabi.ESUCCESS)
		t.Log(receive(*server))
		t.Is("sock_shutdown", call("sock_shutdown", client, sockabi.SHUT_WR), sockabi.ESUCCESS)
		t.Logf("%q", receive(*server))

		a, b := opened(sockabi.SOCK_DGRAM), opened(sockabi.SOCK_DGRAM)
		t.Is("sock_send_to", call("sock_send_to", a, iovs, n, at(bare(loopback4)), uint32(named("sock_getlocaladdr", b).Port()), 0, at(place(uint32(0)))), sockabi.ESUCCESS)
		raw, buf, got := room(16), room(16), place(uint32(0))
		iovs, n = vector(buf)
		t.Is("sock_recv_from", call("sock_recv_from", b, iovs, n, at(place(sockabi.Address{Buf: start(raw), Len: 16})), 0, at(got), at(place(uint16(0)))), sockabi.ESUCCESS)
		t.Log(string(buf[:*got]))
	}},
}
