//go:build linux || darwin

package shim

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// waits lists calls that wait forever.
var waits = map[string]func(g *tester) func() sockabi.Errno{
	"a poll of a socket": func(g *tester) func() sockabi.Errno { return g.forever(read(nonblockPeer(g))) },
	"a poll of a clock":  func(g *tester) func() sockabi.Errno { return g.forever(timer(time.Hour)) },
	"a poll of a clock that never comes": func(g *tester) func() sockabi.Errno {
		return g.forever(sockabi.Subscription{Timeout: 1<<64 - 1})
	},
	"a poll of stdin and a socket": func(g *tester) func() sockabi.Errno { return g.forever(read(0), read(nonblockPeer(g))) },
	"accepting": func(g *tester) func() sockabi.Errno {
		l, _ := g.listen()
		g.ok("fd_fdstat_set_flags", l, 0)
		out := g.alloc(4)
		return func() sockabi.Errno { return g.call("sock_accept", l, out) }
	},
	"receiving": func(g *tester) func() sockabi.Errno {
		fd := g.blocking()
		iovs, n, flags := g.iovs("????"), g.alloc(4), g.alloc(2)
		return func() sockabi.Errno { return g.call("sock_recv", fd, iovs, 1, sockabi.RI_WAITALL, n, flags) }
	},
	"receiving a datagram": func(g *tester) func() sockabi.Errno {
		fd := udp(g)
		g.ok("fd_fdstat_set_flags", fd, 0)
		iovs, addr, n, flags := g.iovs("????"), g.addr("::"), g.alloc(4), g.alloc(2)
		return func() sockabi.Errno { return g.call("sock_recv_from", fd, iovs, 1, addr, 0, n, n, flags) }
	},
	"reading": func(g *tester) func() sockabi.Errno {
		fd, iovs, n := g.blocking(), g.iovs("????"), g.alloc(4)
		return func() sockabi.Errno { return g.call("fd_read", fd, iovs, 1, n) }
	},
	"sending": func(g *tester) func() sockabi.Errno {
		fd, iovs, n := g.blocking(), g.put(sockabi.IOVec{Len: memorySize}), g.alloc(4)
		return func() sockabi.Errno {
			for {
				if errno := g.call("sock_send", fd, iovs, 1, 0, n); errno != 0 {
					return errno
				}
			}
		}
	},
	"writing": func(g *tester) func() sockabi.Errno {
		fd, iovs, n := g.blocking(), g.put(sockabi.IOVec{Len: memorySize}), g.alloc(4)
		return func() sockabi.Errno {
			for {
				if errno := g.call("fd_write", fd, iovs, 1, n); errno != 0 {
					return errno
				}
			}
		}
	},
	"connecting": func(g *tester) func() sockabi.Errno {
		port, fd, addr := g.fullListener(), g.open(inet4, tcp), g.addr("127.0.0.1")
		return func() sockabi.Errno { return g.call("sock_connect", fd, addr, port) }
	},
	"resolving": func(g *tester) func() sockabi.Errno {
		g.Names.Resolver = namestest.Resolver{}
		args := g.ask("hang.test", "80", sockabi.AddrInfo{SockType: tcp}, g.list(1, 26, 0))
		return func() sockabi.Errno { return g.call("sock_getaddrinfo", args...) }
	},
}

func (g *tester) forever(subs ...sockabi.Subscription) func() sockabi.Errno {
	in, out, n := g.put(subs), g.alloc(len(subs)*sockabi.EventSize), g.alloc(4)
	return func() sockabi.Errno { return g.call("poll_oneoff", in, out, uint32(len(subs)), n) }
}

// blocking returns a connected stream that blocks, whose peer does nothing.
func (g *tester) blocking() uint32 {
	fd, _ := g.pair()
	g.ok("fd_fdstat_set_flags", fd, 0)
	return fd
}

// TestInterruptEndsEveryWait interrupts at random moments, from several goroutines, some of which
// close the guest.
func TestInterruptEndsEveryWait(t *testing.T) {
	leakCheck(t)
	for name, begin := range waits {
		t.Run(name, func(t *testing.T) {
			for round := range 20 {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				g := newTester(t, sockets.Config{Stdin: r})
				wait := begin(g)
				var running sync.WaitGroup
				for k := range 3 {
					running.Add(1)
					time.AfterFunc(time.Duration(rand.IntN(1000*(1+round%3)))*time.Microsecond, func() {
						defer running.Done()
						if g.Interrupt(); k == 0 && round%2 == 0 {
							g.Close()
						}
					})
				}
				if errno := wait(); errno != sockabi.EINTR && !(round%2 == 0 && errno == sockabi.EBADF) {
					t.Errorf("the call ends with %q", errno.Name())
				}
				if !g.Interrupted() {
					t.Error("the call ended by itself")
				}
				if errno := wait(); errno != sockabi.EINTR && errno != sockabi.EBADF {
					t.Errorf("the next call ends with %q", errno.Name())
				}
				running.Wait()
				g.Close()
				r.Close()
				w.Close()
			}
		})
	}
}

func TestInterruptedCallsThatNeedNotWaitSucceed(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := readable(g)
	g.ok("fd_fdstat_set_flags", fd, 0)
	g.Interrupt()
	g.expectPoll("read:0, write:1", read(fd), write(fd))
	if text, errno := g.recv(fd); text != "bytes" || errno != 0 {
		t.Errorf("recv gives %q, %s", text, errno.Name())
	}
	g.want(sockabi.EINTR, "fd_read", fd, g.iovs("x"), 1, g.alloc(4))
	g.ok("fd_close", fd)
}

func TestNothingLeaks(t *testing.T) {
	leakCheck(t)
	for range 100 {
		g := newTester(t, sockets.Config{})
		for range 20 {
			g.scratch(func() {
				a, b := g.pair()
				g.poll(read(a), write(b), timer(0))
				g.ok("fd_close", a)
				g.poll(read(a), read(b), timer(0))
				g.ok("fd_renumber", g.open(inet4, dgram), b)
				if b%2 == 0 { // the others are left to Close
					g.ok("fd_close", b)
				}
			})
		}
		g.Close()
	}
}

func TestFailuresLeakNothing(t *testing.T) {
	leakCheck(t)
	g := newTester(t, sockets.Config{Limits: host.Limits{Sockets: 4}})
	l, port := g.listen()
	for range 2000 {
		g.scratch(func() {
			g.want(sockabi.EFAULT, "sock_open", inet4, tcp, memorySize)
			g.want(sockabi.EADDRNOTAVAIL, "sock_open", inet4, tcp, 1)
			c := g.open(inet4, tcp)
			g.ok("sock_setsockopt", c, 0, sockabi.SO_LINGER, g.put(sockabi.Linger{OnOff: 1}), 8) // a reset leaves no TIME_WAIT
			g.ok("sock_connect", c, g.addr("127.0.0.1"), port)
			g.waitFor(read(l))
			g.want(sockabi.EFAULT, "sock_accept", l, 0, 1<<31)
			g.want(sockabi.EINVAL, "sock_accept", l, 99, 0)
			out := g.alloc(4)
			g.ok("sock_accept", l, 0, out)
			g.ok("fd_close", c)
			g.ok("fd_close", g.u32(out))
		})
	}
	if g.Stats().Sockets != 1 {
		t.Errorf("%d sockets are open", g.Stats().Sockets)
	}
	g.Close()
}

func TestNewWithoutDescriptors(t *testing.T) {
	leakCheck(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	failures := 0
	for room := range openFiles(t) + 3 {
		low := limit
		low.Cur = uint64(room)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		s, err := sockets.New(sockets.Config{})
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			s.Close()
		} else if failures++; !errors.Is(err, unix.EMFILE) {
			t.Errorf("with room for %d descriptors: %v", room, err)
		}
	}
	if failures == 0 {
		t.Error("New works without descriptors")
	}
}
