//go:build linux || darwin

package shim

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hosttrace"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestTrace(t *testing.T) {
	var traced []host.Call
	refused := netip.MustParseAddr("127.0.0.9")
	watch := Watch{Trace: func(c host.Call) { traced = append(traced, c) }}
	g := newWatched(t, sockets.Config{Policy: func(r host.Request) error {
		if r.Addr.Addr() == refused {
			return &host.Refusal{Request: r}
		}
		return nil
	}}, watch)
	g.Names.Resolver = namestest.Resolver{}
	port := func(fd uint32) string { return fmt.Sprint(g.local(fd).Port()) }
	// told returns the trace of f in the form of hosttrace.Text, with the descriptor in front. The
	// port of each socket in names is replaced by its name.
	told := func(f func(), names map[string]string) string {
		t.Helper()
		traced = nil
		before := time.Now()
		f()
		if len(traced) != 1 {
			t.Fatalf("%d calls were traced: %v", len(traced), traced)
		}
		c := traced[0]
		if c.Start.Before(before) || c.Duration < 0 || c.Start.Add(c.Duration).After(time.Now()) {
			t.Errorf("%s took %v from %v, and all %v from %v", c.Name, c.Duration, c.Start, time.Since(before), before)
		}
		c.Start, c.Duration = time.Time{}, 0
		var line strings.Builder
		hosttrace.Text(&line).Trace(c)
		text := strings.TrimSuffix(line.String(), " <0.000000>\n")
		for port, name := range names {
			text = strings.ReplaceAll(text, ":"+port, ":"+name)
		}
		return fmt.Sprint(c.FD, " ", text)
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
		{"1048579 sock_open(INET6, DGRAM) = 1048579", func() { g.call("sock_open", inet6, dgram, g.alloc(4)) }},
		{"-1 sock_open(7, 9) = EINVAL", func() { g.call("sock_open", 7, 9, g.alloc(4)) }},
		{"1048579 sock_bind(1048579, [::1]:0) = 0", func() { g.call("sock_bind", 1048579, g.addr("::1"), 0) }},
		{"1048576 sock_listen(1048576, 9) = 0", func() { g.call("sock_listen", l, 9) }},
		{"1048576 sock_accept(1048576, 4) = EAGAIN", func() { g.call("sock_accept", l, 4, g.alloc(4)) }},
		{"1048577 sock_connect(1048577, 127.0.0.1:L) = EINPROGRESS", func() { g.call("sock_connect", c, g.addr("127.0.0.1"), lport) }},
		{"1048577 sock_connect(1048577, 127.0.0.9:80) = EACCES (denied: no rule allows dial tcp 127.0.0.9:80)", func() { g.call("sock_connect", c, g.addr("127.0.0.9"), 80) }},
		{"1048577 sock_connect(1048577, 80) = EFAULT", func() { g.call("sock_connect", c, 1<<31, 80) }},
		{"-1 poll_oneoff([write 1048577, read 77, clock 1m0s], 3) = 2 [write 1048577, read 77 EBADF]", func() {
			g.call("poll_oneoff", g.put(write(c), read(77), timer(time.Minute)), g.alloc(96), 3, g.alloc(4))
		}},
		{"-1 poll_oneoff([write 1048577], 1) = 1 [write 1048577]", func() { g.call("poll_oneoff", g.put(write(c)), g.alloc(32), 1, g.alloc(4)) }},
		{"1048576 sock_accept(1048576, 4) = 1048580 from 127.0.0.1:C", func() {
			names[fmt.Sprint(portOf(g, c))] = "C"
			g.call("sock_accept", l, 4, g.alloc(4))
		}},
		{"-1 poll_oneoff([clock 0s], 1) = 1 [clock]", func() { g.call("poll_oneoff", g.put(timer(0)), g.alloc(32), 1, g.alloc(4)) }},
		{"-1 poll_oneoff([clock], 1) = 1 [clock EINVAL]", func() {
			g.call("poll_oneoff", g.put(sockabi.Subscription{Target: 9}), g.alloc(32), 1, g.alloc(4))
		}},
		{"-1 poll_oneoff([7], 1) = 1 [7 EINVAL]", func() {
			g.call("poll_oneoff", g.put(sockabi.Subscription{Tag: 9, Target: 7}), g.alloc(32), 1, g.alloc(4))
		}},
		{"-1 poll_oneoff([read 2, read 3, read 4, read 5, read 6, read 7, read 8, read 9, …], 9) = " +
			"9 [read 2, read 3 EBADF, read 4 EBADF, read 5 EBADF, read 6 EBADF, read 7 EBADF, read 8 EBADF, read 9 EBADF, …]", func() {
			var many []any
			for fd := range uint32(9) {
				many = append(many, read(fd+2))
			}
			g.call("poll_oneoff", g.put(many...), g.alloc(9*32), 9, g.alloc(4))
		}},
		{"-1 poll_oneoff(0) = EINVAL", func() { g.call("poll_oneoff", 0, 0, 0, 0) }},
		{"1048577 sock_send(1048577, 5 bytes, 0) = 5", func() { g.call("sock_send", c, g.iovs("abc", "de"), 2, 0, g.alloc(4)) }},
		{"1048577 sock_recv(1048577, 4 bytes, 1) = EAGAIN", func() { g.call("sock_recv", c, g.iovs("????"), 1, 1, g.alloc(4), g.alloc(2)) }},
		{"1048578 sock_send_to(1048578, 3 bytes, 127.0.0.1:U, 0) = 3", func() {
			g.call("sock_send_to", u, g.iovs("abc"), 1, g.addr("127.0.0.1"), uint32(portOf(g, u)), 0, g.alloc(4))
		}},
		{"1048578 sock_recv_from(1048578, 2 bytes, 0) = 2 from 127.0.0.1:U, truncated", func() {
			g.call("sock_recv_from", u, g.iovs("??"), 1, g.addr("::"), 0, g.alloc(2), g.alloc(4), g.alloc(2))
		}},
		{"1048578 sock_getlocaladdr(1048578) = 127.0.0.1:U", func() { g.call("sock_getlocaladdr", u, g.storage(0, ""), g.alloc(4)) }},
		{"1048578 sock_getpeeraddr(1048578) = ENOTCONN", func() { g.call("sock_getpeeraddr", u, g.storage(0, ""), g.alloc(4)) }},
		{"1048577 sock_setsockopt(1048577, TCP_NODELAY, 1) = 0", func() { g.call("sock_setsockopt", c, 6, 1, g.put(int32(1)), 4) }},
		{"1048577 sock_getsockopt(1048577, SO_TYPE) = 2", func() { g.call("sock_getsockopt", c, 0, 1, g.alloc(4), g.put(uint32(4))) }},
		{"1048577 sock_getsockopt(1048577, 9, 9) = EINVAL", func() { g.call("sock_getsockopt", c, 9, 9, g.alloc(4), g.put(uint32(4))) }},
		{"1048577 sock_setsockopt(1048577, SO_BINDTODEVICE) = EACCES (denied: binding to a device)", func() { g.call("sock_setsockopt", c, 0, 14, g.put("lo"), 2) }},
		{`-1 sock_getaddrinfo("both.test", "http", 2) = 2 [[2001:db8::1]:80, 192.0.2.1:80]`, func() {
			g.call("sock_getaddrinfo", g.ask("both.test", "http", sockabi.AddrInfo{SockType: tcp}, list)...)
		}},
		{`-1 sock_getaddrinfo("broken.test", "http", 2) = EAI_FAIL (lookup : server misbehaving)`, func() {
			g.call("sock_getaddrinfo", g.ask("broken.test", "http", sockabi.AddrInfo{SockType: tcp}, list)...)
		}},
		{"1048577 fd_fdstat_set_flags(1048577, 4) = 0", func() { g.call("fd_fdstat_set_flags", c, 4) }},
		{"1048577 fd_read(1048577, 4 bytes) = EAGAIN", func() { g.call("fd_read", c, g.iovs("????"), 1, g.alloc(4)) }},
		{"1048577 fd_renumber(1048577, 3) = EBADF", func() { g.call("fd_renumber", c, 3) }},
		{"1048577 sock_shutdown(1048577, 3) = 0", func() { g.call("sock_shutdown", c, 3) }},
		{"1048577 fd_close(1048577) = 0", func() { g.call("fd_close", c) }},
		{"4294967295 fd_close(4294967295) = EBADF", func() { g.call("fd_close", 0xffff_ffff) }},
	} {
		if got := told(test.act, names); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}

	// Arguments have the names of their parameters.
	for _, test := range []struct {
		want string
		act  func()
	}{
		{"[{fd 1048576} {addr [::1]:7}]", func() { g.call("sock_bind", l, g.addr("::1"), 7) }},
		{"[{fd 1048576} {name TCP_NODELAY} {value 1}]", func() { g.call("sock_setsockopt", l, 6, 1, g.put(int32(1)), 4) }},
		{"[{fd 1048576} {iovs 3 bytes} {flags 0}]", func() { g.call("sock_send", l, g.iovs("abc"), 1, 0, g.alloc(4)) }},
		{"[{subs [clock 0s]} {nsubs 1}]", func() { g.call("poll_oneoff", g.put(timer(0)), g.alloc(32), 1, g.alloc(4)) }},
		{`[{node "both.test"} {service "http"} {max 2}]`, func() {
			g.call("sock_getaddrinfo", g.ask("both.test", "http", sockabi.AddrInfo{SockType: tcp}, list)...)
		}},
	} {
		test.act()
		if got := fmt.Sprint(traced[len(traced)-1].Args); got != test.want {
			t.Errorf("the arguments are %s, want %s", got, test.want)
		}
	}

	// The engine reports calls that fall through.
	traced = nil
	g.want(FallThrough, "fd_write", 1, g.iovs("x"), 1, g.alloc(4))
	if traced != nil {
		t.Errorf("a call that falls through is traced as %v", traced)
	}
	rows := &guest{Guest: g.Guest, watch: watch}
	own := rows.watched(sockabi.Function{Name: "fd_write", Args: "fd iovs* iovslen nwritten*"}, func(context.Context, Memory, []uint64) sockabi.Errno { return 0 })
	if got := told(func() { own(context.Background(), nil, []uint64{1, 100, 2, 200}) }, nil); got != "1 fd_write(1, 2) = 0" {
		t.Errorf("the engine's call is traced as %q", got)
	}
	odd := rows.watched(sockabi.Function{Name: "odd", Args: "number"}, func(context.Context, Memory, []uint64) sockabi.Errno { return 999 })
	if got := told(func() { odd(context.Background(), nil, []uint64{1}) }, nil); got != "-1 odd(1) = errno 999" {
		t.Errorf("an unknown errno is traced as %q", got)
	}
}

func portOf(g *tester, fd uint32) uint16 {
	e, _ := g.Local(g.Socket(fd))
	return e.Addr.Port()
}

func TestWithoutTraceNothingIsWrapped(t *testing.T) {
	g := newTester(t, sockets.Config{})
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

// BenchmarkTrace measures a call that does almost nothing: without a trace, and with one that
// nobody keeps.
func BenchmarkTrace(b *testing.B) {
	for _, test := range []struct {
		name  string
		trace host.Tracer
	}{
		{"none", nil},
		{"dropped", func(host.Call) {}},
		{"text", hosttrace.Text(io.Discard).Trace},
		{"json", hosttrace.JSON(io.Discard).Trace},
		{"chrome", hosttrace.Chrome(io.Discard).Trace},
	} {
		b.Run(test.name, func(b *testing.B) {
			g := newWatched(b, sockets.Config{}, Watch{Trace: test.trace})
			call, args := g.calls["fd_fdstat_set_flags2"], []uint64{uint64(g.open(inet4, tcp)), 4}
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if errno := call(ctx, g.mem, args); errno != 0 {
					b.Fatal(errno)
				}
			}
		})
	}
}
