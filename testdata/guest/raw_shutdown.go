//go:build !v1

package main

import "github.com/wasisock/wasisock/sockabi"

var ending = []sentence{
	{"shutting down writing ends the peer's reading, and the peer can still send", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "last")
		t.Is("sock_shutdown", call("sock_shutdown", client, sockabi.SHUT_WR), sockabi.ESUCCESS)
		t.Happens("the peer", patience, readable(server))
		t.Log(t.received(server, 16))
		t.Logf("%q", t.received(server, 16))
		t.sendAll(server, "back")
		t.Log(t.received(client, 16))
		_, e := send(client, text("x"))
		t.Is("sending all the same", e, sockabi.EPIPE)
	}},
	{"a peer that stopped sending is not a hang-up, until both directions are shut", func(t *T) {
		client, server := t.pair(loopback4)
		t.OK("sock_shutdown", call("sock_shutdown", client, sockabi.SHUT_WR))
		t.Happens("one direction", patience, readable(server), writable(server))
		t.OK("sock_shutdown", call("sock_shutdown", server, sockabi.SHUT_WR))
		t.Happens("both directions", patience, readable(server), writable(server))
		t.wait(readable(client))
		t.Happens("the other end", patience, readable(client), writable(client))
	}},
	{"shutting down reading reads the end at once, but what arrives later still arrives", func(t *T) {
		client, server := t.pair(loopback4)
		t.Is("sock_shutdown", call("sock_shutdown", server, sockabi.SHUT_RD), sockabi.ESUCCESS)
		t.Happens("then", patience, readable(server), writable(server))
		t.Logf("%q", t.received(server, 16))
		_, e := send(client, text("late"))
		t.Is("the peer sends", e, sockabi.ESUCCESS)
		t.wait(readable(client), writable(client))
		t.sendAll(server, "back")
		t.Log(t.received(client, 16))
	}},
	{"shutting down both directions hangs up", func(t *T) {
		client, server := t.pair(loopback4)
		t.Is("sock_shutdown", call("sock_shutdown", client, sockabi.SHUT_RDWR), sockabi.ESUCCESS)
		t.Happens("then", patience, readable(client), writable(client))
		t.Logf("%q", t.received(client, 16))
		t.Logf("%q", t.received(server, 16))
	}},
	{"shutting down nothing acts as shutting down reading", func(t *T) {
		client, _ := t.pair(loopback4)
		t.Is("sock_shutdown", call("sock_shutdown", client, 0), sockabi.ESUCCESS)
		t.Logf("%q", t.received(client, 16))
		t.sendAll(client, "still sends")
	}},
	{"shutting down refuses other numbers", func(t *T) {
		client, server := t.pair(loopback4)
		for _, how := range []uint32{4, 5, 128, 255} {
			t.Is("sock_shutdown", call("sock_shutdown", client, how), sockabi.EINVAL)
		}
		t.sendAll(client, "hello")
		t.Log(t.received(server, 16))
	}},
	{"shutting down twice succeeds", func(t *T) {
		client, _ := t.pair(loopback4)
		t.Is("first", call("sock_shutdown", client, sockabi.SHUT_WR), sockabi.ESUCCESS)
		t.Is("second", call("sock_shutdown", client, sockabi.SHUT_WR), sockabi.ESUCCESS)
	}},
	{"what is not connected cannot be shut down", func(t *T) {
		for _, how := range []uint32{sockabi.SHUT_RD, sockabi.SHUT_WR, sockabi.SHUT_RDWR} {
			t.Is("sock_shutdown", call("sock_shutdown", t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM), how), sockabi.ENOTCONN)
		}
	}},
	{"a listener shut down is readable with a hang-up and accepts no more", func(t *T) {
		l := t.listener(loopback4)
		t.Is("sock_shutdown", call("sock_shutdown", l, sockabi.SHUT_RD), sockabi.ESUCCESS)
		t.Happens("then", patience, readable(l))
		t.Is("sock_accept_v2", call("sock_accept_v2", l, 0, at(place(uint32(0)))), sockabi.EINVAL)
		fd := t.nonblocking(t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM))
		t.Is("connecting", connect(fd, t.local(l)), sockabi.EINPROGRESS)
		t.wait(writable(fd))
		t.Is("its error", t.pendingError(fd), sockabi.ECONNREFUSED)
	}},
	{"closing a connection ends the peer's reading after what was sent", func(t *T) {
		client, server := t.pair(loopback4)
		t.sendAll(client, "last")
		t.Is("fd_close", call("fd_close", client), sockabi.ESUCCESS)
		t.Log(t.received(server, 16))
		t.Logf("%q", t.received(server, 16))
	}},
	{"a closed descriptor is bad for every function", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.close(fd)
		everyFunction(t, "", fd)
	}},
}
