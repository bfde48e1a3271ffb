//go:build !v1

package main

import (
	"os"

	"github.com/wasisock/wasisock/sockabi"
)

var descriptors = []sentence{
	{"every socket is of the type of streams", func(t *T) {
		for _, family := range []uint32{sockabi.AF_INET4, sockabi.AF_INET6, sockabi.AF_UNIX} {
			for _, typ := range []uint32{sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM} {
				t.Log(family, typ, t.fdstat(t.socket(family, typ)).Filetype)
			}
		}
		client, server := t.pair(loopback4)
		t.Log(t.fdstat(client).Filetype, t.fdstat(server).Filetype)
	}},
	{"sockets carry the rights that sockabi lists", func(t *T) {
		client, server := t.pair(loopback4)
		for _, fd := range []uint32{client, server} {
			stat := t.fdstat(fd)
			t.Logf("%#x %#x", stat.RightsBase, stat.RightsInheriting)
		}
	}},
	{"setting flags replaces them all", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, flags := range []uint32{
			sockabi.FDFLAG_NONBLOCK, 0, sockabi.FDFLAG_APPEND, sockabi.FDFLAG_NONBLOCK,
			sockabi.FDFLAG_NONBLOCK | sockabi.FDFLAG_APPEND, 0,
		} {
			t.Is("fd_fdstat_set_flags", call("fd_fdstat_set_flags", fd, flags), sockabi.ESUCCESS)
			t.Log(flags, t.fdstat(fd).Flags)
		}
	}},
	{"flags of synchronous files are not capable, unknown ones are refused", func(t *T) {
		fd := t.nonblocking(t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM))
		for _, flags := range []uint32{sockabi.FDFLAG_DSYNC, sockabi.FDFLAG_RSYNC, sockabi.FDFLAG_SYNC, sockabi.FDFLAG_NONBLOCK | sockabi.FDFLAG_SYNC, 32, 1 << 15} {
			t.Log(flags, name(call("fd_fdstat_set_flags", fd, flags)), t.fdstat(fd).Flags)
		}
	}},
	{"fd_write sends and fd_read receives", func(t *T) {
		client, server := t.pair(loopback4)
		n := place(uint32(0))
		iovs, count := vector(text("hello, "), text("world"))
		t.Is("fd_write", call("fd_write", client, iovs, count, at(n)), sockabi.ESUCCESS)
		t.wait(readable(server))
		buf, got := room(16), place(uint32(0))
		iovs, count = vector(buf[:3], buf[3:])
		t.Is("fd_read", call("fd_read", server, iovs, count, at(got)), sockabi.ESUCCESS)
		t.Log(*n, *got, string(buf))
	}},
	{"fd_write and fd_read would block as the others do", func(t *T) {
		client, server := t.pair(loopback4)
		iovs, count := vector(room(1))
		t.Is("fd_read", call("fd_read", server, iovs, count, at(place(uint32(0)))), sockabi.EAGAIN)
		t.fill(client)
		t.Is("fd_write", call("fd_write", client, iovs, count, at(place(uint32(0)))), sockabi.EAGAIN)
	}},
	{"fd_read of the end of a stream is 0 bytes, of a reset one ECONNRESET", func(t *T) {
		iovs, count := vector(room(1))
		n := place(^uint32(0))
		client, server := t.pair(loopback4)
		t.close(server)
		t.wait(readable(client))
		t.Is("fd_read", call("fd_read", client, iovs, count, at(n)), sockabi.ESUCCESS)
		t.Log(*n)
		client, server = t.pair(loopback4)
		t.reset(server)
		t.wait(readable(client))
		t.Is("fd_read", call("fd_read", client, iovs, count, at(n)), sockabi.ECONNRESET)
	}},
	{"fd_write to a connection that was reset is ECONNRESET, once", func(t *T) {
		client, server := t.pair(loopback4)
		t.reset(server)
		t.wait(readable(client))
		iovs, count := vector(text("x"))
		t.Is("fd_write", call("fd_write", client, iovs, count, at(place(uint32(0)))), sockabi.ECONNRESET)
	}},
	{"fd_read and fd_write take 1024 buffers and refuse 1025", func(t *T) {
		client, server := t.pair(loopback4)
		var bufs [][]byte
		for range sockabi.MaxIOVecs + 1 {
			bufs = append(bufs, room(1))
		}
		iovs, _ := vector(bufs...)
		n := place(uint32(0))
		for _, count := range []uint32{1025, 1 << 29, 1024} {
			t.Log("fd_write", count, name(call("fd_write", client, iovs, count, at(n))))
		}
		t.wait(readable(server))
		for _, count := range []uint32{1025, 1 << 29, 1024} {
			t.Log("fd_read", count, name(call("fd_read", server, iovs, count, at(n))))
		}
		t.Log(*n)
	}},
	{"a datagram is read by fd_read and cut without a word", func(t *T) {
		a, to := t.udp(loopback4)
		_, e := sendTo(a, "hello, world", to)
		t.OK("sock_send_to_v2", e)
		t.wait(readable(a))
		buf, n := room(5), place(uint32(0))
		iovs, count := vector(buf)
		t.Is("fd_read", call("fd_read", a, iovs, count, at(n)), sockabi.ESUCCESS)
		t.Log(*n, string(buf))
		t.Is("fd_read", call("fd_read", a, iovs, count, at(n)), sockabi.EAGAIN)
	}},
	{"a socket has no position and no file's state", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.Log("fd_seek:", name(sockabi.Errno(fdSeek(fd, 0, 0, at(place(uint64(0)))))))
		t.Log("fd_filestat_get:", name(call("fd_filestat_get", fd, start(room(64)))))
	}},
	{"no sock_ function takes a regular file", func(t *T) { everyFunction(t, "sock_", t.regularFile()) }},
	{"no sock_ function takes a directory", func(t *T) {
		everyFunction(t, "sock_", t.opened(os.Open("/")))
	}},
	{"no sock_ function takes a standard stream", func(t *T) { everyFunction(t, "sock_", 2) }},
	{"a number that never was a descriptor is bad for every function", func(t *T) { everyFunction(t, "", 1<<31-2) }},
	{"a negative number is bad for every function", func(t *T) { everyFunction(t, "", ^uint32(0)) }},
	{"a descriptor closes once", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.Is("first", call("fd_close", fd), sockabi.ESUCCESS)
		t.Is("second", call("fd_close", fd), sockabi.EBADF)
	}},
	{"renumbering a socket onto another closes that one", func(t *T) {
		client, server := t.pair(loopback4)
		_, other := t.pair(loopback4)
		t.Is("fd_renumber", call("fd_renumber", client, other), sockabi.ESUCCESS)
		t.Is("the old number", call("fd_close", client), sockabi.EBADF)
		t.sendAll(other, "hello")
		t.Log(t.received(server, 16))
	}},
	{"renumbering a socket onto itself changes nothing", func(t *T) {
		client, server := t.pair(loopback4)
		t.Is("fd_renumber", call("fd_renumber", client, client), sockabi.ESUCCESS)
		t.sendAll(client, "hello")
		t.Log(t.received(server, 16))
	}},
	{"renumbering needs two open descriptors", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		for _, to := range []uint32{99, 0x3fffffff, 1<<31 - 1, 1 << 31, ^uint32(0)} {
			t.Is("onto none", call("fd_renumber", fd, to), sockabi.EBADF)
			t.Is("from none", call("fd_renumber", to, fd), sockabi.EBADF)
		}
		t.Is("fd_close", call("fd_close", fd), sockabi.ESUCCESS)
	}},
	{"renumbering between a socket and a file", func(t *T) {
		t.Log("a socket onto a file:", name(call("fd_renumber", t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM), t.regularFile())))
		t.Log("a file onto a socket:", name(call("fd_renumber", t.regularFile(), t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM))))
	}},
	{"numbers wider than their type lose their high bits", func(t *T) {
		fd := place(uint32(0))
		t.Log("family:", name(call("sock_open_v2", 256+sockabi.AF_INET4, sockabi.SOCK_STREAM, at(fd))))
		t.Log("type:", name(call("sock_open_v2", sockabi.AF_INET4, 256+sockabi.SOCK_STREAM, at(fd))))
		client, server := t.pair(loopback4)
		t.sendAll(client, "x")
		t.wait(readable(server))
		iovs, n := vector(room(1))
		t.Log("flags of receiving:", name(call("sock_recv_v2", server, iovs, n, 1<<16, at(place(uint32(0))), at(place(uint16(0))))))
		t.Log("flags of sending:", name(call("sock_send_v2", server, iovs, n, 1<<16, at(place(uint32(0))))))
		t.Log("flags of accepting:", name(call("sock_accept_v2", t.ready("sock_accept"), 1<<16, at(fd))))
		t.Log("flags of descriptors:", name(call("fd_fdstat_set_flags", server, 1<<16)))
		t.Log("how to shut down:", name(call("sock_shutdown", server, 256+sockabi.SHUT_WR)))
	}},
	{"address 0 of memory is an address like any other", func(t *T) {
		t.Is("sock_open_v2", call("sock_open_v2", sockabi.AF_INET4, sockabi.SOCK_STREAM, 0), sockabi.ESUCCESS)
	}},
}
