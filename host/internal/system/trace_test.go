//go:build linux || darwin

package system

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// lines keeps what was written, and counts how often.
type lines struct {
	text   string
	writes int
}

func (l *lines) Write(p []byte) (int, error) {
	l.writes++
	l.text += string(p)
	return 0, errors.New("nobody looks at this")
}

func TestTrace(t *testing.T) {
	var out lines
	refused := netip.MustParseAddr("127.0.0.9")
	g := newTester(t, Config{Trace: &out, Policy: func(r host.Request) error {
		if r.Addr.Addr() == refused {
			return errors.New("no rule permits it")
		}
		return nil
	}})
	g.resolver = names{}
	port := func(fd uint32) string { return fmt.Sprint(g.local(fd).Port()) }
	// line is what f is traced as, with the port of each socket in names replaced
	// by its name.
	line := func(f func(), names map[string]string) string {
		t.Helper()
		out = lines{}
		f()
		text := out.text
		if out.writes != 1 || strings.Count(text, "\n") != 1 {
			t.Errorf("%q came in %d pieces", text, out.writes)
		}
		for port, name := range names {
			text = strings.ReplaceAll(text, ":"+port, ":"+name)
		}
		return strings.TrimSuffix(text, "\n")
	}
	l, lport := g.listen()
	c := g.nonblock(g.open(inet4, tcp))
	u := udp(g)
	list := g.list(2, 26, 0)
	names := map[string]string{port(l): "L", port(u): "U"}
	for _, test := range []struct {
		want string
		act  func()
	}{
		{"sock_open(INET6, DGRAM) = 1048579", func() { g.call("sock_open", inet6, dgram, g.alloc(4)) }},
		{"sock_open(7, 9) = EINVAL", func() { g.call("sock_open", 7, 9, g.alloc(4)) }},
		{"sock_bind(1048579, [::1]:0) = 0", func() { g.call("sock_bind", 1048579, g.addr("::1"), 0) }},
		{"sock_listen(1048576, 9) = 0", func() { g.call("sock_listen", l, 9) }},
		{"sock_accept(1048576, 4) = EAGAIN", func() { g.call("sock_accept", l, 4, g.alloc(4)) }},
		{"sock_connect(1048577, 127.0.0.1:L) = EINPROGRESS", func() { g.call("sock_connect", c, g.addr("127.0.0.1"), lport) }},
		{"sock_connect(1048577, 127.0.0.9:80) = EACCES (denied: no rule permits it)", func() { g.call("sock_connect", c, g.addr("127.0.0.9"), 80) }},
		{"sock_connect(1048577, 80) = EFAULT", func() { g.call("sock_connect", c, 1<<31, 80) }},
		{"poll_oneoff(3, 3 changed) = 2 [write 1048577, read 77 EBADF]", func() {
			g.call("poll_oneoff", g.put(write(c), read(77), timer(time.Minute)), g.alloc(96), 3, g.alloc(4))
		}},
		{"poll_oneoff(1, 0 changed) = 1 [write 1048577]", func() { g.call("poll_oneoff", g.put(write(c)), g.alloc(32), 1, g.alloc(4)) }},
		{"poll_oneoff(1, 1 changed) = 1 [clock]", func() { g.call("poll_oneoff", g.put(timer(0)), g.alloc(32), 1, g.alloc(4)) }},
		{"poll_oneoff(0) = EINVAL", func() { g.call("poll_oneoff", 0, 0, 0, 0) }},
		{"sock_send(1048577, 5 bytes, 0) = 5", func() { g.call("sock_send", c, g.iovs("abc", "de"), 2, 0, g.alloc(4)) }},
		{"sock_recv(1048577, 4 bytes, 1) = EAGAIN", func() { g.call("sock_recv", c, g.iovs("????"), 1, 1, g.alloc(4), g.alloc(2)) }},
		{"sock_send_to(1048578, 3 bytes, 127.0.0.1:U, 0) = 3", func() {
			g.call("sock_send_to", u, g.iovs("abc"), 1, g.addr("127.0.0.1"), uint32(udpPort(g, u)), 0, g.alloc(4))
		}},
		{"sock_recv_from(1048578, 2 bytes, 0) = 2 from 127.0.0.1:U, truncated", func() {
			g.call("sock_recv_from", u, g.iovs("??"), 1, g.addr("::"), 0, g.alloc(2), g.alloc(4), g.alloc(2))
		}},
		{"sock_getlocaladdr(1048578) = 127.0.0.1:U", func() { g.call("sock_getlocaladdr", u, g.storage(0, ""), g.alloc(4)) }},
		{"sock_getpeeraddr(1048578) = ENOTCONN", func() { g.call("sock_getpeeraddr", u, g.storage(0, ""), g.alloc(4)) }},
		{"sock_setsockopt(1048577, TCP_NODELAY, 1) = 0", func() { g.call("sock_setsockopt", c, 6, 1, g.put(int32(1)), 4) }},
		{"sock_getsockopt(1048577, SO_TYPE) = 2", func() { g.call("sock_getsockopt", c, 0, 1, g.alloc(4), g.put(uint32(4))) }},
		{"sock_getsockopt(1048577, 9, 9) = EINVAL", func() { g.call("sock_getsockopt", c, 9, 9, g.alloc(4), g.put(uint32(4))) }},
		{"sock_setsockopt(1048577, SO_BINDTODEVICE) = EACCES (denied: binding to a device)", func() { g.call("sock_setsockopt", c, 0, 14, g.put("lo"), 2) }},
		{`sock_getaddrinfo("both.test", "http", 2) = 2 [[2001:db8::1]:80, 192.0.2.1:80]`, func() {
			g.call("sock_getaddrinfo", g.ask("both.test", "http", sockabi.AddrInfo{SockType: tcp}, list)...)
		}},
		{`sock_getaddrinfo("broken.test", "http", 2) = EAI_FAIL (lookup : server misbehaving)`, func() {
			g.call("sock_getaddrinfo", g.ask("broken.test", "http", sockabi.AddrInfo{SockType: tcp}, list)...)
		}},
		{"fd_fdstat_set_flags(1048577, 4) = 0", func() { g.call("fd_fdstat_set_flags", c, 4) }},
		{"fd_read(1048577, 4 bytes) = EAGAIN", func() { g.call("fd_read", c, g.iovs("????"), 1, g.alloc(4)) }},
		{"fd_renumber(1048577, 3) = EBADF", func() { g.call("fd_renumber", c, 3) }},
		{"sock_shutdown(1048577, 3) = 0", func() { g.call("sock_shutdown", c, 3) }},
		{"fd_close(1048577) = 0", func() { g.call("fd_close", c) }},
		{"fd_close(4294967295) = EBADF", func() { g.call("fd_close", 0xffff_ffff) }},
	} {
		if got := line(test.act, names); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}

	// What falls through is the engine's to tell.
	out = lines{}
	g.want(FallThrough, "fd_write", 1, g.iovs("x"), 1, g.alloc(4))
	if out.writes != 0 {
		t.Errorf("a call that falls through is traced as %q", out.text)
	}
	own := g.Traced(sockabi.Function{Name: "fd_write", Args: "fd iovs* iovslen nwritten*"}, func(context.Context, Memory, []uint64) sockabi.Errno { return 0 })
	if got := line(func() { own(context.Background(), nil, []uint64{1, 100, 2, 200}) }, nil); got != "fd_write(1, 2) = 0" {
		t.Errorf("the engine's call is traced as %q", got)
	}
	odd := g.Traced(sockabi.Function{Name: "odd", Args: "fd"}, func(context.Context, Memory, []uint64) sockabi.Errno { return 999 })
	if got := line(func() { odd(context.Background(), nil, []uint64{1}) }, nil); got != "odd(1) = errno 999" {
		t.Errorf("an unknown errno is traced as %q", got)
	}
}

func udpPort(g *tester, fd uint32) uint16 {
	e, _ := localEndpoint(g.table.get(fd))
	return e.addr.Port()
}

func TestTheTextOfAnUnknownErrorIsTraced(t *testing.T) {
	var g guest
	g.rec = new(record)
	if errno := g.wire(errors.New("the moon is full")); errno != sockabi.EIO || g.rec.why != "the moon is full" {
		t.Errorf("%s, %q", errno.Name(), g.rec.why)
	}
	if got := g.rec.line("sock_open", sockabi.EIO); got != "sock_open() = EIO (the moon is full)\n" {
		t.Errorf("the line is %q", got)
	}
}

func TestWithoutTraceNothingIsWrapped(t *testing.T) {
	g := newTester(t, Config{})
	fd, _ := g.pair()
	iovs, n, flags := g.iovs("????"), g.alloc(4), g.alloc(2)
	subs, events, nevents := g.put(read(fd), write(fd), timer(0)), g.alloc(96), g.alloc(4)
	poll := []uint64{uint64(subs), uint64(events), 3, uint64(nevents)}
	call := g.calls["poll_oneoff4"]
	ctx := context.Background()
	if allocs := testing.AllocsPerRun(100, func() { call(ctx, g.mem, poll) }); allocs > 2 {
		t.Errorf("a poll allocates %v times", allocs)
	}
	recv := []uint64{uint64(fd), uint64(iovs), 1, 0, uint64(n), uint64(flags)}
	call = g.calls["sock_recv6"]
	if allocs := testing.AllocsPerRun(100, func() { call(ctx, g.mem, recv) }); allocs > 4 {
		t.Errorf("a sock_recv allocates %v times", allocs)
	}
}
