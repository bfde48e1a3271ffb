//go:build linux || darwin

package shim

import (
	"context"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// BenchmarkPoll measures a poll with one active descriptor among idle ones, as Go's runtime does
// it: the peer writes, the guest gets the event, reads until EAGAIN, and subscribes again at the
// end of its list.
func BenchmarkPoll(b *testing.B) {
	for _, idle := range []int{1, 100, 1000, 9500} {
		b.Run(fmt.Sprintf("idle=%d", idle), func(b *testing.B) {
			g := newTester(b, sockets.Config{Limits: host.Limits{Sockets: idle + 1}})
			g.mem = make(memory, 1<<20)
			var limit unix.Rlimit
			if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); limit.Cur < uint64(2*idle+100) {
				limit.Cur = min(limit.Max, uint64(2*idle+100))
				unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
			}
			fds, ends := g.pairs(idle + 1)
			peers := map[uint32]int{}
			var subs []sockabi.Subscription
			for i, fd := range fds {
				peers[fd] = ends[i]
				subs = append(subs, read(fd))
			}
			in := g.put(subs)
			out, n := g.alloc(len(subs)*sockabi.EventSize), g.alloc(4)
			iovs, nread, flags := g.iovs("????????"), g.alloc(4), g.alloc(2)
			active := read(subs[len(subs)/2].Target)
			poll, recv := g.calls["poll_oneoff4"], g.calls["sock_recv6"]
			ctx := context.Background()
			pollArgs := []uint64{uint64(in), uint64(out), uint64(len(subs)), uint64(n)}
			recvArgs := []uint64{uint64(active.Target), uint64(iovs), 1, 0, uint64(nread), uint64(flags)}
			at, last := g.mem[in:][len(subs)/2*sockabi.SubscriptionSize:][:sockabi.SubscriptionSize], g.mem[in:][(len(subs)-1)*sockabi.SubscriptionSize:][:sockabi.SubscriptionSize]
			row := make([]byte, sockabi.SubscriptionSize)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				unix.Write(peers[active.Target], []byte{1})
				clear(g.mem[out:][:len(subs)*sockabi.EventSize])
				if errno := poll(ctx, g.mem, pollArgs); errno != 0 || g.u32(n) != 1 {
					b.Fatal(errno, g.u32(n))
				}
				for recv(ctx, g.mem, recvArgs) == 0 {
				}
				// The active subscription and the last change places.
				copy(row, at)
				copy(at, last)
				copy(last, row)
			}
		})
	}
}

// BenchmarkRequest makes the calls of a server for a request on a kept connection, read and send,
// without the request of the peer. The same system calls alone show the part of the kernel.
func BenchmarkRequest(b *testing.B) {
	const size = 100
	run := func(b *testing.B, answer func(g *tester, fd uint32) func()) {
		g := newTester(b, sockets.Config{})
		dialed, accepted := g.pair()
		g.nonblock(accepted)
		answerOnce := answer(g, accepted)
		peer, buf := g.Socket(dialed).Queue(), make([]byte, size)
		b.ReportAllocs()
		for b.Loop() {
			unix.Write(peer, buf)
			answerOnce()
			unix.Read(peer, buf)
		}
	}
	b.Run("by the guest", func(b *testing.B) {
		run(b, func(g *tester, fd uint32) func() {
			iovs, n := g.iovs(string(make([]byte, size))), g.alloc(4)
			read, send := g.calls["fd_read4"], g.calls["sock_send_v25"]
			ctx, mem := context.Background(), Memory(g.mem)
			args := []uint64{uint64(fd), uint64(iovs), 1, uint64(n)}
			sendArgs := []uint64{uint64(fd), uint64(iovs), 1, 0, uint64(n)}
			return func() {
				if e1, e2 := read(ctx, mem, args), send(ctx, mem, sendArgs); e1 != 0 || e2 != 0 {
					b.Fatal(e1, e2)
				}
			}
		})
	})
	b.Run("by system calls", func(b *testing.B) {
		run(b, func(g *tester, fd uint32) func() {
			s, buf := g.Socket(fd).Queue(), make([]byte, size)
			return func() {
				unix.Read(s, buf)
				unix.SendmsgN(s, buf, nil, nil, netos.SendFlags)
			}
		})
	})
}
