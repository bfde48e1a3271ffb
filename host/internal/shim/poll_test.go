//go:build linux || darwin

package shim

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// pairs makes that many pairs of connected UNIX sockets. The guest has one end, non-blocking, and
// the test the other.
func (g *tester) pairs(n int) (fds []uint32, peers []int) {
	g.Helper()
	dir, err := os.MkdirTemp("", "wasisock") // TempDir is too long for a path on some systems
	if err != nil {
		g.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		g.Fatal(err)
	}
	defer unix.Close(l)
	if err := errors.Join(unix.Bind(l, &unix.SockaddrUnix{Name: path}), unix.Listen(l, 1)); err != nil {
		g.Fatal(err)
	}
	g.scratch(func() {
		addr := g.storage(local, path)
		for range n {
			fd := g.nonblock(g.open(local, tcp))
			g.ok("sock_connect_v2", fd, addr, 0)
			peer, _, err := unix.Accept(l)
			if err != nil {
				g.Fatal(err)
			}
			fds, peers = append(fds, fd), append(peers, peer)
		}
	})
	g.Cleanup(func() {
		for _, peer := range peers {
			unix.Close(peer)
		}
	})
	return fds, peers
}

func TestEventsAsTheyAreWritten(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := readable(g)
	l := queue(g)
	bad := sockabi.Subscription{Userdata: 1<<64 - 1, Tag: sockabi.EVENTTYPE_FD_WRITE, Target: 99999}
	clock := sockabi.Subscription{Userdata: 1 << 63}
	got := g.poll(bad, read(l), write(fd), clock, read(fd), sockabi.Subscription{Tag: 77})
	want := []sockabi.Event{
		{Userdata: 1<<64 - 1, Errno: sockabi.EBADF, Type: sockabi.EVENTTYPE_FD_WRITE},
		{Userdata: read(l).Userdata, Type: sockabi.EVENTTYPE_FD_READ},
		{Userdata: write(fd).Userdata, Type: sockabi.EVENTTYPE_FD_WRITE, NBytes: 1},
		{Userdata: 1 << 63},
		{Userdata: read(fd).Userdata, Type: sockabi.EVENTTYPE_FD_READ, NBytes: 1},
		{Errno: sockabi.EINVAL, Type: 77},
	}
	for i, w := range want {
		if i >= len(got) || got[i] != w {
			t.Errorf("event %d of %d is not %+v", i, len(got), w)
		}
	}
}

func TestReadinessIsToldUntilDrained(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := readable(g)
	for range 3 {
		g.expectPoll("read:0, write:1", read(fd), write(fd), timer(time.Minute))
	}
	g.recv(fd)
	g.expectPoll("write:1", read(fd), write(fd), timer(time.Minute))
	g.expectPoll("clock:1", read(fd), timer(time.Millisecond))
}

// clockNow returns the time of one of the guest's clocks.
func clockNow(clock uint32) int64 {
	if clock == sockabi.CLOCK_REALTIME {
		return time.Now().UnixNano()
	}
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

func TestClocks(t *testing.T) {
	g := newTester(t, sockets.Config{})
	absolute := func(clock uint32, d time.Duration) sockabi.Subscription {
		return sockabi.Subscription{Target: clock, Timeout: uint64(clockNow(clock) + int64(d)), Flags: sockabi.SUBCLOCK_ABSTIME}
	}
	with := func(s sockabi.Subscription, userdata uint64) sockabi.Subscription {
		s.Userdata = userdata
		return s
	}
	const long = 20 * time.Millisecond
	for _, test := range []struct {
		want  string
		least time.Duration
		subs  []sockabi.Subscription
	}{
		{"clock:0", 0, []sockabi.Subscription{timer(0)}},
		{"clock:0", long, []sockabi.Subscription{timer(long)}},
		{"clock:0", long, []sockabi.Subscription{{Timeout: uint64(long), Target: sockabi.CLOCK_REALTIME}}},
		{"clock:0", 0, []sockabi.Subscription{absolute(sockabi.CLOCK_REALTIME, -time.Hour)}},
		{"clock:0", 0, []sockabi.Subscription{{Timeout: 0, Flags: sockabi.SUBCLOCK_ABSTIME}}},
		{"clock:0", 0, []sockabi.Subscription{absolute(sockabi.CLOCK_MONOTONIC, -time.Second)}},
		{"clock:1", long, []sockabi.Subscription{with(timer(1<<62), 1), with(timer(long), 2), with(timer(-1), 3)}},
		{"clock:0, clock:2", long, []sockabi.Subscription{with(timer(long), 1), with(timer(time.Minute), 2), with(timer(long-1), 3)}},
		{"clock:0 EINVAL", 0, []sockabi.Subscription{{Target: sockabi.CLOCK_PROCESSCPU, Timeout: uint64(time.Minute)}, timer(time.Minute)}},
		{"clock:0 EINVAL", 0, []sockabi.Subscription{{Target: sockabi.CLOCK_THREADCPU, Timeout: 0}}},
		{"clock:0 EINVAL", 0, []sockabi.Subscription{{Target: 4}}},
		{"clock:0 EINVAL", 0, []sockabi.Subscription{{Flags: 2}}},
	} {
		start := time.Now()
		if got := g.polled(test.subs...); got != test.want {
			t.Errorf("%+v: %q, want %q", test.subs, got, test.want)
		}
		if took := time.Since(start); took < test.least {
			t.Errorf("%+v: it took %v, want at least %v", test.subs, took, test.least)
		}
	}
	for clock := range uint32(2) {
		at := absolute(clock, long)
		g.expectPoll("clock:0", at)
		if now := clockNow(clock); uint64(now) < at.Timeout {
			t.Errorf("clock %d: it is %d, and the time to be waited for %d", clock, now, at.Timeout)
		}
	}
	// Waits longer than 32 bits of milliseconds, or 64 of nanoseconds, end early only with an
	// event.
	fd := readable(g)
	g.expectPoll("read:1", sockabi.Subscription{Timeout: 1<<64 - 1}, read(fd))
	g.expectPoll("read:1", sockabi.Subscription{Timeout: 1 << 62, Flags: sockabi.SUBCLOCK_ABSTIME}, read(fd))
}

func TestTheEnginesClock(t *testing.T) {
	g := newTester(t, sockets.Config{Nanotime: func() int64 { return 1000 }})
	abs := func(ns uint64) sockabi.Subscription {
		return sockabi.Subscription{Userdata: ns, Target: sockabi.CLOCK_MONOTONIC, Timeout: ns, Flags: sockabi.SUBCLOCK_ABSTIME}
	}
	g.expectPoll("clock:0, clock:1", abs(999), abs(1000), abs(uint64(time.Hour)))
	takesAtLeast(t, 10*time.Millisecond, func() { g.expectPoll("clock:0", abs(1000+uint64(10*time.Millisecond))) })
}

func TestTheSameTwice(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := readable(g)
	quiet := nonblockPeer(g)
	second := read(fd)
	second.Userdata++
	for range 2 {
		g.expectPoll("read:0, read:1 EEXIST", read(fd), second)
		g.expectPoll("read:0, write:1, read:2 EEXIST", read(fd), write(fd), second)
		g.expectPoll("read:1, read:2 EEXIST", timer(time.Minute), read(fd), second)
	}
	// The first of them goes, the second takes its place.
	g.expectPoll("read:1", read(quiet), second)
	// A third comes before it.
	g.expectPoll("read:0, read:1 EEXIST", read(fd), second)
	// The same bytes at the same places, both anew.
	g.expectPoll("clock:0", timer(0))
	g.expectPoll("read:0, read:1 EEXIST", read(fd), second)
}

// nonblockPeer returns a connected stream to which nothing was sent.
func nonblockPeer(g *tester) uint32 {
	fd, _ := g.pair()
	return fd
}

func TestTroubleReturnsAtOnce(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd, quiet := readable(g), nonblockPeer(g)
	g.expectPoll("read:0 EBADF", read(sockets.FirstSocket+500))
	g.expectPoll("read:1 EBADF", read(quiet), read(sockets.FirstSocket+500))
	g.expectPoll("read:0, read:1 EBADF, write:2 EBADF", read(fd), read(sockets.FirstSocket+500), write(77))
	g.expectPoll("read:0 EBADF", read(0xffff_ffff), timer(time.Minute))
	g.expectPoll("read:0", read(fd), timer(time.Minute))
}

func TestManyAreReadyAtOnce(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fds, peers := g.pairs(200)
	var subs []sockabi.Subscription
	var want []string
	for i, fd := range fds {
		unix.Write(peers[i], []byte("x"))
		subs = append(subs, read(fd), write(fd))
		want = append(want, "read:"+strconv.Itoa(2*i), "write:"+strconv.Itoa(2*i+1))
	}
	for range 2 {
		g.expectPoll(strings.Join(want, ", "), subs...)
	}
}

func TestManySubscriptions(t *testing.T) {
	g := newTester(t, sockets.Config{Limits: host.Limits{Sockets: 1}})
	g.mem = make(memory, 16<<20)
	for n, want := range map[uint32]sockabi.Errno{1: 0, 63: 0, 64: 0, 65: 0, 1 << 16: 0, 1<<16 + 2: 0, 1<<16 + 3: sockabi.EINVAL} {
		g.want(want, "poll_oneoff", 0, 8<<20, n, 15<<20)
		if want == 0 && g.u32(15<<20) != n {
			t.Errorf("%d clocks that have run out are %d events", n, g.u32(15<<20))
		}
		clear(g.mem[15<<20:][:4])
	}
}

func TestThousandsOfTimers(t *testing.T) {
	g := newTester(t, sockets.Config{})
	g.mem = make(memory, 1<<20)
	fd := readable(g)
	subs := make([]sockabi.Subscription, 5000)
	for i := range subs {
		subs[i] = timer(time.Hour - time.Duration(i))
		subs[i].Target = uint32(i % 2)
		subs[i].Userdata = uint64(i)
	}
	subs[3210].Timeout = uint64(20 * time.Millisecond)
	g.scratch(func() { takesAtLeast(t, 20*time.Millisecond, func() { g.expectPoll("clock:3210", subs...) }) })
	subs[4321] = read(fd)
	g.scratch(func() { g.expectPoll("read:4321", subs...) })
}

// TestTheSameBytesForAnotherSocket repeats a poll, byte for byte, while what its
// numbers mean changes.
func TestTheSameBytesForAnotherSocket(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fds, peers := g.pairs(4)
	quiet, fd, peer := fds[2:], fds[0], fds[1]
	subs := []sockabi.Subscription{read(quiet[0]), read(fd), write(fd), read(quiet[1])}
	g.expectPoll("write:2", subs...)

	// Closed: the numbers are nobody's, then another's.
	g.ok("fd_close", fd)
	g.expectPoll("read:1 EBADF, write:2 EBADF", subs...)
	g.expectPoll("read:1 EBADF, write:2 EBADF", subs...)
	again := g.open(inet4, tcp)
	if again != fd {
		t.Fatalf("the new socket is %d, not %d", again, fd)
	}
	g.expectPoll("read:1 hangup, write:2 hangup", subs...)

	// Closed and opened between two polls.
	g.ok("fd_close", fd)
	if again = udp(g); again != fd {
		t.Fatalf("the new socket is %d, not %d", again, fd)
	}
	g.expectPoll("write:2", subs...)
	g.expectPoll("write:2", subs...)

	// Renumbered: peer, which has something to read, takes the number.
	unix.Close(peers[1])
	peers[1] = -1
	g.expectPoll("read:0 hangup", read(peer), read(quiet[0]))
	g.expectPoll("write:2", subs...)
	g.ok("fd_renumber", peer, fd)
	g.expectPoll("read:1 hangup, write:2 hangup", subs...)
	g.ok("fd_close", fd)
	g.expectPoll("read:0 EBADF", read(peer), read(quiet[0]))

	// A closed one among ready ones, and gone.
	live := readable(g)
	g.expectPoll("read:1", read(quiet[0]), read(live))
	g.ok("fd_close", quiet[0])
	g.expectPoll("read:0 EBADF, read:1", read(quiet[0]), read(live))
}

func TestRenumberedWhileWatched(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fds, peers := g.pairs(3)
	g.expectPoll("clock:3", read(fds[0]), read(fds[1]), read(fds[2]), timer(0))
	g.ok("fd_renumber", fds[2], fds[0])
	g.expectPoll("clock:1", read(fds[0]), timer(0))
	unix.Write(peers[0], []byte("x")) // nobody's any more
	g.expectPoll("clock:1", read(fds[0]), timer(0))
	unix.Write(peers[2], []byte("x"))
	g.expectPoll("read:0, read:1 EBADF", read(fds[0]), read(fds[2]))
	g.expectPoll("read:0, clock:2", read(fds[0]), read(fds[1]), timer(0))
}

func TestSubscriptionsThatMove(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fds, peers := g.pairs(5)
	unix.Write(peers[2], []byte("x"))
	a, b, c, d, e := read(fds[0]), read(fds[1]), read(fds[2]), read(fds[3]), read(fds[4])
	for _, test := range []struct {
		want string
		subs []sockabi.Subscription
	}{
		{"read:2", []sockabi.Subscription{a, b, c, d, e}},
		{"read:4", []sockabi.Subscription{a, b, e, d, c}}, // swapped
		{"read:0", []sockabi.Subscription{c}},             // shrunk
		{"read:2", []sockabi.Subscription{a, b, c, d, e}}, // grown
		{"read:1", []sockabi.Subscription{b, c, d, e, a}}, // turned
		{"read:3, clock:5", []sockabi.Subscription{e, d, b, c, a, timer(0)}},
		{"clock:0", []sockabi.Subscription{timer(0), b, d}},
		{"read:2", []sockabi.Subscription{a, b, c, d, e, timer(time.Minute)}},
	} {
		g.expectPoll(test.want, test.subs...)
		g.expectPoll(test.want, test.subs...)
	}
}
func TestStatesThatMakeOtherHostsSpin(t *testing.T) {
	g := newTester(t, sockets.Config{})
	// To write alone, while the peer has half-closed and the buffer is full.
	fd, peer := g.pair()
	g.mem = append(g.mem, make(memory, 32<<20)...)
	for g.call("sock_send", fd, g.put(sockabi.IOVec{Buf: memorySize, Len: 32 << 20}), 1, 0, g.alloc(4)) == 0 {
	}
	g.ok("sock_shutdown", peer, sockabi.SHUT_WR)
	g.waitFor(read(fd))
	g.expectPoll("clock:1", write(fd), timer(10*time.Millisecond))

	// To read alone, on a connected datagram socket with an ICMP error.
	u := g.nonblock(g.open(inet4, dgram))
	closed := udp(g)
	port := uint32(g.local(closed).Port())
	g.ok("fd_close", closed)
	g.ok("sock_connect", u, g.addr("127.0.0.1"), port)
	g.send(u, "x")
	g.expectPoll("read:0", read(u), timer(10*time.Second))
	if _, errno := g.recv(u); errno != sockabi.ECONNREFUSED {
		t.Errorf("recv = %s", errno.Name())
	}
	g.expectPoll("clock:1", read(u), timer(10*time.Millisecond))
}

func TestAReset(t *testing.T) {
	g := newTester(t, sockets.Config{})
	a, b := g.pair()
	g.expectPoll("write:1", read(b), write(b))
	g.ok("sock_setsockopt", a, 0, sockabi.SO_LINGER, g.put(sockabi.Linger{OnOff: 1}), 8)
	g.ok("fd_close", a)
	g.expectPoll("read:0 hangup", read(b))
	g.expectPoll("write:0 hangup", write(b))
}

func TestSignalsDoNotEndAPoll(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd, _ := g.pair()
	stop := make(chan bool)
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				unix.Kill(unix.Getpid(), unix.SIGWINCH) // which Go handles, and ignores
			}
		}
	}()
	takesAtLeast(t, 50*time.Millisecond, func() {
		g.expectPoll("clock:1", read(fd), timer(50*time.Millisecond))
	})
	g.ok("fd_fdstat_set_flags", fd, 0)
	g.ok("sock_setsockopt", fd, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Microseconds: 50_000}), 16)
	takesAtLeast(t, 50*time.Millisecond, func() {
		if _, errno := g.recv(fd); errno != sockabi.EAGAIN {
			t.Errorf("recv = %s", errno.Name())
		}
	})
}

// TestNobodyWaitsForIt makes descriptors ready that are no longer subscribed to: a poll of others
// must sleep.
func TestNobodyWaitsForIt(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fds, peers := g.pairs(3)
	g.expectPoll("clock:3", read(fds[0]), read(fds[1]), read(fds[2]), timer(0))
	g.expectPoll("write:0", write(fds[2]))
	unix.Write(peers[0], []byte("x"))
	unix.Close(peers[1])
	peers[1] = -1
	unix.Write(peers[2], []byte("x"))
	sleeps := func(sub sockabi.Subscription) {
		t.Helper()
		g.expectPoll("clock:1", sub, timer(time.Millisecond)) // may find what is watched for still
		before := g.Stats().Wakeups
		g.expectPoll("clock:1", sub, timer(5*time.Millisecond))
		if n := g.Stats().Wakeups - before; n > 3 {
			t.Errorf("%d wake-ups: the poller watches for what nobody wants", n)
		}
	}
	sleeps(read(udp(g)))
	g.expectPoll("read:0, read:1 hangup, read:2, write:3", read(fds[0]), read(fds[1]), read(fds[2]), write(fds[2]))

	// Of two directions, one is wanted still.
	g.expectPoll("read:0, write:1", read(fds[0]), write(fds[0]))
	g.recv(fds[0])
	sleeps(read(fds[0]))
}
