//go:build !v1

package main

import (
	"os"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

// UNIX sockets have paths of the host, so a sentence takes them in the
// directory that the suite made for it.

// bindUnix and connectUnix take a path or an abstract name.
func bindUnix(fd uint32, path string) sockabi.Errno {
	return call("sock_bind_v2", fd, at(unixAddress(path)), 0)
}

func connectUnix(fd uint32, path string) sockabi.Errno {
	return call("sock_connect_v2", fd, at(unixAddress(path)), 0)
}

// unixPair is a connection over a path, neither end blocking.
func (t *T) unixPair(path string) (client, server uint32) {
	l := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM))
	t.OK("sock_bind_v2", bindUnix(l, path))
	t.OK("sock_listen_v2", call("sock_listen_v2", l, 16))
	client = t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM))
	t.OK("sock_connect_v2", connectUnix(client, path))
	server = t.nonblocking(t.accepted(l))
	t.close(l)
	return client, server
}

// unixPath returns the address that a getter wrote, in a transcript's words.
func (t *T) unixPath(getter string, fd uint32) string {
	s, _, e := addressOf(getter, fd)
	if e != sockabi.ESUCCESS {
		return name(e)
	}
	if s.Family != sockabi.AF_UNIX {
		t.Fatalf("%s: family %d", getter, s.Family)
	}
	p := string(s.Data[:108])
	if abstract := strings.HasPrefix(p, "\x00"); abstract && strings.Trim(p, "\x00") != "" {
		return "abstract " + strings.Trim(p, "\x00")
	}
	p, _, _ = strings.Cut(p, "\x00")
	if p == "" {
		return "unnamed"
	}
	return strings.TrimPrefix(p, os.Getenv("WASISOCK_DIR"))
}

var unix = []sentence{
	{"a UNIX stream connects at once over a path", func(t *T) {
		l := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM))
		t.Is("sock_bind_v2", bindUnix(l, t.path("s")), sockabi.ESUCCESS)
		t.Is("sock_listen_v2", call("sock_listen_v2", l, 16), sockabi.ESUCCESS)
		client := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM))
		t.Is("sock_connect_v2", connectUnix(client, t.path("s")), sockabi.ESUCCESS)
		t.Happens("the listener", patience, readable(l))
		server := t.nonblocking(t.accepted(l))
		t.sendAll(client, "hello")
		t.Log(t.received(server, 16))
		t.sendAll(server, "back")
		t.Log(t.received(client, 16))
	}},
	{"a UNIX path is on the host and stays after its socket is closed", func(t *T) {
		l := t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)
		t.OK("sock_bind_v2", bindUnix(l, t.path("s")))
		_, err := os.Lstat(mapped("s"))
		t.Log("there:", err == nil)
		t.close(l)
		_, err = os.Lstat(mapped("s"))
		t.Log("there after closing:", err == nil)
		t.Is("connecting to it", connectUnix(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM), t.path("s")), sockabi.ECONNREFUSED)
		t.Is("binding it again", bindUnix(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM), t.path("s")), sockabi.EADDRINUSE)
		if err := os.Remove(mapped("s")); err != nil {
			t.Fatalf("%v", err)
		}
		t.Is("binding it after removal", bindUnix(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM), t.path("s")), sockabi.ESUCCESS)
	}},
	{"UNIX ends have the addresses they were bound to or none", func(t *T) {
		client, server := t.unixPair(t.path("s"))
		t.Log("client, local:", t.unixPath("sock_getlocaladdr_v2", client))
		t.Log("client, peer:", t.unixPath("sock_getpeeraddr_v2", client))
		t.Log("server, local:", t.unixPath("sock_getlocaladdr_v2", server))
		t.Log("server, peer:", t.unixPath("sock_getpeeraddr_v2", server))
		t.Log("not connected, local:", t.unixPath("sock_getlocaladdr_v2", t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)))
		t.Log("not connected, peer:", t.unixPath("sock_getpeeraddr_v2", t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)))
	}},
	{"a UNIX path of 107 bytes can be bound, and one of 108 too", func(t *T) {
		for _, n := range []int{107, 108} {
			fd := t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)
			path := t.path("")
			path += strings.Repeat("x", n-len(path))
			t.Log(n, name(bindUnix(fd, path)), t.unixPath("sock_getlocaladdr_v2", fd) == strings.TrimPrefix(path, os.Getenv("WASISOCK_DIR")))
		}
	}},
	{"a UNIX path that does not exist or is not a socket refuses", func(t *T) {
		if err := os.WriteFile(mapped("file"), nil, 0o600); err != nil {
			t.Fatalf("%v", err)
		}
		fd := t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)
		t.Is("connecting to nothing", connectUnix(fd, t.path("nothing")), sockabi.ENOENT)
		t.Is("connecting to a file", connectUnix(fd, t.path("file")), sockabi.ECONNREFUSED)
		t.Is("binding a file", bindUnix(fd, t.path("file")), sockabi.EADDRINUSE)
		t.Is("binding in no directory", bindUnix(fd, t.path("no/s")), sockabi.ENOENT)
	}},
	{"abstract names connect and need no file", func(t *T) {
		abstract := "\x00" + t.path("abstract")
		client, server := t.unixPair(abstract)
		t.sendAll(client, "hello")
		t.Log(t.received(server, 16))
		t.Log("server, local:", strings.Replace(t.unixPath("sock_getlocaladdr_v2", server), os.Getenv("WASISOCK_DIR"), "", 1))
		t.Log("client, peer:", strings.Replace(t.unixPath("sock_getpeeraddr_v2", client), os.Getenv("WASISOCK_DIR"), "", 1))
	}},
	{"UNIX datagrams arrive with their sender's path", func(t *T) {
		a := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM))
		b := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM))
		t.OK("sock_bind_v2", bindUnix(a, t.path("a")))
		t.OK("sock_bind_v2", bindUnix(b, t.path("b")))
		iovs, n := vector(text("hello"))
		t.Is("sock_send_to_v2", call("sock_send_to_v2", a, iovs, n, at(unixAddress(t.path("b"))), 0, 0, at(place(uint32(0)))), sockabi.ESUCCESS)
		d := t.receivedFrom(b, 16)
		path, _, _ := strings.Cut(string(d.from.Data[:108]), "\x00")
		t.Log(d.data, d.from.Family == sockabi.AF_UNIX, strings.TrimPrefix(path, os.Getenv("WASISOCK_DIR")))
	}},
	{"UNIX datagrams go over a connection too, and whole", func(t *T) {
		a := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM))
		b := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM))
		t.OK("sock_bind_v2", bindUnix(b, t.path("b")))
		t.Is("sock_connect_v2", connectUnix(a, t.path("b")), sockabi.ESUCCESS)
		t.sendAll(a, "hello, world")
		t.sendAll(a, "again")
		t.wait(readable(b))
		for range 2 {
			data, flags, e := recv(b, 5, 0)
			t.Is("sock_recv_v2", e, sockabi.ESUCCESS)
			t.Log(data, flags)
		}
	}},
	{"a UNIX datagram from an unnamed socket has no address", func(t *T) {
		a := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM))
		b := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM))
		t.OK("sock_bind_v2", bindUnix(b, t.path("b")))
		t.OK("sock_connect_v2", connectUnix(a, t.path("b")))
		t.sendAll(a, "hello")
		d := t.receivedFrom(b, 16)
		t.Log(d.data, "a path:", strings.Trim(string(d.from.Data[:108]), "\x00") != "")
	}},
	{"a UNIX datagram's sender needs 128 bytes, or the datagram is lost", func(t *T) {
		for _, n := range []uint32{4, 16} {
			a := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM))
			path := t.path(string(rune('a' + n)))
			t.OK("sock_bind_v2", bindUnix(a, path))
			iovs, count := vector(text("hello"))
			t.OK("sock_send_to_v2", call("sock_send_to_v2", a, iovs, count, at(unixAddress(path)), 0, 0, at(place(uint32(0)))))
			t.wait(readable(a))
			e := call("sock_recv_from_v2", a, iovs, count, at(place(sockabi.Address{Buf: start(room(16)), Len: n})), 0, at(place(uint16(0))), at(place(uint32(0))), at(place(uint16(0))))
			t.Is("sock_recv_from_v2", e, sockabi.EINVAL)
			_, _, e = recv(a, 16, 0)
			t.Log("then:", name(e))
		}
	}},
	{"a UNIX datagram to nobody is refused", func(t *T) {
		a := t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM))
		iovs, n := vector(text("hello"))
		t.Is("no such path", call("sock_send_to_v2", a, iovs, n, at(unixAddress(t.path("b"))), 0, 0, at(place(uint32(0)))), sockabi.ENOENT)
		b := t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM)
		t.OK("sock_bind_v2", bindUnix(b, t.path("b")))
		t.close(b)
		t.Is("nobody at the path", call("sock_send_to_v2", a, iovs, n, at(unixAddress(t.path("b"))), 0, 0, at(place(uint32(0)))), sockabi.ECONNREFUSED)
		_, e := send(a, text("x"))
		t.Is("no address", e, sockabi.ENOTCONN)
	}},
	{"a UNIX peer that closes hangs up", func(t *T) {
		client, server := t.unixPair(t.path("s"))
		t.sendAll(client, "last")
		t.close(client)
		t.Happens("then", patience, readable(server), writable(server))
		t.Log(t.received(server, 16))
		data, _, e := recv(server, 16, 0)
		t.Is("receiving", e, sockabi.ESUCCESS)
		t.Logf("%q", data)
		_, e = send(server, text("x"))
		t.Is("sending", e, sockabi.EPIPE)
	}},
	{"a UNIX peer that stops sending does not hang up", func(t *T) {
		client, server := t.unixPair(t.path("s"))
		t.OK("sock_shutdown", call("sock_shutdown", client, sockabi.SHUT_WR))
		t.Happens("then", patience, readable(server), writable(server))
		t.sendAll(server, "back")
		t.Log(t.received(client, 16))
	}},
	{"a UNIX connection to a full backlog would block", func(t *T) {
		l := t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)
		t.OK("sock_bind_v2", bindUnix(l, t.path("s")))
		t.OK("sock_listen_v2", call("sock_listen_v2", l, 0))
		t.OK("sock_connect_v2", connectUnix(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM), t.path("s")))
		t.Is("sock_connect_v2", connectUnix(t.nonblocking(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)), t.path("s")), sockabi.EAGAIN)
	}},
	{"a UNIX socket takes no other address, and no other socket a path", func(t *T) {
		fd := t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM)
		t.Is("binding IPv4", call("sock_bind_v2", fd, at(bare(loopback4)), 0), sockabi.EINVAL)
		t.Is("connecting to IPv4", call("sock_connect_v2", fd, at(bare(loopback4)), 9), sockabi.EINVAL)
		fd = t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.Is("binding a path", bindUnix(fd, t.path("s")), sockabi.EAFNOSUPPORT)
		t.Is("connecting to a path", connectUnix(fd, t.path("s")), sockabi.EAFNOSUPPORT)
	}},
	{"a stream does not connect to a datagram's path", func(t *T) {
		b := t.socket(sockabi.AF_UNIX, sockabi.SOCK_DGRAM)
		t.OK("sock_bind_v2", bindUnix(b, t.path("b")))
		t.Is("sock_connect_v2", connectUnix(t.socket(sockabi.AF_UNIX, sockabi.SOCK_STREAM), t.path("b")), sockabi.EPROTOTYPE)
	}},
}
