package poll

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/guest/socket"
	"github.com/wasisock/wasisock/sockabi"
)

// These tests run inside wasm, against a real host's loopback, both ends in one
// module: on any engine, as GOOS=wasip1 GOARCH=wasm go test -exec runs them.

var loopback = socket.Addr{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)}

// counting counts the host's polls.
type counting struct {
	host
	calls int
}

func (c *counting) oneoff(subs []sockabi.Subscription, events []sockabi.Event) (int, sockabi.Errno) {
	c.calls++
	return c.host.oneoff(subs, events)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits until an event of token comes, and returns it.
func until(t *testing.T, p *Poll, token Token) Event {
	t.Helper()
	var events [16]Event
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		n, err := p.Wait(events[:], time.Second)
		must(t, err)
		for _, ev := range events[:n] {
			if ev.Token == token {
				return ev
			}
		}
	}
	t.Fatalf("no event of %d in 20 s", token)
	panic("unreachable")
}

func silent(t *testing.T, p *Poll, d time.Duration) {
	t.Helper()
	var events [4]Event
	start := time.Now()
	if n, err := p.Wait(events[:], d); n != 0 || err != nil {
		t.Fatalf("Wait: %+v, %v; want silence", events[:n], err)
	}
	if took := time.Since(start); took < d {
		t.Fatalf("Wait was back after %v", took)
	}
}

func listen(t *testing.T) (*socket.Listener, socket.Addr) {
	t.Helper()
	l, err := socket.Listen(loopback, 1024)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	at, err := l.LocalAddr()
	must(t, err)
	return l, at
}

// pair is a connection, both ends of it.
func pair(t *testing.T) (client, server *socket.Conn) {
	t.Helper()
	l, at := listen(t)
	client, err := socket.Dial(at)
	must(t, err)
	var p Poll
	must(t, p.Register(l.FD(), 1, Readable))
	must(t, p.Register(client.FD(), 2, Writable))
	until(t, &p, 1)
	server, err = l.Accept()
	must(t, err)
	until(t, &p, 2)
	if ok, err := client.Connected(); !ok {
		t.Fatal("not connected:", err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestReadinessOfAConnection(t *testing.T) {
	client, server := pair(t)
	var p Poll
	must(t, p.Register(server.FD(), 1, Readable))
	silent(t, &p, 0)
	silent(t, &p, 10*time.Millisecond)
	_, err := client.Write([]byte("x"))
	must(t, err)
	for range 2 {
		if ev := until(t, &p, 1); ev != (Event{Token: 1, Ready: Readable}) {
			t.Fatalf("got %+v", ev)
		}
	}
	must(t, p.Modify(server.FD(), 2, Readable|Writable))
	if ev := until(t, &p, 2); ev != (Event{Token: 2, Ready: Readable | Writable}) {
		t.Fatalf("got %+v", ev)
	}
	_, err = server.Read(make([]byte, 2))
	must(t, err)
	must(t, client.CloseWrite())
	must(t, p.Modify(server.FD(), 3, Readable))
	if ev := until(t, &p, 3); ev.Ready != Readable {
		t.Fatalf("got %+v", ev)
	}
	must(t, server.CloseWrite())
	must(t, p.Modify(server.FD(), 4, Readable))
	if ev := until(t, &p, 4); !ev.Hangup {
		t.Fatalf("both directions are over: got %+v", ev)
	}
}

func TestARefusedConnectionIsWritableWithAHangup(t *testing.T) {
	l, at := listen(t)
	must(t, l.Close())
	c, err := socket.Dial(at)
	must(t, err)
	defer c.Close()
	var p Poll
	must(t, p.Register(c.FD(), 1, Writable))
	if ev := until(t, &p, 1); ev.Ready != Writable || !ev.Hangup {
		t.Errorf("got %+v", ev)
	}
	if _, err := c.Connected(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Connected: %v", err)
	}
}

func TestADescriptorThatIsClosed(t *testing.T) {
	client, server := pair(t)
	var p Poll
	if err := p.Register(12345678, 1, Readable); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Register of no descriptor: %v", err)
	}
	must(t, p.Register(client.FD(), 1, Readable))
	must(t, p.Register(server.FD(), 2, Readable|Writable))
	must(t, client.Close())
	if ev := until(t, &p, 1); !errors.Is(ev.Err, syscall.EBADF) {
		t.Errorf("got %+v", ev)
	}
	if ev := until(t, &p, 2); ev.Err != nil {
		t.Errorf("the other one: got %+v", ev)
	}
}

func TestAHalfClosedPeerWithAFullBufferDoesNotSpin(t *testing.T) {
	client, server := pair(t)
	must(t, client.CloseWrite())
	for chunk, quiet := make([]byte, 1<<20), 0; quiet < 20; {
		if _, err := server.Write(chunk); socket.WouldBlock(err) {
			quiet++
			silent(t, new(Poll), time.Millisecond) // the kernel moves some to the peer
		} else {
			must(t, err)
			quiet = 0
		}
	}
	host := &counting{host: wasi}
	p := Poll{sys: host}
	must(t, p.Register(server.FD(), 1, Writable))
	silent(t, &p, 500*time.Millisecond)
	if host.calls > 100 {
		t.Errorf("%d polls in half a second", host.calls)
	}
	for buf := make([]byte, 1<<20); ; {
		if _, err := client.Read(buf); err != nil {
			break
		}
	}
	if ev := until(t, &p, 1); ev.Ready&Writable == 0 {
		t.Errorf("got %+v", ev)
	}
}

func TestARefusedDatagramIsTold(t *testing.T) {
	gone, err := socket.ListenPacket(loopback)
	must(t, err)
	at, err := gone.LocalAddr()
	must(t, err)
	must(t, gone.Close())
	c, err := socket.DialPacket(at)
	must(t, err)
	defer c.Close()
	host := &counting{host: wasi}
	p := Poll{sys: host}
	must(t, p.Register(c.FD(), 1, Readable))
	silent(t, &p, 20*time.Millisecond)
	_, err = c.Write([]byte("x"))
	must(t, err)
	until(t, &p, 1)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Read: %v", err)
	}
	silent(t, &p, 100*time.Millisecond)
	if host.calls > 50 {
		t.Errorf("%d polls", host.calls)
	}
}

// TestACrowd has one busy connection among idle ones, one of which speaks now and
// then, and pauses.
func TestACrowd(t *testing.T) {
	l, at := listen(t)
	var p Poll
	must(t, p.Register(l.FD(), 0, Readable))
	const crowd = 300
	var clients, servers [crowd]*socket.Conn
	for i := range crowd {
		var err error
		clients[i], err = socket.Dial(at)
		must(t, err)
		defer clients[i].Close()
		until(t, &p, 0)
		servers[i], err = l.Accept()
		must(t, err)
		defer servers[i].Close()
		must(t, p.Register(servers[i].FD(), Token(i+1), Readable))
	}
	cold := 0
	var b [1]byte
	for round := range 3000 {
		i := 0
		if round%100 == 99 {
			i = 1 + round%(crowd-1)
		}
		if round%1000 == 999 {
			silent(t, &p, 300*time.Millisecond)
		}
		cold = max(cold, len(p.byFD)-len(p.hot.slots))
		_, err := clients[i].Write(b[:])
		must(t, err)
		if ev := until(t, &p, Token(i+1)); ev.Ready != Readable || ev.Err != nil {
			t.Fatalf("got %+v", ev)
		}
		_, err = servers[i].Read(b[:])
		must(t, err)
	}
	t.Logf("a full poll costs %v; up to %d of %d were cold", time.Duration(p.split.Cost(len(p.byFD))), cold, len(p.byFD))
	clients[7].Write(b[:])
	clients[7].Close()
	if ev := until(t, &p, 8); ev.Ready&Readable == 0 {
		t.Errorf("got %+v", ev)
	}
	for i := range crowd {
		must(t, p.Deregister(servers[i].FD()))
	}
}

// TestSignals: a host has signals, and Wait waits with them as without, or says that it has
// none. That they arrive is a sentence of host/hosttest.
func TestSignals(t *testing.T) {
	client, server := pair(t)
	var p Poll
	if err := p.Notify(2, syscall.SIGTERM, syscall.SIGUSR1); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	silent(t, &p, 10*time.Millisecond)
	must(t, p.Register(server.FD(), 1, Readable))
	silent(t, &p, 10*time.Millisecond)
	_, err := client.Write([]byte("x"))
	must(t, err)
	until(t, &p, 1)
}
