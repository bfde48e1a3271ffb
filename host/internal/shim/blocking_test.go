//go:build linux || darwin

package shim

import (
	"net"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// takenTime fails the test if f takes less than that time.
func takesAtLeast(t testing.TB, d time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took < d {
		t.Errorf("it took %v, and should wait for %v", took, d)
	}
}

func TestBlockingCallsWait(t *testing.T) {
	g := newTester(t, sockets.Config{})
	g.mem = append(g.mem, make(memory, 8<<20)...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fd := g.open(inet4, tcp)
	g.ok("sock_connect", fd, g.addr("127.0.0.1"), uint32(listener.Addr().(*net.TCPAddr).Port))
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()

	// Receiving waits for the first bytes, or with WAITALL for all.
	const delay = 10 * time.Millisecond
	takesAtLeast(t, delay, func() {
		time.AfterFunc(delay, func() { peer.Write([]byte("first")) })
		if text, errno := g.recv(fd); text != "first" || errno != 0 {
			t.Errorf("recv gives %q, %s", text, errno.Name())
		}
	})
	go func() {
		for _, part := range []string{"in", " parts", " all", "."} {
			peer.Write([]byte(part))
			time.Sleep(time.Millisecond)
		}
	}()
	iovs, n := g.iovs("??????", "??????"), g.alloc(4)
	g.ok("sock_recv", fd, iovs, 2, sockabi.RI_WAITALL, n, g.alloc(2))
	if got := string(g.mem[g.u32(iovs):][:6]) + string(g.mem[g.u32(iovs+8):][:6]); got != "in parts all" || g.u32(n) != 12 {
		t.Errorf("WAITALL gives %d bytes, %q", g.u32(n), got)
	}
	if text, _ := g.recv(fd); text != "." {
		t.Errorf("then %q", text)
	}

	// Sending waits until all bytes are sent.
	received := make(chan int)
	go func() {
		time.Sleep(delay)
		total, buf := 0, make([]byte, 1<<20)
		for total < 8<<20 {
			k, err := peer.Read(buf)
			if total += k; err != nil {
				break
			}
		}
		received <- total
	}()
	g.ok("sock_send", fd, g.put(sockabi.IOVec{Buf: memorySize, Len: 8 << 20}), 1, 0, n)
	if got := <-received; got != 8<<20 || g.u32(n) != 8<<20 {
		t.Errorf("sent %d bytes, received %d", g.u32(n), got)
	}

	// WAITALL ends with the stream.
	peer.Write([]byte("last"))
	peer.Close()
	g.ok("sock_recv", fd, iovs, 2, sockabi.RI_WAITALL, n, g.alloc(2))
	if g.u32(n) != 4 {
		t.Errorf("WAITALL at the end gives %d bytes", g.u32(n))
	}
}

func TestABlockingAcceptWaits(t *testing.T) {
	g := newTester(t, sockets.Config{})
	l := g.open(inet4, tcp)
	g.ok("sock_bind", l, g.addr("127.0.0.1"), 0)
	g.ok("sock_listen", l, 1)
	addr := g.local(l).String()
	out := g.alloc(4)
	dialed := make(chan net.Conn)
	takesAtLeast(t, 10*time.Millisecond, func() {
		time.AfterFunc(10*time.Millisecond, func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
			}
			dialed <- c
		})
		g.ok("sock_accept", l, out)
	})
	if c := <-dialed; c != nil {
		c.Close()
	}
}

func TestTimeoutsOfBlockingCalls(t *testing.T) {
	g := newTester(t, sockets.Config{})
	g.mem = append(g.mem, make(memory, 32<<20)...)
	l, _ := g.listen()
	a, _ := g.pair()
	u := udp(g)
	const timeout = 15 * time.Millisecond
	value := g.put(sockabi.Timeval{Microseconds: int64(timeout / time.Microsecond)})
	for _, fd := range []uint32{l, a, u} {
		g.ok("fd_fdstat_set_flags", fd, 0)
		g.ok("sock_setsockopt", fd, 0, sockabi.SO_RCVTIMEO, value, 16)
		g.ok("sock_setsockopt", fd, 0, sockabi.SO_SNDTIMEO, value, 16)
		back, size := g.alloc(16), g.put(uint32(16))
		g.ok("sock_getsockopt", fd, 0, sockabi.SO_RCVTIMEO, back, size)
		if got := get[sockabi.Timeval](g, back); got.Seconds != 0 || got.Microseconds < int64(timeout/time.Microsecond) || got.Microseconds > 40_000 {
			t.Errorf("the timeout reads %+v", got)
		}
	}
	iovs, n, flags := g.iovs("????"), g.alloc(4), g.alloc(2)
	for name, f := range map[string]func() sockabi.Errno{
		"accept":    func() sockabi.Errno { return g.call("sock_accept", l, n) },
		"recv":      func() sockabi.Errno { return g.call("sock_recv", a, iovs, 1, 0, n, flags) },
		"read":      func() sockabi.Errno { return g.call("fd_read", a, iovs, 1, n) },
		"recv all":  func() sockabi.Errno { return g.call("sock_recv", a, iovs, 1, sockabi.RI_WAITALL, n, flags) },
		"recv from": func() sockabi.Errno { return g.call("sock_recv_from", u, iovs, 1, g.addr("0.0.0.0"), 0, n, flags) },
	} {
		takesAtLeast(t, timeout, func() {
			if errno := f(); errno != sockabi.EAGAIN {
				t.Errorf("%s = %s", name, errno.Name())
			}
		})
	}
	// The bytes that fit are sent; the next send finds no room in time.
	all := g.put(sockabi.IOVec{Buf: memorySize, Len: 32 << 20})
	g.ok("sock_send", a, all, 1, 0, n)
	if g.u32(n) == 0 || g.u32(n) == 32<<20 {
		t.Errorf("sent %d bytes", g.u32(n))
	}
	takesAtLeast(t, timeout, func() {
		errno := sockabi.ESUCCESS
		for i := 0; i < 100 && errno == sockabi.ESUCCESS; i++ { // a busy system may find room once more
			errno = g.call("sock_send", a, all, 1, 0, n)
		}
		if errno != sockabi.EAGAIN {
			t.Errorf("sock_send without room = %s", errno.Name())
		}
	})
	// A timeout below 0 does not wait, and 0 means none.
	g.ok("sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Seconds: -1}), 16)
	g.want(sockabi.EAGAIN, "sock_recv", u, iovs, 1, 0, n, flags)
	g.want(sockabi.EDOM, "sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Microseconds: 1_000_000}), 16)
	g.want(sockabi.EDOM, "sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Microseconds: -1}), 16)
	g.ok("sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Seconds: 1 << 62}), 16)
	g.ok("sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{}), 16)
	time.AfterFunc(10*time.Millisecond, g.Interrupt)
	g.want(sockabi.EINTR, "sock_recv", u, iovs, 1, 0, n, flags)
}

func TestAcceptedSocketsInherit(t *testing.T) {
	g := newTester(t, sockets.Config{})
	l, port := g.listen()
	g.ok("sock_setsockopt", l, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Microseconds: 10_000}), 16)
	g.ok("sock_setsockopt", l, 0, sockabi.SO_LINGER, g.put(sockabi.Linger{OnOff: 1, Seconds: 60}), 8)
	_, fd := g.pairFrom(l, port)
	g.ok("fd_fdstat_set_flags", fd, 0)
	takesAtLeast(t, 10*time.Millisecond, func() { g.want(sockabi.EAGAIN, "fd_read", fd, g.iovs("?"), 1, g.alloc(4)) })
}

func TestPeekingAtAllDoesNotWait(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := readable(g)
	g.ok("fd_fdstat_set_flags", fd, 0)
	iovs, n := g.iovs("????????????????"), g.alloc(4)
	for range 2 {
		g.ok("sock_recv", fd, iovs, 1, sockabi.RI_PEEK|sockabi.RI_WAITALL, n, g.alloc(2))
		if got := string(g.mem[g.u32(iovs):][:6]); g.u32(n) != 5 || got != "bytes?" {
			t.Errorf("peeked at %d bytes, %q", g.u32(n), got)
		}
	}
}

func TestClosingNeverLingers(t *testing.T) {
	g := newTester(t, sockets.Config{})
	g.mem = append(g.mem, make(memory, 16<<20)...)
	a, _ := g.pair()
	g.ok("sock_setsockopt", a, 0, sockabi.SO_LINGER, g.put(sockabi.Linger{OnOff: 1, Seconds: 60}), 8)
	g.ok("sock_send", a, g.put(sockabi.IOVec{Buf: memorySize, Len: 16 << 20}), 1, 0, g.alloc(4))
	start := time.Now()
	g.ok("fd_close", a)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func TestLingerZeroResets(t *testing.T) {
	g := newTester(t, sockets.Config{})
	a, b := g.pair()
	g.ok("sock_setsockopt", a, 0, sockabi.SO_LINGER, g.put(sockabi.Linger{OnOff: 1}), 8)
	g.ok("fd_close", a)
	g.expectPoll("read:0 hangup, write:1 hangup", read(b), write(b))
	if _, errno := g.recv(b); errno != sockabi.ECONNRESET {
		t.Errorf("recv = %s", errno.Name())
	}
}
