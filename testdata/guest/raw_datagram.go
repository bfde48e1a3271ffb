//go:build !v1

package main

import (
	"net/netip"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

// A datagram holds the results of sock_recv_from.
type datagram struct {
	data  string
	from  sockabi.AddrStorage
	port  uint16 // as it stands in memory
	flags uint16
}

// addrPort is the sender's address. The port is in network order.
func (d datagram) addrPort(t *T) netip.AddrPort {
	return t.addrPort(d.from, uint32(d.port>>8|d.port<<8))
}

// recvFrom8 is sock_recv_from of version 2, by one of its names.
func recvFrom8(function string, fd uint32, size int, flags uint32) (datagram, sockabi.Errno) {
	buf := room(size)
	iovs, count := vector(buf)
	s := place(sockabi.AddrStorage{})
	port, n, roflags := place(uint16(0)), place(uint32(0)), place(uint16(0))
	e := call(function, fd, iovs, count, at(place(sockabi.Address{Buf: at(s), Len: sockabi.AddrStorageSize})), flags, at(port), at(n), at(roflags))
	if e != sockabi.ESUCCESS {
		return datagram{}, e
	}
	return datagram{string(buf[:*n]), *s, *port, *roflags}, e
}

// receivedFrom waits for a datagram and receives it.
func (t *T) receivedFrom(fd uint32, size int) datagram {
	t.wait(readable(fd))
	d, e := recvFrom8("sock_recv_from_v2", fd, size, 0)
	t.OK("sock_recv_from_v2", e)
	return d
}

var datagrams = []sentence{
	{"a datagram arrives with its sender's address", func(t *T) {
		for _, f := range families {
			a, from := t.udp(f.loopback)
			b, to := t.udp(f.loopback)
			for _, function := range []string{"sock_recv_from", "sock_recv_from_v2"} {
				n, e := sendTo(a, "hello", to)
				t.Is("sock_send_to_v2", e, sockabi.ESUCCESS)
				t.wait(readable(b))
				d, e := recvFrom8(function, b, 16, 0)
				t.Is(function, e, sockabi.ESUCCESS)
				t.Log(f.name, n, d.data, d.flags, d.addrPort(t) == from)
			}
		}
	}},
	{"the sender's port is 2 bytes in network order", func(t *T) {
		a, from := t.udp(loopback4)
		b, to := t.udp(loopback4)
		_, e := sendTo(a, "hello", to)
		t.OK("sock_send_to_v2", e)
		t.wait(readable(b))
		bytes := text("??????")
		iovs, n := vector(room(16))
		s := place(sockabi.AddrStorage{})
		t.OK("sock_recv_from_v2", call("sock_recv_from_v2", b, iovs, n, at(place(sockabi.Address{Buf: at(s), Len: 128})), 0, start(bytes[2:]), at(place(uint32(0))), at(place(uint16(0)))))
		t.Logf("%s two bytes %s", bytes[:2], bytes[4:])
		t.Log("network order:", uint16(bytes[2])<<8|uint16(bytes[3]) == from.Port())
	}},
	{"an unconnected datagram socket needs an address to send to", func(t *T) {
		a, _ := t.udp(loopback4)
		_, e := send(a, text("x"))
		t.Is("sock_send_v2", e, sockabi.EDESTADDRREQ)
	}},
	{"sending binds a datagram socket", func(t *T) {
		a := t.socket(sockabi.AF_INET4, sockabi.SOCK_DGRAM)
		_, to := t.udp(loopback4)
		_, e := sendTo(a, "x", to)
		t.Is("sock_send_to_v2", e, sockabi.ESUCCESS)
		t.Log(t.local(a).Addr(), t.local(a).Port() != 0)
	}},
	{"receiving a datagram when none is there would block", func(t *T) {
		a, _ := t.udp(loopback4)
		_, _, e := recv(a, 1, 0)
		t.Is("sock_recv_v2", e, sockabi.EAGAIN)
		_, e = recvFrom8("sock_recv_from_v2", a, 1, 0)
		t.Is("sock_recv_from_v2", e, sockabi.EAGAIN)
	}},
	{"an empty datagram arrives", func(t *T) {
		a, from := t.udp(loopback4)
		b, to := t.udp(loopback4)
		n, e := sendTo(a, "", to)
		t.Is("an empty buffer", e, sockabi.ESUCCESS)
		d := t.receivedFrom(b, 16)
		t.Logf("%d %q %d %v", n, d.data, d.flags, d.addrPort(t) == from)
		sent := place(^uint32(0))
		t.Is("no buffer", call("sock_send_to_v2", a, 0, 0, at(bare(to.Addr())), uint32(to.Port()), 0, at(sent)), sockabi.ESUCCESS)
		d = t.receivedFrom(b, 16)
		t.Logf("%d %q %d %v", *sent, d.data, d.flags, d.addrPort(t) == from)
		_, _, e = recv(b, 1, 0)
		t.Is("and no more", e, sockabi.EAGAIN)
	}},
	{"RI_PEEK leaves a datagram", func(t *T) {
		a, from := t.udp(loopback4)
		b, to := t.udp(loopback4)
		_, e := sendTo(a, "hello", to)
		t.OK("sock_send_to_v2", e)
		t.wait(readable(b))
		for _, flags := range []uint32{sockabi.RI_PEEK, sockabi.RI_PEEK, 0} {
			d, e := recvFrom8("sock_recv_from_v2", b, 16, flags)
			t.Is("sock_recv_from_v2", e, sockabi.ESUCCESS)
			t.Log(d.data, d.addrPort(t) == from)
		}
		_, _, e = recv(b, 1, 0)
		t.Is("and no more", e, sockabi.EAGAIN)
	}},
	{"a datagram longer than the buffers is cut and flagged, and its rest is gone", func(t *T) {
		a, _ := t.udp(loopback4)
		b, to := t.udp(loopback4)
		for range 3 {
			_, e := sendTo(a, "hello, world", to)
			t.OK("sock_send_to_v2", e)
		}
		d := t.receivedFrom(b, 5)
		t.Log("sock_recv_from_v2", d.data, d.flags)
		t.wait(readable(b))
		data, flags, e := recv(b, 5, 0)
		t.Is("sock_recv_v2", e, sockabi.ESUCCESS)
		t.Log(data, flags)
		data, flags, e = recv(b, 12, 0)
		t.Is("sock_recv_v2", e, sockabi.ESUCCESS)
		t.Log(data, flags)
		_, _, e = recv(b, 1, 0)
		t.Is("and no more", e, sockabi.EAGAIN)
	}},
	{"a datagram that meets no room is cut to nothing and flagged", func(t *T) {
		a, _ := t.udp(loopback4)
		b, to := t.udp(loopback4)
		_, e := sendTo(a, "hello", to)
		t.OK("sock_send_to_v2", e)
		d := t.receivedFrom(b, 0)
		t.Logf("%q %d", d.data, d.flags)
	}},
	{"a datagram is spread over the buffers", func(t *T) {
		a, _ := t.udp(loopback4)
		b, to := t.udp(loopback4)
		n := place(uint32(0))
		iovs, count := vector(text("hel"), nil, text("lo"))
		t.Is("sock_send_to_v2", call("sock_send_to_v2", a, iovs, count, at(bare(to.Addr())), uint32(to.Port()), 0, at(n)), sockabi.ESUCCESS)
		t.wait(readable(b))
		buf := room(5)
		iovs, count = vector(buf[:2], nil, buf[2:])
		got := place(uint32(0))
		t.Is("sock_recv_v2", call("sock_recv_v2", b, iovs, count, 0, at(got), at(place(uint16(0)))), sockabi.ESUCCESS)
		t.Log(*n, *got, string(buf))
	}},
	{"a datagram of 65507 bytes arrives and one more byte is too long", func(t *T) {
		a, _ := t.udp(loopback4)
		b, to := t.udp(loopback4)
		_, e := sendTo(a, strings.Repeat("x", 65508), to)
		t.Is("65508", e, sockabi.EMSGSIZE)
		n, e := sendTo(a, strings.Repeat("x", 65507), to)
		t.Is("65507", e, sockabi.ESUCCESS)
		t.Log(n, len(t.receivedFrom(b, 1<<16).data))
	}},
	{"broadcasting needs its option", func(t *T) {
		a := t.socket(sockabi.AF_INET4, sockabi.SOCK_DGRAM)
		to := netip.MustParseAddrPort("127.255.255.255:9")
		_, e := sendTo(a, "x", to)
		t.Is("without", e, sockabi.EACCES)
		t.OK("sock_setsockopt", setOption(a, sockabi.SOL_SOCKET, sockabi.SO_BROADCAST, 1))
		_, e = sendTo(a, "x", to)
		t.Is("with", e, sockabi.ESUCCESS)
	}},
	{"the plain sock_send_to takes 4 and 16 bytes", func(t *T) { sendToLengths(t, "sock_send_to") }},
	{"sock_send_to_v2 takes 4, 16 and 128 bytes", func(t *T) { sendToLengths(t, "sock_send_to_v2") }},
	{"sock_recv_from of 8 parameters takes 4, 16 and 128 bytes for the address", func(t *T) {
		for _, f := range families {
			a, _ := t.udp(f.loopback)
			b, to := t.udp(f.loopback)
			for _, length := range []uint32{0, 3, 4, 5, 15, 16, 17, 126, 127, 128, 129} {
				_, e := sendTo(a, "hello", to)
				t.OK("sock_send_to_v2", e)
				t.wait(readable(b))
				raw := room(256)
				iovs, n := vector(room(16))
				e = call("sock_recv_from", b, iovs, n, at(place(sockabi.Address{Buf: start(raw), Len: length})), 0, at(place(uint16(0))), at(place(uint32(0))), at(place(uint16(0))))
				t.Logf("%s %d bytes: %s %q", f.name, length, name(e), strings.TrimRight(string(raw), "?"))
				recv(b, 16, 0)
			}
		}
	}},
	{"sending refuses flags and receiving unknown ones, with an address too", func(t *T) {
		a, _ := t.udp(loopback4)
		b, to := t.udp(loopback4)
		iovs, n := vector(text("x"))
		for _, suffix := range []string{"", "_v2"} {
			for _, flags := range []uint32{1, 2, 1 << 15} {
				t.Is("sock_send_to"+suffix, call("sock_send_to"+suffix, a, iovs, n, at(bare(to.Addr())), uint32(to.Port()), flags, at(place(uint32(0)))), sockabi.EINVAL)
			}
			for _, flags := range []uint32{4, 8, 1 << 15} {
				_, e := recvFrom8("sock_recv_from"+suffix, b, 16, flags)
				t.Is("sock_recv_from"+suffix, e, sockabi.EINVAL)
			}
		}
	}},
	{"more than 1024 buffers are refused, with an address too", func(t *T) {
		a, _ := t.udp(loopback4)
		b, to := t.udp(loopback4)
		iovs, _ := vector(make([][]byte, 1025)...)
		for _, suffix := range []string{"", "_v2"} {
			for _, n := range []uint32{1025, 1 << 29, ^uint32(0)} {
				t.Is("sock_send_to"+suffix, call("sock_send_to"+suffix, a, iovs, n, at(bare(to.Addr())), uint32(to.Port()), 0, at(place(uint32(0)))), sockabi.EINVAL)
				t.Is("sock_recv_from"+suffix, call("sock_recv_from"+suffix, b, iovs, n, at(full(loopback4)), 0, at(place(uint16(0))), at(place(uint32(0))), at(place(uint16(0)))), sockabi.EINVAL)
			}
			t.Is("sock_send_to"+suffix, call("sock_send_to"+suffix, a, iovs, 1024, at(bare(to.Addr())), uint32(to.Port()), 0, at(place(uint32(0)))), sockabi.ESUCCESS)
		}
	}},
	{"a connected datagram socket sends and receives without addresses", func(t *T) {
		for _, f := range families {
			a, from := t.udp(f.loopback)
			b, to := t.udp(f.loopback)
			t.Is("sock_connect_v2", connect(a, to), sockabi.ESUCCESS)
			t.Log(f.name, t.peer(a) == to)
			t.sendAll(a, "hello")
			d := t.receivedFrom(b, 16)
			t.Log(d.data, d.addrPort(t) == from)
			_, e := sendTo(b, "back", from)
			t.Is("sock_send_to_v2", e, sockabi.ESUCCESS)
			t.Log(t.received(a, 16))
		}
	}},
	{"a connected datagram socket sends to other addresses too, and receives from its peer only", func(t *T) {
		a, from := t.udp(loopback4)
		_, to := t.udp(loopback4)
		c, other := t.udp(loopback4)
		t.OK("sock_connect_v2", connect(a, to))
		_, e := sendTo(a, "hello", other)
		t.Is("sock_send_to_v2", e, sockabi.ESUCCESS)
		t.Log(t.received(c, 16))
		_, e = sendTo(c, "dropped", from)
		t.OK("sock_send_to_v2", e)
		t.Happens("what the other sent", moment, readable(a))
	}},
	{"a datagram socket connects anew to another peer", func(t *T) {
		a, _ := t.udp(loopback4)
		b, first := t.udp(loopback4)
		c, second := t.udp(loopback4)
		t.OK("sock_connect_v2", connect(a, first))
		t.sendAll(a, "one")
		t.Is("sock_connect_v2", connect(a, second), sockabi.ESUCCESS)
		t.sendAll(a, "two")
		t.Log(t.received(b, 16), t.received(c, 16))
	}},
	{"a refused datagram is an error of the connected socket, told once", func(t *T) {
		for _, c := range []struct {
			name string
			call func(fd uint32) sockabi.Errno
		}{
			{"by its option", func(fd uint32) sockabi.Errno { return t.pendingError(fd) }},
			{"by receiving", func(fd uint32) sockabi.Errno { _, _, e := recv(fd, 1, 0); return e }},
			{"by sending", func(fd uint32) sockabi.Errno { _, e := send(fd, text("x")); return e }},
		} {
			a := t.refused()
			t.Is(c.name, c.call(a), sockabi.ECONNREFUSED)
			_, _, e := recv(a, 1, 0)
			t.Is("then", e, sockabi.EAGAIN)
		}
	}},
	{"a refused datagram makes the socket writable, and ends a wait to read alone with no event", func(t *T) {
		a := t.refused()
		t.Happens("writing", patience, writable(a))
		t.Happens("both", patience, readable(a), writable(a))
		events, e := polled("poll_oneoff", readable(a), after(patience))
		t.Is("reading alone ends the call", e, sockabi.ESUCCESS)
		t.Log("with events:", inWords(kinds(events)))
	}},
	{"an unconnected datagram socket hears of no refusal", func(t *T) {
		a, _ := t.udp(loopback4)
		gone, to := t.udp(loopback4)
		t.close(gone)
		_, e := sendTo(a, "x", to)
		t.Is("sock_send_to_v2", e, sockabi.ESUCCESS)
		t.Happens("then", moment, readable(a))
		t.Is("its error", t.pendingError(a), sockabi.ESUCCESS)
	}},
	{"a datagram socket is writable at once and readable when a datagram is there", func(t *T) {
		a, to := t.udp(loopback4)
		t.Happens("before", moment, readable(a), writable(a))
		_, e := sendTo(a, "to itself", to)
		t.OK("sock_send_to_v2", e)
		t.wait(readable(a))
		t.Happens("after", patience, readable(a), writable(a))
	}},
	{"an IPv6 address cannot be sent to over IPv4", func(t *T) {
		a, _ := t.udp(loopback4)
		_, e := sendTo(a, "x", netip.AddrPortFrom(loopback6, 9))
		t.Is("sock_send_to_v2", e, sockabi.EAFNOSUPPORT)
	}},
	{"an IPv4 address can be sent to from an IPv6 socket of every address, and from no other", func(t *T) {
		b, to := t.udp(loopback4)
		a := t.socket(sockabi.AF_INET6, sockabi.SOCK_DGRAM)
		_, e := sendTo(a, "hello", to)
		t.Is("from [::]", e, sockabi.ESUCCESS)
		t.Log(t.received(b, 16))
		a, _ = t.udp(loopback6)
		_, e = sendTo(a, "hello", to)
		t.Is("from [::1]", e, sockabi.ENETUNREACH)
	}},
	{"datagrams cannot be sent to port 0", func(t *T) {
		a, _ := t.udp(loopback4)
		_, e := sendTo(a, "x", netip.AddrPortFrom(loopback4, 0))
		t.Is("sock_send_to_v2", e, sockabi.EINVAL)
	}},
	{"a datagram's port above 65535 loses its high bits", func(t *T) {
		a, _ := t.udp(loopback4)
		b, to := t.udp(loopback4)
		n := place(uint32(0))
		iovs, count := vector(text("hello"))
		e := call("sock_send_to_v2", a, iovs, count, at(bare(to.Addr())), 1<<16+uint32(to.Port()), 0, at(n))
		t.Log(name(e))
		if e == sockabi.ESUCCESS {
			t.Log(t.received(b, 16))
		}
	}},
	{"shutting a connected datagram socket down succeeds, an unconnected one is not connected", func(t *T) {
		a, _ := t.udp(loopback4)
		_, to := t.udp(loopback4)
		t.Is("unconnected", call("sock_shutdown", a, sockabi.SHUT_RDWR), sockabi.ENOTCONN)
		t.OK("sock_connect_v2", connect(a, to))
		t.Is("connected", call("sock_shutdown", a, sockabi.SHUT_RDWR), sockabi.ESUCCESS)
		_, e := send(a, text("x"))
		t.Is("sending then", e, sockabi.EPIPE)
	}},
}

// refused is a connected datagram socket whose peer's host has said that
// nobody is there.
func (t *T) refused() uint32 {
	a, _ := t.udp(loopback4)
	gone, to := t.udp(loopback4)
	t.OK("sock_connect_v2", connect(a, to))
	t.close(gone)
	t.sendAll(a, "x")
	return a
}

// sendToLengths sends to every length of an address, good and bad.
func sendToLengths(t *T, function string) {
	for _, f := range families {
		a, _ := t.udp(f.loopback)
		b, to := t.udp(f.loopback)
		for _, length := range []uint32{0, 1, 3, 4, 5, 8, 14, 15, 16, 17, 28, 126, 127, 128, 129, 256} {
			raw := room(256)
			if length == sockabi.AddrStorageSize && !strings.HasSuffix(function, "_v2") {
				continue // see "the plain names take no address of 128 bytes"
			}
			if length == sockabi.AddrStorageSize {
				raw[0], raw[1] = byte(f.family), 0
				copy(raw[2:], f.loopback.AsSlice())
			} else {
				copy(raw, f.loopback.AsSlice())
			}
			iovs, n := vector(text("hello"))
			e := call(function, a, iovs, n, at(place(sockabi.Address{Buf: start(raw), Len: length})), uint32(to.Port()), 0, at(place(uint32(0))))
			t.Logf("%s %d bytes: %s", f.name, length, name(e))
			if e == sockabi.ESUCCESS {
				t.Log(t.received(b, 16))
			}
		}
	}
}
