//go:build linux || darwin

package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// tcpPair returns the two ends of a connection over loopback.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	l := ours(t, "tcp", "127.0.0.1:0")
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// through returns a Config whose Dial returns conn, as soon as it may.
func through(conn net.Conn, may <-chan struct{}) sockets.Config {
	return sockets.Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		select {
		case <-may:
			return conn, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

var now = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// connected returns a socket whose connection is conn.
func connected(t testing.TB, conn net.Conn) (*tester, uint32) {
	t.Helper()
	g := newTester(t, through(conn, now))
	fd := g.open(inet4, tcp)
	g.ok("sock_connect", fd, g.addr("192.0.2.1"), 80)
	return g, g.nonblock(fd)
}

func TestDialIsAsked(t *testing.T) {
	leakCheck(t)
	a, b := tcpPair(t)
	may := make(chan struct{})
	cfg := through(a, may)
	dial, asked := cfg.Dial, make(chan string, 1)
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		asked <- network + " " + address
		return dial(ctx, network, address)
	}
	g := newTester(t, cfg)
	fd := g.nonblock(g.open(inet6, tcp))
	g.ok("sock_setsockopt", fd, sockabi.SOL_TCP, sockabi.TCP_NODELAY, g.put(int32(1)), 4)
	g.want(sockabi.EINPROGRESS, "sock_connect", fd, g.addr("::ffff:192.0.2.1"), 80)
	if got := <-asked; got != "tcp 192.0.2.1:80" {
		t.Errorf("Dial was asked for %s", got)
	}
	g.want(sockabi.EALREADY, "sock_connect", fd, g.addr("::ffff:192.0.2.1"), 80)
	g.want(sockabi.ENOTCONN, "sock_getpeeraddr_v2", fd, g.storage(0, ""), g.alloc(4))
	g.expectPoll("clock:2", read(fd), write(fd), timer(time.Millisecond))
	n := g.alloc(4)
	g.want(sockabi.EAGAIN, "sock_send", fd, g.iovs("too early"), 1, 0, n)
	if _, errno := g.recv(fd); errno != sockabi.EAGAIN {
		t.Errorf("receiving too early is %s", errno.Name())
	}
	close(may)
	g.waitFor(write(fd))
	if errno := g.soError(fd); errno != 0 {
		t.Errorf("it is connected with %s", errno.Name())
	}
	g.want(sockabi.EISCONN, "sock_connect", fd, g.addr("::ffff:192.0.2.1"), 80)
	if got := g.peer(fd).String(); got != "[::ffff:192.0.2.1]:80" {
		t.Errorf("its peer is %s", got)
	}
	if got, want := g.local(fd).String(), "[::ffff:127.0.0.1]:"+fmt.Sprint(a.LocalAddr().(*net.TCPAddr).Port); got != want {
		t.Errorf("it is at %s, want %s", got, want)
	}
	if v := g.option(fd, sockabi.SOL_TCP, sockabi.TCP_NODELAY); v == 0 {
		t.Error("TCP_NODELAY is not what the guest has set")
	}
	g.ok("sock_setsockopt", fd, sockabi.SOL_TCP, sockabi.TCP_KEEPIDLE, g.put(int32(60)), 4)

	g.send(fd, "ping")
	ping := make([]byte, 4)
	if _, err := io.ReadFull(b, ping); err != nil || string(ping) != "ping" {
		t.Errorf("%q, %v", ping, err)
	}
	b.Write([]byte("pong"))
	g.waitFor(read(fd))
	if text, errno := g.recv(fd); text != "pong" || errno != 0 {
		t.Errorf("%q, %s", text, errno.Name())
	}
	// Each end can stop sending, and be answered.
	g.ok("sock_shutdown", fd, sockabi.SHUT_WR)
	if rest, err := io.ReadAll(b); len(rest) != 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	b.Write([]byte("bye"))
	b.Close()
	text := ""
	for {
		g.waitFor(read(fd))
		part, errno := g.recv(fd)
		if text += part; errno != 0 || part == "" {
			break
		}
	}
	if text != "bye" {
		t.Errorf("at last it reads %q", text)
	}
	g.ok("fd_close", fd)
	if s := g.Stats(); s.Dialled != 1 || s.Sent != 4 || s.Received != 7 || s.Sockets != 0 {
		t.Errorf("%+v", s)
	}
	g.Close()
}

func TestDialFails(t *testing.T) {
	leakCheck(t)
	for _, test := range []struct {
		err  error
		want sockabi.Errno
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", unix.EHOSTUNREACH)}, sockabi.EHOSTUNREACH},
		{errors.New("no such service"), sockabi.ECONNREFUSED},
		{os.ErrPermission, sockabi.EACCES},
		{os.ErrDeadlineExceeded, sockabi.ETIMEDOUT},
	} {
		g := newTester(t, sockets.Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, test.err }})
		g.want(test.want, "sock_connect", g.open(inet4, tcp), g.addr("192.0.2.1"), 80)

		for _, after := range []func(fd uint32) sockabi.Errno{
			g.soError,
			func(fd uint32) sockabi.Errno { _, errno := g.recv(fd); return errno },
			func(fd uint32) sockabi.Errno { return g.call("sock_send", fd, g.iovs("a"), 1, 0, g.alloc(4)) },
			func(fd uint32) sockabi.Errno { return g.call("sock_connect", fd, g.addr("192.0.2.1"), 80) },
		} {
			fd := g.nonblock(g.open(inet4, tcp))
			g.want(sockabi.EINPROGRESS, "sock_connect", fd, g.addr("192.0.2.1"), 80)
			g.waitFor(write(fd))
			if errno := after(fd); errno != test.want {
				t.Errorf("%v is %s, want %s", test.err, errno.Name(), test.want.Name())
			}
			if errno := g.soError(fd); errno != 0 {
				t.Errorf("it is told again: %s", errno.Name())
			}
			g.want(sockabi.ENOTCONN, "sock_getpeeraddr_v2", fd, g.storage(0, ""), g.alloc(4))
			g.ok("fd_close", fd)
		}
		g.Close()
	}
}

func TestDialIsAskedOnlyForWhatIsAllowed(t *testing.T) {
	g := newTester(t, sockets.Config{Policy: refuseAll, Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("it was asked")
		return nil, unix.EIO
	}})
	g.want(sockabi.EACCES, "sock_connect", g.open(inet4, tcp), g.addr("192.0.2.1"), 80)
}

// TestAGuestGivesUp tests that the context of Dial ends with the socket, and with the guest.
func TestAGuestGivesUp(t *testing.T) {
	leakCheck(t)
	began, ended := make(chan bool), make(chan error)
	g := newTester(t, sockets.Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		began <- true
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}})
	fd := g.nonblock(g.open(inet4, tcp))
	g.want(sockabi.EINPROGRESS, "sock_connect", fd, g.addr("192.0.2.1"), 80)
	<-began
	g.ok("fd_close", fd)
	<-ended
	fd = g.nonblock(g.open(inet4, tcp))
	g.want(sockabi.EINPROGRESS, "sock_connect", fd, g.addr("192.0.2.1"), 80)
	<-began
	go func() { <-ended }()
	g.Close()
}

// TestWhatAGuestHasSentIsDelivered tests that data is delivered after the guest has closed the
// socket, or has ended.
func TestWhatAGuestHasSentIsDelivered(t *testing.T) {
	leakCheck(t)
	text := strings.Repeat("x", 40_000)
	for _, end := range []func(g *tester, fd uint32){
		func(g *tester, fd uint32) { g.ok("fd_close", fd) },
		func(g *tester, fd uint32) { g.Close() },
	} {
		a, b := net.Pipe() // without a buffer
		g, fd := connected(t, a)
		g.send(fd, text)
		got := make(chan string)
		go func() {
			all, _ := io.ReadAll(b)
			got <- string(all)
		}()
		end(g, fd)
		if all := <-got; all != text {
			t.Errorf("%d bytes have come of %d", len(all), len(text))
		}
		g.Close()
	}
}

// TestAPeerThatDoesNotRead tests that a peer that does not read does not keep a guest from ending.
func TestAPeerThatDoesNotRead(t *testing.T) {
	leakCheck(t)
	a, b := net.Pipe()
	g, fd := connected(t, a)
	g.send(fd, "nobody reads this")
	g.Close()
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAConnectionThatBreaks(t *testing.T) {
	leakCheck(t)
	a, b := tcpPair(t)
	g, fd := connected(t, a)
	b.SetLinger(0)
	b.Close()
	g.waitFor(read(fd))
	if text, errno := g.recv(fd); errno != sockabi.ECONNRESET {
		t.Errorf("%q, %s", text, errno.Name())
	}
	if text, errno := g.recv(fd); errno != 0 || text != "" {
		t.Errorf("then %q, %s", text, errno.Name())
	}
	g.Close()
}

// TestDialledInMemory sends much data both ways at once, over a connection in memory.
func TestDialledInMemory(t *testing.T) {
	leakCheck(t)
	a, b := net.Pipe()
	g, fd := connected(t, a)
	const size = 1 << 20
	go io.Copy(b, b)
	chunk := strings.Repeat("0123456789abcdef", 256)
	iovs, n, flags := g.iovs(chunk), g.alloc(4), g.alloc(2)
	back := g.iovs(chunk)
	sent, received := 0, 0
	for received < size {
		if sent < size && g.call("sock_send", fd, iovs, 1, 0, n) == 0 {
			sent += int(g.u32(n))
		}
		subs := []sockabi.Subscription{read(fd), timer(10 * time.Second)}
		if sent < size {
			subs = append(subs, write(fd))
		}
		g.poll(subs...)
		switch errno := g.call("sock_recv", fd, back, 1, 0, n, flags); {
		case errno == 0 && g.u32(n) > 0:
			received += int(g.u32(n))
		case errno != sockabi.EAGAIN:
			t.Fatalf("after %d bytes: %s", received, errno.Name())
		}
	}
	if got := g.local(fd).String(); got != "0.0.0.0:0" {
		t.Errorf("it is at %s", got)
	}
	g.Close()
	b.Close()
}

func TestDialledUnixSocket(t *testing.T) {
	a, b := net.Pipe()
	cfg := through(a, now)
	dial := cfg.Dial
	cfg.Policy = func(r host.Request) error {
		if r.Network != "unix" || r.Path != "/run/service" {
			return fmt.Errorf("%+v", r)
		}
		return nil
	}
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network != "unix" || address != "/run/service" {
			t.Errorf("Dial was asked for %s %s", network, address)
		}
		return dial(ctx, network, address)
	}
	g := newTester(t, cfg)
	fd := g.open(local, tcp)
	g.ok("sock_connect_v2", fd, g.storage(local, "/run/service"), 0)
	go b.Write([]byte("hello"))
	if text, errno := g.recv(fd); text != "hello" || errno != 0 {
		t.Errorf("%q, %s", text, errno.Name())
	}
	ptr := g.storage(0, "")
	g.ok("sock_getpeeraddr_v2", fd, ptr, g.alloc(4))
	if s := get[sockabi.AddrStorage](g, g.u32(ptr)); !strings.HasPrefix(string(s.Data[:]), "/run/service\x00") {
		t.Errorf("its peer is %q", s.Data[:20])
	}
}

// TestWhatIsDialledIsNoListener of the host's besides.
func TestWhatIsDialledIsNoListener(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	cfg := through(a, now)
	cfg.Listeners = []net.Listener{host.Published{Listener: ours(t, "tcp", "127.0.0.1:0"), Port: 80}}
	g := newTester(t, cfg)
	fd := g.open(inet4, tcp)
	g.ok("sock_connect", fd, g.addr("192.0.2.1"), 80)
	g.want(sockabi.EINVAL, "sock_bind", fd, g.addr("0.0.0.0"), 80)
	g.want(sockabi.EINVAL, "sock_listen", fd, 1)
}

// TestAcceptedConnectionsAreNotDialled tests that no connect bypasses Dial.
func TestAcceptedConnectionsAreNotDialled(t *testing.T) {
	dials := 0
	g := newTester(t, sockets.Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	l, port := g.listen()
	c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		t.Fatal(err)
	}
	g.waitFor(read(l))
	out := g.alloc(4)
	g.ok("sock_accept", l, sockabi.FDFLAG_NONBLOCK, out)
	fd := g.u32(out)
	g.want(sockabi.EISCONN, "sock_connect", fd, g.addr("127.0.0.1"), port)
	c.(*net.TCPConn).SetLinger(0)
	c.Close() // resets it
	g.waitFor(read(fd))
	g.want(sockabi.EISCONN, "sock_connect", fd, g.addr("127.0.0.1"), port)
	g.recv(fd)
	g.want(sockabi.EISCONN, "sock_connect", fd, g.addr("127.0.0.1"), port)
	if dials != 0 {
		t.Errorf("dialled %d times", dials)
	}
}
