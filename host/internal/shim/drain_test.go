//go:build linux || darwin

package shim

import (
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// A service is a guest that listens, perhaps with a listener of the host.
type service struct {
	*tester
	l     uint32
	where string
	given net.Listener // or nil
}

// services runs test with a listener of the guest's own, and with one of the host.
func services(t *testing.T, test func(*testing.T, service)) {
	t.Run("own", func(t *testing.T) {
		leakCheck(t)
		g := newTester(t, sockets.Config{})
		l, port := g.listen()
		test(t, service{g, l, "127.0.0.1:" + strconv.Itoa(int(port)), nil})
	})
	t.Run("given", func(t *testing.T) {
		leakCheck(t)
		host := ours(t, "tcp", "127.0.0.1:0")
		g := newTester(t, sockets.Config{Policy: refuseAll, Listeners: []net.Listener{host}})
		l := g.nonblock(g.open(inet4, tcp))
		g.ok("sock_bind", l, g.addr("127.0.0.1"), port(host))
		g.ok("sock_listen", l, 10)
		test(t, service{g, l, host.Addr().String(), host})
	})
}

func (s service) dial() net.Conn {
	s.Helper()
	c, err := net.Dial("tcp", s.where)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { c.Close() })
	return c
}

func (s service) accept() uint32 {
	s.Helper()
	s.waitFor(read(s.l))
	out := s.alloc(4)
	s.ok("sock_accept", s.l, sockabi.FDFLAG_NONBLOCK, out)
	return s.u32(out)
}

func (s service) acceptIs(want sockabi.Errno) {
	s.Helper()
	s.want(want, "sock_accept", s.l, 0, s.alloc(4))
}

// waitsFor polls the listener, and checks that it becomes ready at about that time after since, not
// earlier and not much later.
func (s service) waitsFor(since time.Time, after time.Duration) {
	s.Helper()
	s.waitFor(read(s.l))
	if took := time.Since(since); took < after || took > after+2*time.Second {
		s.Errorf("the listener is ready after %v, want %v", took, after)
	}
	s.acceptIs(sockabi.EINVAL)
	s.acceptIs(sockabi.EINVAL)
	s.expectPoll("read:0", read(s.l), timer(time.Hour))
}

func TestDrainWithoutConnections(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		s.expectPoll("clock:1", read(s.l), timer(0))
		since := time.Now()
		time.AfterFunc(20*time.Millisecond, func() { s.Drain(false) })
		s.waitsFor(since, 20*time.Millisecond)
		s.Drain(false)
		s.Drain(true)
		s.waitsFor(time.Now(), 0)
	})
}

func TestDrainInABlockingAccept(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		s.ok("fd_fdstat_set_flags", s.l, 0)
		time.AfterFunc(20*time.Millisecond, func() { s.Drain(false) })
		s.acceptIs(sockabi.EINVAL)
	})
}

// TestDrainServesTheQueue tests that connections in the queue are accepted, and that later ones are
// refused, or left to the next guest of a listener of the host.
func TestDrainServesTheQueue(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		for i := range 5 {
			c := s.dial()
			io.WriteString(c, strconv.Itoa(i))
		}
		s.waitFor(read(s.l))
		s.Drain(false)
		if s.given == nil {
			for i := range 5 {
				fd := s.accept()
				s.waitFor(read(fd))
				if text, _ := s.recv(fd); text != strconv.Itoa(i) {
					t.Errorf("received %q, want %d", text, i)
				}
				s.send(fd, "answer")
				s.ok("fd_close", fd)
			}
			if _, err := net.Dial("tcp", s.where); err == nil && runtime.GOOS == "linux" {
				t.Error("a connection is made after all")
			}
		}
		s.waitsFor(time.Now(), 0)
		if s.given != nil {
			for i := range 5 {
				c, err := s.given.Accept()
				if err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 1)
				if io.ReadFull(c, b); string(b) != strconv.Itoa(i) {
					t.Errorf("the next gets %q, want %d", b, i)
				}
				c.Close()
			}
		}
	})
}

// TestDrainWaitsForConnections tests that a drain waits for connections, with any traffic.
func TestDrainWaitsForConnections(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		quiet := func() {
			t.Helper()
			s.expectPoll("clock:1", read(s.l), timer(20*time.Millisecond))
			s.acceptIs(sockabi.EAGAIN)
		}
		c := s.dial()
		fd := s.accept()
		silent := s.dial()
		other := s.accept()
		s.Drain(false)
		quiet() // new
		io.WriteString(c, "request")
		s.waitFor(read(fd))
		quiet() // bytes to read
		s.recv(fd)
		quiet() // read
		s.send(fd, "answer")
		if text, errno := s.recv(fd); errno != sockabi.EAGAIN {
			t.Errorf("receives %q, %s", text, errno.Name())
		}
		quiet() // answered
		s.ok("fd_close", fd)
		silent.Close()
		s.waitFor(read(other))
		if text, errno := s.recv(other); text != "" || errno != 0 {
			t.Errorf("receives %q, %s; want the end", text, errno.Name())
		}
		quiet() // the client has closed it, and the guest has not
		if n := s.Stats().Connections; n != 1 {
			t.Errorf("%d connections are open, want 1", n)
		}
		s.ok("fd_close", other)
		s.waitsFor(time.Now(), 0)
	})
}

// TestDrainOfAGuestThatHandlesIt tests that a guest that handles the drain decides when accepting
// fails, except with hurry.
func TestDrainOfAGuestThatHandlesIt(t *testing.T) {
	const drain = 1 << sockabi.SIGDRAIN
	told := func(s service, subs ...sockabi.Subscription) bool {
		s.Helper()
		for _, e := range s.poll(append(subs, timer(20*time.Millisecond))...) {
			if e.Type == sockabi.EVENTTYPE_SIGNAL && e.NBytes == drain {
				return true
			}
		}
		return false
	}
	services(t, func(t *testing.T, s service) {
		if told(s, signalRow(drain, 0)) {
			t.Error("it is told before")
		}
		if s.Signal(sockabi.SIGDRAIN) {
			t.Error("SIGDRAIN can be sent")
		}
		s.dial()
		fd := s.accept()
		s.Drain(false)
		if !told(s, read(s.l), signalRow(drain, 0)) || told(s, read(s.l), signalRow(drain, 0)) {
			t.Error("it is not told once")
		}
		s.acceptIs(sockabi.EAGAIN)
		if told(s, read(s.l), signalRow(0, 0)) {
			t.Error("it is told what it does not handle")
		}
		s.acceptIs(sockabi.EAGAIN) // one is open
		if !told(s, read(s.l), signalRow(drain, 0)) {
			t.Error("it is not told when it handles it again")
		}
		s.ok("fd_close", fd)
		s.acceptIs(sockabi.EAGAIN) // the guest has not said so
		s.polled(signalRow(0, 0), timer(0))
		s.waitsFor(time.Now(), 0)
	})
	services(t, func(t *testing.T, s service) {
		s.polled(signalRow(drain, 0), timer(0))
		s.Drain(false)
		s.expectPoll("clock:1", read(s.l), timer(time.Millisecond))
		s.Drain(true)
		s.waitsFor(time.Now(), 0)
	})
	services(t, func(t *testing.T, s service) {
		s.Drain(false)
		s.expectPoll("read:0", read(s.l), timer(time.Hour))
		if !told(s, signalRow(drain, 0)) {
			t.Error("it is not told when it begins to handle it")
		}
	})
}

// TestDrainInAHurryEndsConnections tests that the guest reads the end of a connection after the data
// that has arrived.
func TestDrainInAHurryEndsConnections(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		c := s.dial()
		fd := s.accept()
		io.WriteString(c, "request")
		s.waitFor(read(fd))
		s.Drain(true)
		s.expectPoll("read:0", read(fd), timer(time.Hour))
		if text, errno := s.recv(fd); text != "request" || errno != 0 {
			t.Errorf("receives %q, %s", text, errno.Name())
		}
		for range 2 {
			s.expectPoll("read:0", read(fd), timer(time.Hour))
			if text, errno := s.recv(fd); text != "" || errno != 0 {
				t.Errorf("receives %q, %s; want the end", text, errno.Name())
			}
		}
		s.send(fd, "answer")
		b := make([]byte, 6)
		if io.ReadFull(c, b); string(b) != "answer" {
			t.Errorf("its client receives %q", b)
		}
		s.waitsFor(time.Now(), 0)
	})
}

// TestDrainWakesWhoWaits tests that a drain with hurry wakes a guest that waits for bytes of a
// connection.
func TestDrainWakesWhoWaits(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		s.dial()
		fd := s.accept()
		s.expectPoll("clock:1", read(fd), timer(time.Millisecond))
		s.Drain(false)
		s.expectPoll("clock:1", read(fd), timer(time.Millisecond))
		time.AfterFunc(20*time.Millisecond, func() { s.Drain(true) })
		s.expectPoll("read:0", read(fd), timer(time.Hour))
		dialed := s.nonblock(s.open(inet4, tcp))
		if s.given == nil {
			l := ours(t, "tcp", "127.0.0.1:0")
			s.call("sock_connect", dialed, s.addr("127.0.0.1"), port(l))
			s.waitFor(write(dialed))
			s.expectPoll("clock:1", read(dialed), timer(time.Millisecond)) // it is not a client's
		}
		s.ok("fd_close", fd)
		s.waitsFor(time.Now(), 0)
	})
}

func TestDrainInAHurry(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		c := s.dial()
		fd := s.accept()
		io.WriteString(c, "request")
		s.waitFor(read(fd))
		s.recv(fd)
		s.Drain(false)
		s.expectPoll("clock:1", read(s.l), timer(20*time.Millisecond))
		since := time.Now()
		time.AfterFunc(20*time.Millisecond, func() { s.Drain(true) })
		s.waitsFor(since, 20*time.Millisecond)
		s.send(fd, "answer") // it still can
		late := s.nonblock(s.open(inet4, tcp))
		if s.given == nil {
			s.ok("sock_bind", late, s.addr("127.0.0.1"), 0)
			s.ok("sock_listen", late, 4)
			s.expectPoll("read:0", read(late), timer(time.Hour))
			s.want(sockabi.EINVAL, "sock_accept", late, 0, s.alloc(4))
		}
	})
}

// TestDrainCostsNoCPU tests that a drain takes no CPU time while a request is served and clients
// connect.
func TestDrainCostsNoCPU(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		c := s.dial()
		fd := s.accept()
		io.WriteString(c, "request")
		s.waitFor(read(fd))
		s.recv(fd)
		s.Drain(false)
		s.expectPoll("clock:1", read(s.l), timer(0)) // it has heard
		for range 3 {
			if c, err := net.Dial("tcp", s.where); err == nil {
				defer c.Close()
			}
		}
		before := cpuTime(t)
		s.expectPoll("clock:1", read(s.l), timer(500*time.Millisecond))
		if used := cpuTime(t) - before; used > 100*time.Millisecond {
			t.Errorf("waiting for 500 ms takes %v of processor time", used)
		}
	})
}

func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestShutdownOfAGivenListener tests that a listener of the host is shut down for this guest only.
func TestShutdownOfAGivenListener(t *testing.T) {
	services(t, func(t *testing.T, s service) {
		s.ok("sock_shutdown", s.l, sockabi.SHUT_RDWR)
		if runtime.GOOS == "linux" {
			if got := s.polled(read(s.l), timer(time.Second)); !strings.HasPrefix(got, "read:0") {
				t.Errorf("poll gives %q", got)
			}
			s.acceptIs(sockabi.EINVAL)
		}
		if s.given != nil {
			s.dial()
		}
	})
}

// TestRelease tests a listener that the host has released and closed: it takes connections while
// the guest accepts from it, and after a drain it serves those in its queue and refuses others.
func TestRelease(t *testing.T) {
	leakCheck(t)
	l, other := ours(t, "tcp", "127.0.0.1:0"), ours(t, "tcp", "127.0.0.1:0")
	g := newTester(t, sockets.Config{Policy: refuseAll, Listeners: []net.Listener{l, other}})
	fd := g.nonblock(g.open(inet4, tcp))
	g.ok("sock_bind", fd, g.addr("127.0.0.1"), port(l))
	g.ok("sock_listen", fd, 10)
	s := service{g, fd, l.Addr().String(), l}
	g.Release(l)
	l.Close()
	g.expectPoll("clock:1", read(fd), timer(0))
	s.dial()
	g.ok("fd_close", s.accept())
	c := s.dial()
	g.Drain(false)
	accepted := s.accept()
	if _, err := net.Dial("tcp", s.where); err == nil {
		t.Error("a connection is made after all")
	}
	g.ok("fd_close", accepted)
	c.Close()
	s.acceptIs(sockabi.EINVAL)
	g.ok("fd_close", fd)
	again := g.nonblock(g.open(inet4, tcp))
	g.want(sockabi.EADDRNOTAVAIL, "sock_bind", again, g.addr("127.0.0.1"), port(l))
	if c, err := net.Dial("tcp", other.Addr().String()); err != nil {
		t.Error("the other listener:", err)
	} else {
		c.Close()
	}
}
