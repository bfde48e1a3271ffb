//go:build !v1

package main

import (
	"strings"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// What WasmEdge does not survive, or not unharmed, and a host must.
var beyond = []sentence{
	{"waiting for nothing at all is EINVAL, and harms no later wait", func(t *T) {
		a, _ := t.udp(loopback4)
		for _, function := range []string{"poll_oneoff", "epoll_oneoff"} {
			t.Polled(function, tagged(writable(a), 0))
			n := place(uint32(9))
			t.Is(function, call(function, at(place(after(0))), at(place(sockabi.Event{})), 0, at(n)), sockabi.EINVAL)
			t.Log(*n)
			t.Polled(function, tagged(writable(a), 0))
		}
	}},
	{"ERROR and TYPE of another length than 4 end no process", func(t *T) {
		for _, number := range []uint32{sockabi.SO_ERROR, sockabi.SO_TYPE} {
			fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
			for _, n := range []int{0, 1, 3, 5, 8, 64} {
				value, size, e := rawOption(fd, sockabi.SOL_SOCKET, number, n)
				t.Logf("%d into %d: %s %d %q", number, n, name(e), size, value)
			}
		}
	}},
	{"resolving for any type of socket ends no process", func(t *T) {
		l, n, e := resolve("127.0.0.1", "80", sockabi.AddrInfo{}, 8)
		t.Is("sock_getaddrinfo", e, sockabi.ESUCCESS)
		for i := range n {
			t.Log(l.addr(i), "type", l.nodes[i].SockType, "protocol", l.nodes[i].Protocol)
		}
	}},
	{"fd_write to a peer that has gone is EPIPE, and no signal", func(t *T) {
		client, server := t.pair(loopback4)
		t.close(server)
		t.wait(readable(client))
		iovs, n := vector(text("x"))
		t.Is("the first time", call("fd_write", client, iovs, n, at(place(uint32(0)))), sockabi.ESUCCESS)
		t.wait(readable(client), writable(client))
		t.Happens("then", patience, writable(client))
		t.Is("the second time", call("fd_write", client, iovs, n, at(place(uint32(0)))), sockabi.EPIPE)
		t.Is("the third time", call("fd_write", client, iovs, n, at(place(uint32(0)))), sockabi.EPIPE)
	}},
	{"an address of 128 bytes with an unknown family is refused", func(t *T) {
		iovs, n := vector(text("x"))
		for _, family := range []uint32{sockabi.AF_UNSPEC, 4, 99, 256 + sockabi.AF_INET4, 0xffff} {
			address := at(storage(family, "\x7f\x00\x00\x01"))
			fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_DGRAM)
			t.Log(family, name(call("sock_bind_v2", fd, address, 0)),
				name(call("sock_connect_v2", fd, address, 9)),
				name(call("sock_send_to_v2", fd, iovs, n, address, 9, 0, at(place(uint32(0))))))
		}
	}},
	{"a list for names that is said to be longer than memory ends no process", func(t *T) {
		l := newList(1, sockabi.SockAddrInet6Size, 0)
		node := text("127.0.0.1")
		for _, n := range []uint32{1 << 24, 1 << 28, 1 << 31, ^uint32(0)} {
			t.Log(name(call("sock_getaddrinfo", start(node), uint32(len(node)), 0, 0, at(place(stream)), at(l.first), n, at(place(uint32(0))))))
		}
	}},
	{"waits go on after a wait with every error there is", func(t *T) {
		a, _ := t.udp(loopback4)
		closed := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.close(closed)
		began := time.Now()
		t.Polled("poll_oneoff", tagged(readable(closed), 0))
		t.Polled("poll_oneoff", tagged(readable(t.regularFile()), 0))
		t.Polled("poll_oneoff", tagged(clock(9, 0, 0), 0))
		t.Polled("poll_oneoff", tagged(sockabi.Subscription{Tag: 9}, 0))
		t.Log("at once:", time.Since(began) < patience/2)
		t.Polled("poll_oneoff", tagged(writable(a), 0))
	}},
}

var beyondNames = []sentence{
	{"a canonical name is written whole, whatever room there is", func(t *T) {
		t.cramped(sockabi.SockAddrInet6Size, 4)
	}},
	{"an address is written whole, whatever room there is", func(t *T) {
		t.cramped(8, 16)
	}},
	{"a list that ends early is followed no further", func(t *T) {
		l := newList(1, sockabi.SockAddrInet6Size, 0)
		node, service := text("127.0.0.1"), text("80")
		count := place(uint32(0))
		e := call("sock_getaddrinfo", start(node), uint32(len(node)), start(service), 2, at(place(stream4)), at(l.first), 3, at(count))
		t.Log(name(e))
		if e == sockabi.ESUCCESS {
			t.Log(*count, l.addr(0))
		}
	}},
}

// cramped resolves into a node with too little room.
func (t *T) cramped(dataSize, nameSize int) {
	l := newList(1, dataSize, nameSize)
	node, service := text("127.0.0.1"), text("80")
	hints := place(flagged(stream4, sockabi.AI_CANONNAME|sockabi.AI_NUMERICHOST))
	count := place(uint32(0))
	var e sockabi.Errno
	past := changed(func() {
		e = call("sock_getaddrinfo", start(node), uint32(len(node)), start(service), 2, at(hints), at(l.first), 1, at(count))
	}, spanOf(l.nodes[0]), spanOf(l.addrs[0]), spanOfBytes(l.data[0]), spanOfBytes(l.names[0]), spanOf(count))
	t.Logf("%s, written past: %v", name(e), past)
	t.Logf("%d %q %d %q", l.addrs[0].DataLen, strings.TrimRight(string(l.data[0]), "?"), l.nodes[0].CanonNameLen, strings.TrimRight(string(l.names[0]), "?"))
}
