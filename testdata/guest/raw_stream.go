//go:build !v1

package main

import (
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

var streaming = []sentence{
	{"what is sent is received, by either name and either end", func(t *T) {
		for _, f := range families {
			client, server := t.pair(f.loopback)
			for _, ends := range [][2]uint32{{client, server}, {server, client}} {
				for _, suffix := range []string{"", "_v2"} {
					n := place(^uint32(0))
					iovs, count := vector(text("hello, "), text("world"))
					t.Is("sock_send"+suffix, call("sock_send"+suffix, ends[0], iovs, count, 0, at(n)), sockabi.ESUCCESS)
					t.wait(readable(ends[1]))
					buf, got, flags := room(16), place(^uint32(0)), place(^uint16(0))
					iovs, count = vector(buf[:5], buf[5:])
					t.Is("sock_recv"+suffix, call("sock_recv"+suffix, ends[1], iovs, count, 0, at(got), at(flags)), sockabi.ESUCCESS)
					t.Log(f.name, *n, *got, string(buf), *flags)
				}
			}
		}
	}},
	{"receiving when nothing is there would block", func(t *T) {
		client, _ := t.pair(loopback4)
		_, _, e := recv(client, 1, 0)
		t.Is("sock_recv_v2", e, sockabi.EAGAIN)
	}},
	{"receiving at the end of the stream is 0 bytes, again and again", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "last")
		t.close(client)
		t.Log(t.received(server, 16))
		for range 3 {
			t.Happens("then", patience, readable(server))
			data, flags, e := recv(server, 16, 0)
			t.Is("sock_recv_v2", e, sockabi.ESUCCESS)
			t.Logf("%q %d", data, flags)
		}
	}},
	{"RI_PEEK leaves what it receives", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "hello")
		t.wait(readable(server))
		for _, flags := range []uint32{sockabi.RI_PEEK, sockabi.RI_PEEK, 0} {
			data, _, e := recv(server, 16, flags)
			t.Is("sock_recv_v2", e, sockabi.ESUCCESS)
			t.Log(data)
		}
		_, _, e := recv(server, 16, sockabi.RI_PEEK)
		t.Is("sock_recv_v2", e, sockabi.EAGAIN)
	}},
	{"RI_WAITALL takes what there is on a socket that does not block", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "hello")
		t.wait(readable(server))
		data, _, e := recv(server, 16, sockabi.RI_WAITALL)
		t.Is("sock_recv_v2", e, sockabi.ESUCCESS)
		t.Log(data)
	}},
	{"RI_WAITALL fills the buffers on a socket that blocks, or meets the end", func(t *T) {
		client, server := t.pair(loopback4)
		t.OK("fd_fdstat_set_flags", call("fd_fdstat_set_flags", server, 0))
		t.sendAll(client, "hello, world")
		t.OK("sock_shutdown", call("sock_shutdown", client, sockabi.SHUT_WR))
		for range 3 {
			data, _, e := recv(server, 7, sockabi.RI_WAITALL)
			t.Is("sock_recv_v2", e, sockabi.ESUCCESS)
			t.Logf("%q", data)
		}
	}},
	{"receiving refuses unknown flags", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "hello")
		t.wait(readable(server))
		for _, suffix := range []string{"", "_v2"} {
			iovs, n := vector(room(16))
			for _, flags := range []uint32{4, 8, 1 << 15} {
				t.Is("sock_recv"+suffix, call("sock_recv"+suffix, server, iovs, n, flags, at(place(uint32(0))), at(place(uint16(0)))), sockabi.EINVAL)
			}
		}
		t.Log(t.received(server, 16))
	}},
	{"sending refuses every flag", func(t *T) {
		client, server := t.pair(loopback4)
		for _, suffix := range []string{"", "_v2"} {
			iovs, n := vector(text("no"))
			for _, flags := range []uint32{1, 2, 4, 1 << 15} {
				t.Is("sock_send"+suffix, call("sock_send"+suffix, client, iovs, n, flags, at(place(uint32(0)))), sockabi.EINVAL)
			}
		}
		_, _, e := recv(server, 16, 0)
		t.Is("sock_recv_v2", e, sockabi.EAGAIN)
	}},
	{"1024 buffers are sent and received at once, and 1025 are refused", func(t *T) {
		client, server := t.pair(loopback4)
		var letters, boxes [][]byte
		for i := range sockabi.MaxIOVecs + 1 {
			letters = append(letters, text(string(rune('a'+i%26))))
			boxes = append(boxes, room(1))
		}
		for _, suffix := range []string{"", "_v2"} {
			n, flags := place(uint32(0)), place(uint16(0))
			iovs, _ := vector(letters...)
			t.Is("sock_send"+suffix+" 1025", call("sock_send"+suffix, client, iovs, 1025, 0, at(n)), sockabi.EINVAL)
			t.Is("sock_send"+suffix+" 1024", call("sock_send"+suffix, client, iovs, 1024, 0, at(n)), sockabi.ESUCCESS)
			t.Log(*n)
			t.wait(readable(server))
			iovs, _ = vector(boxes...)
			t.Is("sock_recv"+suffix+" 1025", call("sock_recv"+suffix, server, iovs, 1025, 0, at(n), at(flags)), sockabi.EINVAL)
			t.Is("sock_recv"+suffix+" 1024", call("sock_recv"+suffix, server, iovs, 1024, 0, at(n), at(flags)), sockabi.ESUCCESS)
			t.Log(*n)
			var all strings.Builder
			for i := range sockabi.MaxIOVecs {
				all.Write(boxes[i])
			}
			t.Log("as sent:", all.String() == strings.Repeat("abcdefghijklmnopqrstuvwxyz", 40)[:1024])
		}
	}},
	{"no buffers at all send and receive nothing", func(t *T) {
		client, server := t.pair(loopback4)
		n, e := send(client)
		t.Is("sending", e, sockabi.ESUCCESS)
		t.Log(n)
		t.sendAll(client, "hello")
		t.wait(readable(server))
		got, flags := place(^uint32(0)), place(^uint16(0))
		t.Is("receiving", call("sock_recv_v2", server, 0, 0, 0, at(got), at(flags)), sockabi.ESUCCESS)
		t.Log(*got, *flags)
		t.Log(t.received(server, 16))
	}},
	{"empty buffers send and receive nothing", func(t *T) {
		client, server := t.pair(loopback4)
		n, e := send(client, nil, nil)
		t.Is("sending", e, sockabi.ESUCCESS)
		t.Log(n)
		t.sendAll(client, "hello")
		t.wait(readable(server))
		data, _, e := recv(server, 0, 0)
		t.Is("receiving", e, sockabi.ESUCCESS)
		t.Logf("%q", data)
		t.Log(t.received(server, 16))
	}},
	{"empty buffers between others are skipped", func(t *T) {
		client, server := t.pair(loopback4)
		n, e := send(client, nil, text("hel"), nil, text("lo"), nil)
		t.Is("sending", e, sockabi.ESUCCESS)
		t.Log(n)
		t.wait(readable(server))
		buf, got, flags := room(8), place(uint32(0)), place(uint16(0))
		iovs, count := vector(nil, buf[:1], nil, buf[1:], nil)
		t.Is("receiving", call("sock_recv_v2", server, iovs, count, 0, at(got), at(flags)), sockabi.ESUCCESS)
		t.Log(*got, string(buf))
	}},
	{"sending more than fits sends a part, and then would block", func(t *T) {
		client, server := t.pair(loopback4)
		sent := t.fill(client)
		t.Log("a part was sent:", sent > 0)
		t.Happens("writing", moment, writable(client))
		t.drain(server, sent)
		t.Happens("writing after the peer received all", patience, writable(client))
	}},
	{"sending over a connection that the peer closed ends with EPIPE", func(t *T) {
		client, server := t.pair(loopback4)
		t.close(server)
		t.wait(readable(client))
		_, e := send(client, text("x"))
		t.Is("the first time", e, sockabi.ESUCCESS)
		t.Happens("then", patience, readable(client), writable(client))
		_, e = send(client, text("x"))
		t.Is("the second time", e, sockabi.EPIPE)
		_, e = send(client, text("x"))
		t.Is("the third time", e, sockabi.EPIPE)
	}},
	{"a connection that was reset reports it once, by receiving", func(t *T) {
		client, server := t.pair(loopback4)
		t.reset(server)
		t.Happens("then", patience, readable(client), writable(client))
		_, _, e := recv(client, 1, 0)
		t.Is("receiving", e, sockabi.ECONNRESET)
		data, _, e := recv(client, 1, 0)
		t.Is("receiving again", e, sockabi.ESUCCESS)
		t.Logf("%q", data)
		_, e = send(client, text("x"))
		t.Is("sending", e, sockabi.EPIPE)
		_, _, e = addressOf("sock_getpeeraddr_v2", client)
		t.Is("its peer", e, sockabi.ENOTCONN)
	}},
	{"a connection that was reset reports it once, by sending", func(t *T) {
		client, server := t.pair(loopback4)
		t.reset(server)
		t.wait(readable(client))
		_, e := send(client, text("x"))
		t.Is("sending", e, sockabi.ECONNRESET)
		_, e = send(client, text("x"))
		t.Is("sending again", e, sockabi.EPIPE)
	}},
	{"a connection that was reset reports it once, by its option", func(t *T) {
		client, server := t.pair(loopback4)
		t.reset(server)
		t.wait(readable(client))
		t.Is("its error", t.pendingError(client), sockabi.ECONNRESET)
		t.Is("asked again", t.pendingError(client), sockabi.ESUCCESS)
	}},
	{"closing with data unread resets the peer", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "never read")
		t.wait(readable(server))
		t.close(server)
		t.wait(readable(client))
		_, _, e := recv(client, 1, 0)
		t.Is("receiving", e, sockabi.ECONNRESET)
	}},
	{"sock_send_to on a connection ignores the address", func(t *T) {
		client, server := t.pair(loopback4)
		n, e := sendTo(client, "hello", t.unused(loopback4))
		t.Is("sock_send_to_v2", e, sockabi.ESUCCESS)
		t.Log(n, t.received(server, 16))
	}},
	{"sock_recv_from on a connection gives the data and no address", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "hello")
		t.wait(readable(server))
		buf := room(16)
		iovs, n := vector(buf)
		s := place(sockabi.AddrStorage{Data: [126]byte{'?', '?'}})
		port, got, flags := place(uint16(0xeeee)), place(uint32(0)), place(uint16(0))
		e := call("sock_recv_from_v2", server, iovs, n, at(place(sockabi.Address{Buf: at(s), Len: sockabi.AddrStorageSize})), 0, at(port), at(got), at(flags))
		t.Is("sock_recv_from_v2", e, sockabi.ESUCCESS)
		t.Log(*got, string(buf[:*got]))
		t.Logf("an address: %v", s.Family == sockabi.AF_INET4 && s.Data[0] == 127)
	}},
	{"RCVTIMEO ends a receive that blocks", func(t *T) {
		client, _ := t.pair(loopback4)
		t.OK("fd_fdstat_set_flags", call("fd_fdstat_set_flags", client, 0))
		timeout := place(sockabi.Timeval{Microseconds: 50_000})
		t.OK("sock_setsockopt", call("sock_setsockopt", client, sockabi.SOL_SOCKET, sockabi.SO_RCVTIMEO, at(timeout), sockabi.TimevalSize))
		_, _, e := recv(client, 1, 0)
		t.Is("sock_recv_v2", e, sockabi.EAGAIN)
	}},
	{"SNDTIMEO ends a send that blocks", func(t *T) {
		client, _ := t.pair(loopback4)
		t.fill(client)
		t.OK("fd_fdstat_set_flags", call("fd_fdstat_set_flags", client, 0))
		timeout := place(sockabi.Timeval{Microseconds: 50_000})
		t.OK("sock_setsockopt", call("sock_setsockopt", client, sockabi.SOL_SOCKET, sockabi.SO_SNDTIMEO, at(timeout), sockabi.TimevalSize))
		_, e := send(client, text("x"))
		t.Is("sock_send_v2", e, sockabi.EAGAIN)
	}},
}

// fill sends until no more fits, for good, and is how many bytes went.
func (t *T) fill(fd uint32) int {
	chunk := room(1 << 20)
	sent := 0
	for waited := false; ; {
		n, e := send(fd, chunk, chunk, chunk, chunk, chunk, chunk, chunk, chunk)
		switch {
		case e == sockabi.ESUCCESS:
			sent += n
			waited = false
		case e != sockabi.EAGAIN:
			t.Fatalf("sock_send_v2: %s", name(e))
		case waited:
			return sent
		default:
			waited = len(t.poll(moment, writable(fd))) == 0
		}
	}
}

// drain receives n bytes.
func (t *T) drain(fd uint32, n int) {
	buf := room(1 << 16)
	iovs, count := vector(buf)
	got, flags := place(uint32(0)), place(uint16(0))
	for n > 0 {
		t.wait(readable(fd))
		t.OK("sock_recv_v2", call("sock_recv_v2", fd, iovs, count, 0, at(got), at(flags)))
		n -= int(*got)
	}
}
