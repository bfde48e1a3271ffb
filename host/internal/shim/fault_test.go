//go:build linux || darwin

package shim

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/host/hosttrace"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// outside returns a connection from the guest to this process.
func (g *tester) outside() (fd uint32, peer *net.TCPConn) {
	g.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.Fatal(err)
	}
	defer l.Close()
	g.scratch(func() {
		fd = g.open(inet4, tcp)
		g.ok("sock_connect", fd, g.addr("127.0.0.1"), uint32(l.Addr().(*net.TCPAddr).Port))
		g.nonblock(fd)
	})
	c, err := l.Accept()
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return fd, c.(*net.TCPConn)
}

// attempt calls sock_send with text, which may send a part of it.
func (g *tester) attempt(fd uint32, text string) (sent int, errno sockabi.Errno) {
	g.scratch(func() {
		half := len(text) / 2
		n := g.alloc(4)
		if errno = g.call("sock_send", fd, g.iovs(text[:half], text[half:]), 2, 0, n); errno == 0 {
			sent = int(g.u32(n))
		}
	})
	return sent, errno
}

func TestShortReads(t *testing.T) {
	const text = "all of this arrives, a little at a time"
	for _, blocking := range []bool{false, true} {
		g := newTester(t, sockets.Config{Faults: hostfault.Faults{Seed: 1, ShortRead: 1}})
		fd, peer := g.outside()
		io.WriteString(peer, text)
		g.waitFor(read(fd))
		if blocking {
			g.ok("fd_fdstat_set_flags", fd, 0)
		}
		var pieces []string
		for got := 0; got < len(text); {
			piece, errno := g.recv(fd)
			if errno != 0 || piece == "" || len(piece) == len(text)-got && len(piece) > 1 {
				t.Fatalf("%s, %q after %q", errno.Name(), piece, pieces)
			}
			pieces = append(pieces, piece)
			got += len(piece)
		}
		if all := strings.Join(pieces, ""); all != text {
			t.Errorf("%q", pieces)
		}
		if !blocking {
			if _, errno := g.recv(fd); errno != sockabi.EAGAIN {
				t.Errorf("and then %s", errno.Name())
			}
		}
		peer.Close()
		g.waitFor(read(fd))
		if piece, errno := g.recv(fd); piece != "" || errno != 0 {
			t.Errorf("%q, %s at the end", piece, errno.Name())
		}
	}
}

// TestDemandsForAllAreMet receives with RI_WAITALL, which short reads must not cut.
func TestDemandsForAllAreMet(t *testing.T) {
	g := newTester(t, sockets.Config{Faults: hostfault.Faults{ShortRead: 1}})
	fd, peer := g.outside()
	g.ok("fd_fdstat_set_flags", fd, 0)
	io.WriteString(peer, "0123456789")
	n := g.alloc(4)
	g.ok("sock_recv", fd, g.iovs("??????????"), 1, sockabi.RI_WAITALL, n, g.alloc(2))
	if g.u32(n) != 10 {
		t.Errorf("%d bytes", g.u32(n))
	}
}

func TestShortWrites(t *testing.T) {
	const text = "all of this is sent, a little at a time"
	for _, blocking := range []bool{false, true} {
		g := newTester(t, sockets.Config{Faults: hostfault.Faults{Seed: 2, ShortWrite: 1}})
		fd, peer := g.outside()
		if blocking {
			g.ok("fd_fdstat_set_flags", fd, 0)
		}
		for rest := text; rest != ""; {
			n, errno := g.attempt(fd, rest)
			if errno != 0 || n == 0 || n == len(rest) && n > 1 {
				t.Fatalf("%s, %d of %q", errno.Name(), n, rest)
			}
			got := make([]byte, n)
			if _, err := io.ReadFull(peer, got); string(got) != rest[:n] || err != nil {
				t.Fatalf("%q, %v; want %q", got, err, rest[:n])
			}
			rest = rest[n:]
		}
		g.ok("fd_close", fd)
		if more, err := io.ReadAll(peer); len(more) != 0 || err != nil {
			t.Errorf("%q more, %v", more, err)
		}
	}
}

// TestDatagramsStayWhole tests that short reads and writes of streams do not cut datagrams.
func TestDatagramsStayWhole(t *testing.T) {
	g := newTester(t, sockets.Config{Faults: hostfault.Faults{ShortRead: 1, ShortWrite: 1, Reset: 1}})
	to := waiting(g)
	if text, errno := g.recv(to); text != "datagram" || errno != 0 {
		t.Errorf("%q, %s", text, errno.Name())
	}
}

func TestAgain(t *testing.T) {
	g := newTester(t, sockets.Config{Faults: hostfault.Faults{Again: 1}})
	fd, peer := g.outside()
	for range 3 {
		io.WriteString(peer, "text")
		g.expectPoll("read:0, write:1", read(fd), write(fd), timer(10*time.Second))
		if _, errno := g.recv(fd); errno != sockabi.EAGAIN {
			t.Fatalf("recv: %s", errno.Name())
		}
		if _, errno := g.attempt(fd, "text"); errno != sockabi.EAGAIN {
			t.Fatalf("send: %s", errno.Name())
		}
		g.expectPoll("read:0, write:1", read(fd), write(fd), timer(10*time.Second))
		if text, errno := g.recv(fd); text != "text" || errno != 0 {
			t.Fatalf("recv: %q, %s", text, errno.Name())
		}
		g.send(fd, "text")
	}
	if all := make([]byte, 12); true {
		if _, err := io.ReadFull(peer, all); string(all) != "texttexttext" || err != nil {
			t.Errorf("%q, %v", all, err)
		}
	}
	g.ok("fd_fdstat_set_flags", fd, 0)
	for range 3 { // blocking calls have no EAGAIN
		io.WriteString(peer, "text")
		if text, errno := g.recv(fd); text == "" || errno != 0 {
			t.Errorf("recv: %q, %s", text, errno.Name())
		}
		g.send(fd, "text")
	}
}

func TestReset(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(g *tester, fd uint32) sockabi.Errno
	}{
		{"receiving", func(g *tester, fd uint32) sockabi.Errno { _, errno := g.recv(fd); return errno }},
		{"sending", func(g *tester, fd uint32) sockabi.Errno { _, errno := g.attempt(fd, "text"); return errno }},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newTester(t, sockets.Config{Faults: hostfault.Faults{Reset: 1}})
			fd, peer := g.outside()
			port := uint32(peer.LocalAddr().(*net.TCPAddr).Port)
			io.WriteString(peer, "text")
			g.waitFor(read(fd))
			if errno := test.act(g, fd); errno != sockabi.ECONNRESET {
				t.Fatal(errno.Name())
			}
			for range 3 {
				g.expectPoll("read:0 hangup, write:1 hangup", read(fd), write(fd), timer(10*time.Second))
				if text, errno := g.recv(fd); text != "" || errno != 0 {
					t.Errorf("recv: %q, %s", text, errno.Name())
				}
				if _, errno := g.attempt(fd, "text"); errno != sockabi.EPIPE {
					t.Errorf("send: %s", errno.Name())
				}
				g.want(sockabi.EISCONN, "sock_connect", fd, g.addr("127.0.0.1"), port)
				g.want(sockabi.ENOTCONN, "sock_getpeeraddr", fd, g.storage(0, ""), g.alloc(4))
			}
			_, err := io.Copy(io.Discard, peer)
			if runtime.GOOS == "linux" && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the peer sees %v", err)
			}
			g.ok("fd_close", fd)
		})
	}
}

func TestResetOfAUNIXStream(t *testing.T) {
	g := newTester(t, sockets.Config{Faults: hostfault.Faults{Reset: 1}})
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd := g.open(local, tcp)
	g.ok("sock_connect_v2", fd, g.storage(sockabi.AF_UNIX, dir+"/s"), 0)
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	peer.SetDeadline(time.Now().Add(10 * time.Second))
	if _, errno := g.attempt(fd, "text"); errno != sockabi.ECONNRESET {
		t.Fatal(errno.Name())
	}
	if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the peer sees %d bytes, %v", n, err)
	}
}

// TestOnlyConnectionsBreak tests that sockets without a connection report their real errors.
func TestOnlyConnectionsBreak(t *testing.T) {
	g := newTester(t, sockets.Config{Faults: hostfault.Faults{Reset: 1, Again: 1}})
	fd := g.open(inet4, tcp)
	if _, errno := g.recv(fd); errno != sockabi.ENOTCONN {
		t.Error(errno.Name())
	}
	l, _ := g.listen()
	if _, errno := g.recv(l); errno != sockabi.ENOTCONN {
		t.Error(errno.Name())
	}
	c := g.nonblock(g.open(inet4, tcp))
	g.want(sockabi.EINPROGRESS, "sock_connect", c, g.addr("127.0.0.1"), g.closedPort())
	g.waitFor(write(c))
	value := g.alloc(4)
	g.ok("sock_getsockopt", c, sockabi.SOL_SOCKET, sockabi.SO_ERROR, value, g.put(uint32(4)))
	if errno := sockabi.Errno(g.u32(value)); errno != sockabi.ECONNREFUSED {
		t.Error(errno.Name())
	}
}

func TestDelay(t *testing.T) {
	const delay = 20 * time.Millisecond
	g := newTester(t, sockets.Config{Faults: hostfault.Faults{Delay: 1, DelayTime: delay}})
	fd, peer := g.outside()
	took := func(f func()) time.Duration { began := time.Now(); f(); return time.Since(began) }
	if d := took(func() { g.recv(fd) }); d > delay {
		t.Errorf("a call with nothing to do took %v", d)
	}
	if d := took(func() { g.send(fd, "text") }); d < delay {
		t.Errorf("sending took %v", d)
	}
	io.WriteString(peer, "text")
	g.waitFor(read(fd))
	if d := took(func() { g.recv(fd) }); d < delay {
		t.Errorf("receiving took %v", d)
	}
	list := g.list(1, 26, 0)
	if d := took(func() {
		g.ok("sock_getaddrinfo", g.ask("localhost", "80", sockabi.AddrInfo{SockType: tcp}, list)...)
	}); d < delay {
		t.Errorf("a lookup took %v", d)
	}

	g.Account.Faults.DelayTime = time.Hour
	time.AfterFunc(10*time.Millisecond, g.Interrupt)
	if _, errno := g.attempt(fd, "text"); errno != sockabi.EINTR {
		t.Errorf("interrupted: %s", errno.Name())
	}
}

func TestDNSFailure(t *testing.T) {
	g := newTester(t, sockets.Config{Faults: hostfault.Faults{DNS: 1}})
	list := g.list(1, 26, 0)
	g.want(sockabi.EAI_AGAIN, "sock_getaddrinfo", g.ask("localhost", "80", sockabi.AddrInfo{SockType: tcp}, list)...)
	g.ok("sock_getaddrinfo", g.ask("127.0.0.1", "80", sockabi.AddrInfo{SockType: tcp}, list)...) // no name

	for port, want := range map[uint32]sockabi.Errno{53: sockabi.ECONNREFUSED, 54: 0} {
		fd := g.nonblock(g.open(inet4, dgram))
		g.ok("sock_connect", fd, g.addr("127.0.0.1"), port)
		if _, errno := g.attempt(fd, "query"); errno != want {
			t.Errorf("port %d: %s", port, errno.Name())
		}
	}
}

func TestFaultsAreTraced(t *testing.T) {
	var out strings.Builder
	told := hosttrace.Text(&out)
	g := newWatched(t, sockets.Config{Faults: hostfault.Faults{ShortWrite: 1, Again: 1, Delay: 1, DelayTime: time.Millisecond, DNS: 1}},
		Watch{Trace: func(c host.Call) { c.Duration = 0; told.Trace(c) }})
	fd, _ := g.outside()
	out.Reset()
	g.attempt(fd, "ab")
	g.attempt(fd, "ab")
	g.Account.Faults.Reset = 1
	g.attempt(fd, "ab")
	g.call("sock_getaddrinfo", g.ask("localhost", "80", sockabi.AddrInfo{SockType: tcp}, g.list(1, 26, 0))...)
	want := `sock_send(1048576, 2 bytes, 0) = EAGAIN (fault: 1ms late, fault: eagain)
sock_send(1048576, 2 bytes, 0) = 1 (fault: 1ms late, fault: short)
sock_send(1048576, 2 bytes, 0) = ECONNRESET (fault: 1ms late, fault: reset)
sock_getaddrinfo("localhost", "80", 1) = EAI_AGAIN (lookup localhost: fault: dns)
`
	if got := strings.ReplaceAll(out.String(), " <0.000000>", ""); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestFaultsFollowTheSeed sends on several connections, in an order that differs from run to run,
// and receives often while nothing has arrived.
func TestFaultsFollowTheSeed(t *testing.T) {
	run := func(seed uint64, order []int) string {
		g := newTester(t, sockets.Config{Faults: hostfault.Faults{Seed: seed, ShortRead: 0.3, ShortWrite: 0.3, Again: 0.3, Reset: 0.01}})
		const n = 4
		var fds [n]uint32
		var peers [n]*net.TCPConn
		var seen [n]string
		for i := range n {
			fds[i], peers[i] = g.outside()
		}
		for k := range 40 {
			for _, i := range order {
				for range (i + k + order[0]) % 4 {
					g.recv(fds[i])
				}
				sent, errno := g.attempt(fds[i], "0123456789")
				seen[i] += fmt.Sprint(" w", sent, errno)
				io.WriteString(peers[i], "01234")
				if g.waitFor(read(fds[i])); sent >= 0 {
					text, errno := g.recv(fds[i])
					seen[i] += fmt.Sprint(" r", len(text), errno)
				}
				for again := 0; again < 2; { // the rest; one EAGAIN may be a fault
					switch text, errno := g.recv(fds[i]); {
					case text != "":
						again = 0
					case errno != sockabi.EAGAIN:
						again = 2
					default:
						again++
					}
				}
			}
		}
		return fmt.Sprint(seen)
	}
	first := run(7, []int{0, 1, 2, 3})
	if again := run(7, []int{2, 0, 3, 1}); again != first {
		t.Errorf("the same seed gives\n%s\nand then\n%s", first, again)
	}
	if other := run(8, []int{0, 1, 2, 3}); other == first {
		t.Errorf("another seed gives the same: %s", other)
	}
}

// TestProbabilities counts the results of the first throws of many sockets.
func TestProbabilities(t *testing.T) {

	const n = 10_000
	within := func(what string, got int) {
		if sigma := math.Sqrt(n * 0.1 * 0.9); math.Abs(float64(got)-n*0.1) > 4*sigma {
			t.Errorf("%s: %d of %d, for a probability of 0.1", what, got, n)
		}
	}
	g := newTester(t, sockets.Config{Faults: hostfault.Faults{Seed: 3, Again: 0.1}})
	failed := 0
	for range n {
		g.scratch(func() {
			fd := udp(g)
			port := uint32(g.local(fd).Port())
			if errno := g.call("sock_send_to", fd, g.iovs("x"), 1, g.addr("127.0.0.1"), port, 0, g.alloc(4)); errno == sockabi.EAGAIN {
				failed++
			}
			g.ok("fd_close", fd)
		})
	}
	within("first sends", failed)
}
