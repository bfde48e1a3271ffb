//go:build linux || darwin

package shim

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// A memoryListener accepts the connections that Dial makes.
type memoryListener struct {
	conns chan net.Conn
	end   sync.Once
	ended chan struct{}
}

func newMemoryListener(t testing.TB) *memoryListener {
	l := &memoryListener{conns: make(chan net.Conn), ended: make(chan struct{})}
	t.Cleanup(func() { l.Close() })
	return l
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error   { l.end.Do(func() { close(l.ended) }); return nil }
func (l *memoryListener) Addr() net.Addr { return nowhere{} }

func (l *memoryListener) dial() net.Conn {
	a, b := net.Pipe()
	l.conns <- b
	return a
}

type nowhere struct{}

func (nowhere) Network() string { return "memory" }
func (nowhere) String() string  { return "nowhere" }

// listenAt returns a non-blocking listener of the host.
func (g *tester) listenAt(addr string, port uint32) uint32 {
	g.Helper()
	fd := g.nonblock(g.open(inet4, tcp))
	g.ok("sock_bind", fd, g.addr(addr), port)
	g.ok("sock_listen", fd, 10)
	return fd
}

func (g *tester) accept(l uint32) uint32 {
	g.Helper()
	g.waitFor(read(l))
	out := g.alloc(4)
	g.ok("sock_accept", l, sockabi.FDFLAG_NONBLOCK, out)
	return g.u32(out)
}

// echoes checks that data arrives between peer and the guest's fd, both ways.
func (g *tester) echoes(fd uint32, peer net.Conn) {
	g.Helper()
	go peer.Write([]byte("ping"))
	g.waitFor(read(fd))
	if text, errno := g.recv(fd); text != "ping" || errno != 0 {
		g.Errorf("%q, %s", text, errno.Name())
	}
	g.send(fd, "pong")
	pong := make([]byte, 4)
	if _, err := io.ReadFull(peer, pong); err != nil || string(pong) != "pong" {
		g.Errorf("%q, %v", pong, err)
	}
}

func TestListenerInMemory(t *testing.T) {
	leakCheck(t)
	l := newMemoryListener(t)
	cfg := sockets.Config{Policy: refuseAll, Listeners: []net.Listener{host.Published{Listener: l, Port: 80}}}
	var waiting []net.Conn
	for round := range 3 {
		g := newTester(t, cfg)
		fd := g.listenAt("127.0.0.1", 80)
		if at := g.Addrs(); len(at) != 1 || at[0] != l.Addr() {
			t.Errorf("it listens at %v", at)
		}
		if at := g.local(fd).String(); at != "0.0.0.0:80" {
			t.Errorf("the guest believes to listen at %s", at)
		}
		for _, peer := range waiting { // since the last guest
			g.echoes(g.accept(fd), peer)
		}
		g.want(sockabi.EAGAIN, "sock_accept", fd, 0, g.alloc(4))
		peer := l.dial()
		a := g.accept(fd)
		g.ok("sock_setsockopt", a, sockabi.SOL_TCP, sockabi.TCP_NODELAY, g.put(int32(1)), 4)
		g.echoes(a, peer)
		if local, remote := g.local(a).String(), g.peer(a).String(); local != "0.0.0.0:80" || remote != "0.0.0.0:0" {
			t.Errorf("%s is connected to %s", local, remote)
		}
		g.Close()
		if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after the guest's end: %d, %v", n, err)
		}
		waiting = nil
		if round == 0 {
			waiting = []net.Conn{l.dial(), l.dial()}
		}
	}
	l.Close()
}

// TestTwoGuestsOfAListenerInMemory tests that each connection goes to one of two guests.
func TestTwoGuestsOfAListenerInMemory(t *testing.T) {
	leakCheck(t)
	l := newMemoryListener(t)
	cfg := sockets.Config{Policy: refuseAll, Listeners: []net.Listener{host.Published{Listener: l, Port: 80}}}
	one, two := newTester(t, cfg), newTester(t, cfg)
	lone, ltwo := one.listenAt("0.0.0.0", 80), two.listenAt("0.0.0.0", 80)
	peer := l.dial()
	a := one.accept(lone)
	two.want(sockabi.EAGAIN, "sock_accept", ltwo, 0, two.alloc(4))
	one.echoes(a, peer)
	peer = l.dial()
	two.echoes(two.accept(ltwo), peer)
	one.Close()
	left := l.dial() // and nobody accepts it
	two.Close()
	l.Close()
	if _, err := left.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
}

// TestAListenerInMemoryEnds tests that accept reports the end of a listener.
func TestAListenerInMemoryEnds(t *testing.T) {
	leakCheck(t)
	l := newMemoryListener(t)
	g := newTester(t, sockets.Config{Listeners: []net.Listener{&host.Published{Listener: l, Port: 80}}})
	fd := g.listenAt("0.0.0.0", 80)
	peer := l.dial()
	l.Close()
	g.echoes(g.accept(fd), peer)
	g.waitFor(read(fd))
	g.want(sockabi.EINVAL, "sock_accept", fd, 0, g.alloc(4))
	g.Close()
}

// TestListenerOfTLS has an address, and the host's end of TLS.
func TestListenerOfTLS(t *testing.T) {
	leakCheck(t)
	server := httptest.NewTLSServer(nil) // for its certificate
	server.Close()
	l := tls.NewListener(ours(t, "tcp", "127.0.0.1:0"), &tls.Config{Certificates: server.TLS.Certificates})
	defer l.Close()
	g := newTester(t, sockets.Config{Policy: refuseAll, Listeners: []net.Listener{l}})
	fd := g.listenAt("127.0.0.1", port(l))
	dialled := make(chan net.Conn)
	go func() {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Error(err)
		}
		dialled <- c
	}()
	a := g.accept(fd)
	c := <-dialled
	g.echoes(a, c)
	if local, peer := g.local(a).String(), g.peer(a).String(); local != l.Addr().String() || peer != c.LocalAddr().String() {
		t.Errorf("%s is connected to %s", local, peer)
	}
	c.Close()
	g.Close()
}

// TestPublished is a listener of the operating system at another port than the guest's.
func TestPublished(t *testing.T) {
	leakCheck(t)
	l := ours(t, "tcp", "127.0.0.1:0")
	defer l.Close()
	var told []net.Addr
	g := newTester(t, sockets.Config{
		Policy:    func(host.Request) error { return errors.New("nothing is allowed") },
		Listeners: []net.Listener{host.Published{Listener: l, Port: 8080}},
		OnListen:  func(a net.Addr) { told = append(told, a) },
	})
	g.want(sockabi.EACCES, "sock_bind", g.open(inet4, tcp), g.addr("127.0.0.1"), port(l))
	fd := g.listenAt("127.0.0.1", 8080)
	if at := g.local(fd).String(); at != "0.0.0.0:8080" {
		t.Errorf("the guest believes to listen at %s", at)
	}
	if at := g.Addrs(); len(at) != 1 || at[0] != l.Addr() || len(told) != 1 || told[0] != l.Addr() {
		t.Errorf("it listens at %v, told %v", at, told)
	}
	a, peer := g.meet(l, fd)
	g.echoes(a, peer)
	if local, remote := g.local(a).String(), g.peer(a).String(); local != "127.0.0.1:8080" || remote != peer.LocalAddr().String() {
		t.Errorf("%s is connected to %s", local, remote)
	}
	g.Close()
}
