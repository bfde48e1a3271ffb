//go:build !v1

package main

import "github.com/wasisock/wasisock/sockabi"

var accepting = []sentence{
	{"accepting without a connection would block", func(t *T) {
		l := t.listener(loopback4)
		for _, function := range []string{"sock_accept", "sock_accept_v2"} {
			fd := place(^uint32(0))
			t.Is(function, call(function, l, 0, at(fd)), sockabi.EAGAIN)
		}
	}},
	{"both names of accepting give a connection", func(t *T) {
		l := t.listener(loopback4)
		for _, function := range []string{"sock_accept", "sock_accept_v2"} {
			client := t.dial(t.local(l))
			t.wait(readable(l))
			fd := place(^uint32(0))
			t.Is(function, call(function, l, 0, at(fd)), sockabi.ESUCCESS)
			t.sendAll(*fd, "hello")
			t.Log(t.received(client, 16))
		}
	}},
	{"an accepted socket blocks although the listener does not", func(t *T) {
		l := t.listener(loopback4)
		t.dial(t.local(l))
		t.Log("flags:", t.fdstat(t.accepted(l)).Flags)
		t.Log("the listener's flags:", t.fdstat(l).Flags)
	}},
	{"an accepted socket blocks although NONBLOCK was passed", func(t *T) {
		l := t.listener(loopback4)
		t.OK("fd_fdstat_set_flags", call("fd_fdstat_set_flags", l, 0))
		t.dial(t.local(l))
		t.wait(readable(l))
		fd := place(^uint32(0))
		t.Is("sock_accept_v2", call("sock_accept_v2", l, sockabi.FDFLAG_NONBLOCK, at(fd)), sockabi.ESUCCESS)
		t.Log("flags:", t.fdstat(*fd).Flags)
		t.Log("the listener's flags:", t.fdstat(l).Flags)
	}},
	{"accepting refuses unknown flags and keeps the connection", func(t *T) {
		l := t.listener(loopback4)
		t.dial(t.local(l))
		t.wait(readable(l))
		fd := place(^uint32(0))
		for _, flags := range []uint32{32, 64, 1 << 15} {
			t.Is("sock_accept_v2", call("sock_accept_v2", l, flags, at(fd)), sockabi.EINVAL)
		}
		t.Is("sock_accept_v2", call("sock_accept_v2", l, 0, at(fd)), sockabi.ESUCCESS)
	}},
	{"accepting takes the flags of files", func(t *T) {
		l := t.listener(loopback4)
		for _, flags := range []uint32{sockabi.FDFLAG_APPEND, sockabi.FDFLAG_DSYNC, sockabi.FDFLAG_RSYNC, sockabi.FDFLAG_SYNC} {
			t.dial(t.local(l))
			t.wait(readable(l))
			fd := place(^uint32(0))
			t.Is("sock_accept_v2", call("sock_accept_v2", l, flags, at(fd)), sockabi.ESUCCESS)
			t.Log("flags:", t.fdstat(*fd).Flags)
		}
	}},
	{"only a listener accepts", func(t *T) {
		fd := place(^uint32(0))
		client, _ := t.pair(loopback4)
		for _, c := range []struct {
			name string
			fd   uint32
			want sockabi.Errno
		}{
			{"a socket that does not listen", t.bound(loopback4, sockabi.SOCK_STREAM), sockabi.EINVAL},
			{"a connection", client, sockabi.EINVAL},
			{"a datagram socket", t.bound(loopback4, sockabi.SOCK_DGRAM), sockabi.ENOTSUP},
		} {
			t.Is(c.name, call("sock_accept_v2", c.fd, 0, at(fd)), c.want)
		}
	}},
	{"connections are accepted in their order", func(t *T) {
		l := t.listener(loopback4)
		var clients []uint32
		for range 4 {
			clients = append(clients, t.dial(t.local(l)))
		}
		for i, client := range clients {
			t.Log(i, t.peer(t.accepted(l)) == t.local(client))
		}
	}},
	{"the ends of a connection know each other's address", func(t *T) {
		for _, f := range families {
			client, server := t.pair(f.loopback)
			t.Log(f.name, t.peer(client) == t.local(server), t.peer(server) == t.local(client))
		}
	}},
	{"an accepted socket has the listener's port", func(t *T) {
		l := t.listener(loopback4)
		t.dial(t.local(l))
		t.Log(t.local(t.accepted(l)) == t.local(l))
	}},
	{"a connection that was reset before it was accepted is still accepted", func(t *T) {
		l := t.listener(loopback4)
		client := t.dial(t.local(l))
		t.wait(readable(l))
		t.reset(client)
		server := t.accepted(l)
		t.Happens("then", patience, readable(server))
		_, _, e := recv(server, 1, 0)
		t.Is("sock_recv_v2", e, sockabi.ECONNRESET)
	}},
	{"what was sent before the connection was accepted arrives, though its sender has closed", func(t *T) {
		l := t.listener(loopback4)
		client := t.dial(t.local(l))
		t.wait(writable(client))
		t.sendAll(client, "early")
		t.close(client)
		t.Log(t.received(t.accepted(l), 16))
	}},
}
