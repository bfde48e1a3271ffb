//go:build linux || darwin

package shim

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// ours returns a listener of the host at a free port.
func ours(t testing.TB, network, at string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func port(l net.Listener) uint32 { return uint32(l.Addr().(*net.TCPAddr).Port) }

func refuseAll(host.Request) error { return errors.New("nothing is allowed") }

// meet dials l, and returns what the guest accepts at fd.
func (g *tester) meet(l net.Listener, fd uint32) (accepted uint32, peer net.Conn) {
	g.Helper()
	peer, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { peer.Close() })
	g.waitFor(read(fd))
	out := g.alloc(4)
	g.ok("sock_accept", fd, sockabi.FDFLAG_NONBLOCK, out)
	return g.u32(out), peer
}

// TestHostListener gives a listener to guests one after the other, without a rule.
func TestHostListener(t *testing.T) {
	leakCheck(t)
	l := ours(t, "tcp", "127.0.0.1:0")
	for round := range 3 {
		var told []string
		g := newTester(t, sockets.Config{Policy: refuseAll, Listeners: []net.Listener{l}, OnListen: func(a net.Addr) { told = append(told, a.String()) }})
		fd := g.nonblock(g.open(inet4, tcp))
		g.expectPoll("read:0 hangup", read(fd)) // watched before it is another
		g.ok("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_REUSEADDR, g.put(int32(1)), 4)
		g.ok("sock_setsockopt", fd, sockabi.SOL_TCP, sockabi.TCP_NODELAY, g.put(int32(0)), 4)
		g.ok("sock_setsockopt", fd, sockabi.SOL_TCP, sockabi.TCP_NODELAY, g.put(int32(1)), 4)
		g.ok("sock_bind", fd, g.addr("127.0.0.1"), port(l))
		g.want(sockabi.EINVAL, "sock_bind", fd, g.addr("127.0.0.1"), port(l))
		if at := g.local(fd).String(); at != l.Addr().String() {
			t.Errorf("it is bound to %s, not to %v", at, l.Addr())
		}
		g.ok("sock_listen", fd, 10)
		g.ok("sock_listen", fd, 20)
		g.ok("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_RCVBUF, g.put(int32(20_000)), 4)
		for name, want := range map[uint32]int32{sockabi.SO_ACCEPTCONN: 1, sockabi.SO_ERROR: 0, sockabi.SO_TYPE: sockabi.SOCK_STREAM, sockabi.SO_REUSEADDR: 1} {
			if got := g.option(fd, sockabi.SOL_SOCKET, name); (got != 0) != (want != 0) {
				t.Errorf("option %d is %d, want %d", name, got, want)
			}
		}
		second := g.open(inet4, tcp)
		g.want(sockabi.EADDRINUSE, "sock_bind", second, g.addr("127.0.0.1"), port(l))
		g.want(sockabi.EACCES, "sock_listen", second, 1)
		g.want(sockabi.EACCES, "sock_bind", second, g.addr("127.0.0.2"), port(l))
		g.want(sockabi.EACCES, "sock_bind", g.open(inet4, dgram), g.addr("127.0.0.1"), port(l))

		a, peer := g.meet(l, fd)
		if g.local(a).String() != l.Addr().String() || g.peer(a).String() != peer.LocalAddr().String() {
			t.Errorf("connected %v to %v", g.peer(a), g.local(a))
		}
		if nodelay, buf := g.option(a, sockabi.SOL_TCP, sockabi.TCP_NODELAY), g.option(a, sockabi.SOL_SOCKET, sockabi.SO_RCVBUF); nodelay == 0 || buf < 20_000 || buf > 40_000 {
			t.Errorf("a connection has TCP_NODELAY %d, SO_RCVBUF %d", nodelay, buf)
		}
		g.send(a, "hello")
		if _, err := io.ReadFull(peer, make([]byte, 5)); err != nil {
			t.Error(err)
		}
		if round == 0 { // the others leave it to Close
			g.ok("fd_close", fd)
			g.ok("sock_bind", second, g.addr("127.0.0.1"), port(l))
			g.ok("sock_listen", second, 10)
			g.nonblock(second)
			g.meet(l, second)
		}
		if want := 1; round > 0 && (len(told) != want || told[0] != l.Addr().String() || len(g.Addrs()) != want) {
			t.Errorf("told %v, listens at %v", told, g.Addrs())
		}
		g.Close()
		raw, _ := l.(*net.TCPListener).SyscallConn()
		raw.Control(func(fd uintptr) {
			if buf, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF); buf == 40_000 || err != nil {
				t.Errorf("the guest has changed the host's listener: %d, %v", buf, err)
			}
		})
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if a, err := l.Accept(); err != nil {
		t.Error(err)
	} else {
		a.Close()
	}
	l.Close()
}

// TestHostListenerIsNothingElse tries to give a listener a second address or a peer, and to accept
// before it listens, which would bypass the limit of listeners.
func TestHostListenerIsNothingElse(t *testing.T) {
	l := ours(t, "tcp", "127.0.0.1:0")
	g := newTester(t, sockets.Config{Listeners: []net.Listener{l}})
	_, free := g.listen()
	at := g.addr("127.0.0.1")
	dialled := g.open(inet4, tcp)
	g.ok("sock_connect", dialled, at, free)
	g.want(sockabi.EINVAL, "sock_bind", dialled, at, port(l))
	fd := g.open(inet4, tcp)
	g.ok("sock_bind", fd, at, port(l))
	g.want(sockabi.EINVAL, "sock_bind", fd, at, 0)
	g.want(sockabi.EISCONN, "sock_connect", fd, at, free)
	g.want(sockabi.EINVAL, "sock_accept", g.nonblock(fd), g.alloc(4))
}

// TestHostListenersOfAllAddresses tests that the host chooses the family.
func TestHostListenersOfAllAddresses(t *testing.T) {
	for _, at := range []struct{ network, addr string }{{"tcp4", "0.0.0.0:0"}, {"tcp", "[::]:0"}} {
		l := ours(t, at.network, at.addr)
		for _, asked := range []struct {
			family uint32
			addr   string
		}{{inet4, "0.0.0.0"}, {inet6, "::"}} {
			g := newTester(t, sockets.Config{Policy: refuseAll, Listeners: []net.Listener{l}})
			fd := g.nonblock(g.open(asked.family, tcp))
			g.want(sockabi.EACCES, "sock_bind", fd, g.addr(map[uint32]string{inet4: "127.0.0.1", inet6: "::1"}[asked.family]), port(l))
			g.ok("sock_bind", fd, g.addr(asked.addr), port(l))
			g.ok("sock_listen", fd, 10)
			if got := g.local(fd).String(); got != l.Addr().String() {
				t.Errorf("asked for %s it is at %s, want %v", asked.addr, got, l.Addr())
			}
			a, peer := g.meet(l, fd)
			g.send(a, "hello")
			if _, err := io.ReadFull(peer, make([]byte, 5)); err != nil {
				t.Error(err)
			}
			g.Close()
		}
	}
}

func TestUnixHostListener(t *testing.T) {
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")
	l := ours(t, "unix", path)
	for range 2 {
		g := newTester(t, sockets.Config{Policy: refuseAll, Listeners: []net.Listener{l}})
		fd := g.nonblock(g.open(local, tcp))
		g.want(sockabi.EACCES, "sock_bind_v2", fd, g.storage(local, path+"2"), 0)
		g.ok("sock_bind_v2", fd, g.storage(local, path), 0)
		g.ok("sock_listen", fd, 4)
		a, peer := g.meet(l, fd)
		g.send(a, "hello")
		if _, err := io.ReadFull(peer, make([]byte, 5)); err != nil {
			t.Error(err)
		}
		if at := g.Addrs(); len(at) != 1 || at[0].String() != path {
			t.Errorf("it listens at %v", at)
		}
		g.Close()
	}
}

func TestInvalidHostListeners(t *testing.T) {
	leakCheck(t)
	closed := ours(t, "tcp", "127.0.0.1:0")
	closed.Close()
	open := ours(t, "tcp", "127.0.0.1:0")
	defer open.Close()
	for _, test := range []struct {
		l    net.Listener
		want string
	}{
		{nil, "listener 1, nil: a <nil> is not a listener that can be told from others; give a pointer"},
		{struct {
			net.Listener
			f func()
		}{Listener: open}, "listener 1, tcp 127.0.0.1:"},
		{&memoryListener{}, "listener 1, memory nowhere: no guest can listen there; give a host.Published with a port"},
		{host.Published{Listener: ours(t, "unix", filepath.Join(t.TempDir(), "s")), Port: 80}, "which a guest that listens at a port cannot have; give a TCP listener"},
		{closed, "use of closed network connection"},
	} {
		if _, err := sockets.New(sockets.Config{Listeners: []net.Listener{open, test.l}}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%T: %v, want %s", test.l, err, test.want)
		}
	}
}
