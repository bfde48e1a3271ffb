//go:build linux || darwin

package shim

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestCallsAreTold(t *testing.T) {
	var told string
	var took time.Duration
	g := newWatched(t, sockets.Config{}, Watch{Calls: func(name string, errno sockabi.Errno, d time.Duration) {
		told += fmt.Sprint(name, " ", errno, " ")
		took = d
	}})
	fd, _ := g.pair()
	g.ok("fd_fdstat_set_flags", fd, 0)
	g.ok("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Microseconds: 20_000}), 16)
	told = ""
	if g.recv(fd); told != fmt.Sprint("sock_recv ", sockabi.EAGAIN, " ") || took < 20*time.Millisecond || took > time.Second {
		t.Errorf("%q, %v", told, took)
	}
	told = ""
	g.want(FallThrough, "fd_write", 1, g.iovs("x"), 1, g.alloc(4))
	if told != "" {
		t.Errorf("%q of what falls through", told)
	}
	if g.send(fd, "text"); told != "sock_send 0 " {
		t.Errorf("%q", told)
	}
}

func TestWakeupsAreCounted(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd, _ := g.pair()
	before := g.Stats().Wakeups
	for range 3 {
		g.expectPoll("write:0, clock:1", write(fd), timer(0)) // does not wait
	}
	if n := g.Stats().Wakeups - before; n != 0 {
		t.Errorf("%d wake-ups without waiting", n)
	}
	for range 3 {
		g.expectPoll("clock:1", read(fd), timer(time.Millisecond))
	}
	if n := g.Stats().Wakeups - before; n < 3 || n > 6 {
		t.Errorf("%d wake-ups of 3 waits", n)
	}
}

// TestCallsAreCounted tests that Stats distinguishes a guest that waits from one that makes no
// calls.
func TestCallsAreCounted(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd, _ := g.pair()
	before := g.Stats().Calls
	for range 3 {
		g.recv(fd)
	}
	if n := g.Stats().Calls - before; n != 3 || g.Stats().Waiting {
		t.Errorf("%d calls were counted of 3, and it waits: %v", n, g.Stats().Waiting)
	}
	waits := make(chan bool)
	go func() {
		for end := time.Now().Add(5 * time.Second); !g.Stats().Waiting && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		waits <- g.Stats().Waiting
	}()
	g.expectPoll("clock:1", read(fd), timer(300*time.Millisecond))
	if !<-waits || g.Stats().Waiting {
		t.Error("it does not wait in poll_oneoff, or waits after it")
	}
}

// BenchmarkCall measures one of the cheapest calls: a receive with nothing to receive.
func BenchmarkCall(b *testing.B) {
	for _, test := range []struct {
		name string
		cfg  sockets.Config
		w    Watch
	}{
		{name: "plain"},
		{name: "told", w: Watch{Calls: func(string, sockabi.Errno, time.Duration) {}}},
		{name: "faults", cfg: sockets.Config{Faults: hostfault.Faults{Reset: 0.01}}},
	} {
		b.Run(test.name, func(b *testing.B) {
			g := newWatched(b, test.cfg, test.w)
			fd, _ := g.pair()
			args := []uint64{uint64(fd), uint64(g.iovs("????")), 1, 0, uint64(g.alloc(4)), uint64(g.alloc(2))}
			recv, ctx := g.calls["sock_recv6"], context.Background()
			b.ReportAllocs()
			for b.Loop() {
				recv(ctx, g.mem, args)
			}
		})
	}
}
