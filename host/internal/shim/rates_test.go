//go:build linux || darwin

package shim

import (
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestListenersAreLimited(t *testing.T) {
	g := newTester(t, sockets.Config{Limits: host.Limits{Listeners: 2}})
	a, _ := g.listen()
	g.listen()
	third := g.open(inet4, tcp)
	g.ok("sock_bind", third, g.addr("127.0.0.1"), 0)
	g.want(sockabi.ENOBUFS, "sock_listen", third, 10)
	g.ok("sock_listen", a, 20) // once more
	g.ok("fd_close", a)
	g.ok("sock_listen", third, 10)
	if n := g.Stats().Limited; n != 1 {
		t.Errorf("%d were counted", n)
	}
}

// TestConnectionsAreLimited tests that a connection beyond the limit stays in the queue, that no
// poll reports it, and that the limit does not affect other listeners.
func TestConnectionsAreLimited(t *testing.T) {
	var told []string
	g := newTester(t, sockets.Config{Limits: host.Limits{Connections: 2}, OnLimit: func(field string) { told = append(told, field) }})
	l, port := g.listen()
	other, otherPort := g.listen()
	_, first := g.pairFrom(l, port)
	g.pairFrom(l, port)
	c := g.open(inet4, tcp)
	g.ok("sock_connect", c, g.addr("127.0.0.1"), port)
	g.expectPoll("clock:1", read(l), timer(20*time.Millisecond))
	g.ok("fd_fdstat_set_flags", l, 0)
	g.want(sockabi.EMFILE, "sock_accept", l, g.alloc(4)) // which would wait forever
	g.nonblock(l)
	g.want(sockabi.EAGAIN, "sock_accept", l, g.alloc(4))
	g.pairFrom(other, otherPort)
	g.expectPoll("clock:1", read(l), timer(20*time.Millisecond))
	g.ok("fd_close", first)
	g.waitFor(read(l))
	g.ok("sock_accept", l, g.alloc(4))
	g.want(sockabi.EAGAIN, "sock_accept", l, g.alloc(4))
	if n := g.Stats().Limited; n != 3 || len(told) != 1 || told[0] != "Connections" {
		t.Errorf("%d were counted, and %q was told", n, told)
	}
}

// TestRates moves the bytes of three seconds each way. On a slow machine it takes longer, never
// less.
func TestRates(t *testing.T) {
	const rate = 100_000
	for _, test := range []struct {
		name   string
		limits host.Limits
	}{
		{"sent", host.Limits{WriteRate: rate}},
		{"received", host.Limits{ReadRate: rate}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newTester(t, sockets.Config{Limits: test.limits})
			a, b := g.pair()
			g.nonblock(a)
			g.nonblock(b)
			iovs, nwritten := g.iovs(strings.Repeat("x", 20_000)), g.alloc(4)
			began, longest := time.Now(), time.Duration(0)
			timed := func(f func()) {
				before := time.Now()
				f()
				longest = max(longest, time.Since(before))
			}
			received := 0
			for received < 3*rate {
				timed(func() { g.call("sock_send", a, iovs, 1, 0, nwritten) })
				g.waitFor(read(b))
				for errno := sockabi.Errno(0); errno == 0; {
					timed(func() {
						var text string
						text, errno = g.recv(b)
						received += len(text)
					})
				}
			}
			took := time.Since(began)
			if took < 1900*time.Millisecond {
				t.Errorf("%d bytes took %v", received, took)
			}
			if g.Stats().Limited == 0 {
				t.Error("nothing was counted")
			}
			t.Logf("%d bytes in %v, the longest call %v", received, took, longest)
		})
	}
}

func TestADelayEndsWithTheGuest(t *testing.T) {
	g := newTester(t, sockets.Config{Limits: host.Limits{WriteRate: 1}})
	fd := g.nonblock(g.open(inet4, dgram))
	_, port := g.listen()
	iovs, at, nwritten := g.iovs(strings.Repeat("x", 1000)), g.addr("127.0.0.1"), g.alloc(4)
	time.AfterFunc(10*time.Millisecond, g.Interrupt)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.call("sock_send_to", fd, iovs, 1, at, port, 0, nwritten)
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("a guest that is delayed does not end")
	}
}

func TestLookupsAreLimited(t *testing.T) {
	g := newTester(t, sockets.Config{Limits: host.Limits{LookupRate: 2}})
	g.Names.Resolver = namestest.Resolver{}
	ask := func() sockabi.Errno {
		return g.call("sock_getaddrinfo", g.ask("four.test", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.list(2, 26, 0))...)
	}
	for _, want := range []sockabi.Errno{0, 0, sockabi.EAI_AGAIN} {
		if errno := ask(); errno != want {
			t.Errorf("%s, want %s", errno.Name(), want.Name())
		}
	}
	// A number is not a look-up.
	g.ok("sock_getaddrinfo", g.ask("127.0.0.1", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.list(2, 26, 0))...)
}
