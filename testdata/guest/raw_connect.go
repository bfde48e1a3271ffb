//go:build !v1

package main

import (
	"net/netip"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

var connecting = []sentence{
	{"connecting without blocking is in progress, on loopback too", func(t *T) {
		for _, f := range families {
			l := t.listener(f.loopback)
			for _, function := range []string{"sock_connect", "sock_connect_v2"} {
				fd := t.nonblocking(t.socket(f.family, sockabi.SOCK_STREAM))
				to := t.local(l)
				t.Is(f.name+" "+function, call(function, fd, at(bare(to.Addr())), uint32(to.Port())), sockabi.EINPROGRESS)
				t.Happens("then", patience, writable(fd))
				t.Is("its error", t.pendingError(fd), sockabi.ESUCCESS)
				t.Log("its peer:", t.peer(fd) == to)
			}
		}
	}},
	{"connecting with blocking ends connected", func(t *T) {
		l := t.listener(loopback4)
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.Is("sock_connect_v2", connect(fd, t.local(l)), sockabi.ESUCCESS)
		t.Log("its peer:", t.peer(fd) == t.local(l))
	}},
	{"connecting once more after success succeeds once and then is already connected", func(t *T) {
		l := t.listener(loopback4)
		fd := t.dial(t.local(l))
		t.wait(writable(fd))
		t.Is("second", connect(fd, t.local(l)), sockabi.ESUCCESS)
		t.Is("third", connect(fd, t.local(l)), sockabi.EISCONN)
	}},
	{"a connection that is pending is not ready and connecting again is already under way", func(t *T) {
		fd, to := t.pending()
		t.Is("connecting again", connect(fd, to), sockabi.EALREADY)
		t.Is("its error", t.pendingError(fd), sockabi.ESUCCESS)
		_, _, e := addressOf("sock_getpeeraddr_v2", fd)
		t.Is("its peer", e, sockabi.ENOTCONN)
		_, e = send(fd, text("x"))
		t.Is("sending", e, sockabi.EAGAIN)
		_, _, e = recv(fd, 1, 0)
		t.Is("receiving", e, sockabi.EAGAIN)
		t.Happens("in a moment", moment, readable(fd), writable(fd))
		t.Is("closing", call("fd_close", fd), sockabi.ESUCCESS)
	}},
	{"a refused connection is writable with a hang-up and reports its error once", func(t *T) {
		for _, f := range families {
			fd := t.dial(t.unused(f.loopback))
			t.Happens(f.name, patience, writable(fd))
			t.Is("its error", t.pendingError(fd), sockabi.ECONNREFUSED)
			t.Is("asked again", t.pendingError(fd), sockabi.ESUCCESS)
			_, _, e := addressOf("sock_getpeeraddr_v2", fd)
			t.Is("its peer", e, sockabi.ENOTCONN)
			t.Happens("ready forever after", patience, readable(fd), writable(fd))
		}
	}},
	{"a refused connection is readable with a hang-up", func(t *T) {
		fd := t.dial(t.unused(loopback4))
		t.Happens("reading", patience, readable(fd))
		t.Happens("both", patience, readable(fd), writable(fd))
	}},
	{"a refused connection reports its error by receiving", func(t *T) {
		fd := t.dial(t.unused(loopback4))
		t.wait(writable(fd))
		_, _, e := recv(fd, 1, 0)
		t.Is("receiving", e, sockabi.ECONNREFUSED)
		t.Is("its error", t.pendingError(fd), sockabi.ESUCCESS)
		data, _, e := recv(fd, 1, 0)
		t.Is("receiving again", e, sockabi.ESUCCESS)
		t.Logf("%q", data)
	}},
	{"a refused connection reports its error by sending", func(t *T) {
		fd := t.dial(t.unused(loopback4))
		t.wait(writable(fd))
		_, e := send(fd, text("x"))
		t.Is("sending", e, sockabi.ECONNREFUSED)
		_, e = send(fd, text("x"))
		t.Is("sending again", e, sockabi.EPIPE)
	}},
	{"a refused connection reports its error by connecting", func(t *T) {
		to := t.unused(loopback4)
		fd := t.dial(to)
		t.wait(writable(fd))
		t.Is("connecting", connect(fd, to), sockabi.ECONNREFUSED)
		t.Is("connecting again", connect(fd, to), sockabi.EINPROGRESS)
	}},
	{"after its error was read a refused socket answers aborted once and can connect again", func(t *T) {
		fd := t.dial(t.unused(loopback4))
		t.wait(writable(fd))
		t.Is("its error", t.pendingError(fd), sockabi.ECONNREFUSED)
		l := t.listener(loopback4)
		t.Is("connecting", connect(fd, t.local(l)), sockabi.ECONNABORTED)
		t.Is("connecting again", connect(fd, t.local(l)), sockabi.EINPROGRESS)
		t.Happens("then", patience, writable(fd))
		t.Log("its peer:", t.peer(fd) == t.local(l))
	}},
	{"connecting with blocking reports a refusal itself", func(t *T) {
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.Is("sock_connect_v2", connect(fd, t.unused(loopback4)), sockabi.ECONNREFUSED)
	}},
	{"a stream that never connected is ready with a hang-up, to write if both are asked", func(t *T) {
		for _, f := range families {
			fd := t.socket(f.family, sockabi.SOCK_STREAM)
			t.Happens(f.name+" reading", patience, readable(fd))
			t.Happens(f.name+" writing", patience, writable(fd))
			t.Happens(f.name+" both", patience, readable(fd), writable(fd))
		}
	}},
	{"a stream that never connected neither sends nor receives", func(t *T) {
		fd := t.nonblocking(t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM))
		_, e := send(fd, text("x"))
		t.Is("sending", e, sockabi.EPIPE)
		_, _, e = recv(fd, 1, 0)
		t.Is("receiving", e, sockabi.ENOTCONN)
		_, _, e = addressOf("sock_getpeeraddr_v2", fd)
		t.Is("its peer", e, sockabi.ENOTCONN)
	}},
	{"the plain sock_connect takes 4 and 16 bytes", func(t *T) { connectLengths(t, "sock_connect") }},
	{"sock_connect_v2 takes 4, 16 and 128 bytes", func(t *T) { connectLengths(t, "sock_connect_v2") }},
	{"an address of the other family cannot be connected to", func(t *T) {
		for _, function := range []string{"sock_connect", "sock_connect_v2"} {
			t.Is(function+" IPv4 on an IPv6 socket", call(function, t.socket(sockabi.AF_INET6, sockabi.SOCK_STREAM), at(bare(loopback4)), 9), sockabi.EINVAL)
			t.Is(function+" IPv6 on an IPv4 socket", call(function, t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM), at(bare(loopback6)), 9), sockabi.EAFNOSUPPORT)
		}
	}},
	{"a connection's port above 65535 loses its high bits", func(t *T) {
		l := t.listener(loopback4)
		to := t.local(l)
		fd := t.nonblocking(t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM))
		e := call("sock_connect_v2", fd, at(bare(to.Addr())), 1<<16+uint32(to.Port()))
		t.Log(name(e))
		if e == sockabi.EINPROGRESS {
			t.wait(writable(fd))
			t.Log("its peer:", t.peer(fd) == to)
		}
	}},
	{"a connection to the wildcard address goes to loopback", func(t *T) {
		for _, f := range families {
			l := t.listener(f.loopback)
			unspecified := netip.IPv4Unspecified()
			if f.family == sockabi.AF_INET6 {
				unspecified = netip.IPv6Unspecified()
			}
			fd := t.dial(netip.AddrPortFrom(unspecified, t.local(l).Port()))
			t.wait(writable(fd))
			t.Log(f.name, t.peer(fd) == t.local(l))
		}
	}},
	{"a client can be bound before it connects", func(t *T) {
		l := t.listener(loopback4)
		fd := t.nonblocking(t.bound(loopback4, sockabi.SOCK_STREAM))
		from := t.local(fd)
		t.Is("sock_connect_v2", connect(fd, t.local(l)), sockabi.EINPROGRESS)
		t.Log(t.peer(t.accepted(l)) == from)
	}},
	{"a listener cannot connect", func(t *T) {
		l, other := t.listener(loopback4), t.listener(loopback4)
		t.Is("sock_connect_v2", connect(l, t.local(other)), sockabi.EISCONN)
	}},
	{"closing a listener resets what it did not accept", func(t *T) {
		l := t.listener(loopback4)
		fd := t.dial(t.local(l))
		t.wait(writable(fd))
		t.close(l)
		t.Happens("then", patience, readable(fd))
		_, _, e := recv(fd, 1, 0)
		t.Is("receiving", e, sockabi.ECONNRESET)
	}},
	{"SO_SNDTIMEO ends a connect that blocks", func(t *T) {
		full := t.fullListener()
		fd := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		timeout := place(sockabi.Timeval{Microseconds: 50_000})
		t.OK("sock_setsockopt", call("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_SNDTIMEO, at(timeout), sockabi.TimevalSize))
		t.Is("sock_connect_v2", connect(fd, full), sockabi.EINPROGRESS)
	}},
}

// fullListener is the address of a listener whose queue is full: who connects
// to it waits, as for a machine that does not answer.
func (t *T) fullListener() netip.AddrPort {
	l := t.bound(loopback4, sockabi.SOCK_STREAM)
	t.OK("sock_listen_v2", call("sock_listen_v2", l, 0))
	a := t.local(l)
	for range 16 {
		if len(t.poll(moment, writable(t.dial(a)))) == 0 {
			return a
		}
	}
	t.Fatalf("a backlog of 0 never fills")
	panic("not reached")
}

// pending is a connection that stays in progress, and where to.
func (t *T) pending() (uint32, netip.AddrPort) {
	a := t.fullListener()
	return t.dial(a), a
}

// connectLengths connects by every length of an address, good and bad.
func connectLengths(t *T, function string) {
	for _, f := range families {
		to := t.local(t.listener(f.loopback))
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
			fd := t.nonblocking(t.socket(f.family, sockabi.SOCK_STREAM))
			e := call(function, fd, at(place(sockabi.Address{Buf: start(raw), Len: n})), uint32(to.Port()))
			t.Logf("%s %d bytes: %s", f.name, n, name(e))
		}
	}
}
