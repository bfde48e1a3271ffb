package poll_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
)

func loopback() socket.Addr {
	return socket.Addr{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits until an event of token comes, and returns it.
func until(t *testing.T, p *poll.Poll, token poll.Token) poll.Event {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	var events [16]poll.Event
	for time.Now().Before(deadline) {
		n, err := p.Wait(events[:], time.Second)
		must(t, err)
		for _, ev := range events[:n] {
			if ev.Token == token {
				return ev
			}
		}
	}
	t.Fatalf("no event of %d in 10 s", token)
	panic("unreachable")
}

// pair is a connection, both ends of it.
func pair(t *testing.T) (client, server *socket.Conn) {
	t.Helper()
	l, err := socket.Listen(loopback(), 1)
	must(t, err)
	defer l.Close()
	at, err := l.LocalAddr()
	must(t, err)
	client, err = socket.Dial(at)
	must(t, err)
	var p poll.Poll
	must(t, p.Register(l.FD(), 1, poll.Readable))
	must(t, p.Register(client.FD(), 2, poll.Writable))
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

func TestReadinessOfRealSockets(t *testing.T) {
	client, server := pair(t)
	var p poll.Poll
	must(t, p.Register(server.FD(), 1, poll.Readable))
	var events [4]poll.Event
	if n, err := p.Wait(events[:], 10*time.Millisecond); n != 0 || err != nil {
		t.Fatal("ready without data:", n, err)
	}
	_, err := client.Write([]byte("x"))
	must(t, err)
	if ev := until(t, &p, 1); ev.Ready != poll.Readable || ev.Err != nil {
		t.Fatalf("got %+v", ev)
	}
	must(t, p.Modify(server.FD(), 2, poll.Readable|poll.Writable))
	if ev := until(t, &p, 2); ev.Ready != poll.Readable|poll.Writable {
		t.Fatalf("got %+v", ev)
	}
}

func TestARefusedConnectionIsWritableWithAHangup(t *testing.T) {
	l, err := socket.Listen(loopback(), 1)
	must(t, err)
	at, err := l.LocalAddr()
	must(t, err)
	must(t, l.Close())
	c, err := socket.Dial(at)
	if err != nil {
		t.Skip("this host refuses at once, which is as good")
	}
	defer c.Close()
	var p poll.Poll
	must(t, p.Register(c.FD(), 1, poll.Writable))
	if ev := until(t, &p, 1); !ev.Hangup {
		t.Errorf("got %+v", ev)
	}
}

func TestAHalfClosedPeerWithAFullBufferDoesNotSpin(t *testing.T) {
	client, server := pair(t)
	must(t, client.CloseWrite())
	for chunk := make([]byte, 1<<20); ; {
		if _, err := server.Write(chunk); socket.WouldBlock(err) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	var p poll.Poll
	must(t, p.Register(server.FD(), 1, poll.Writable))
	start := time.Now()
	var events [4]poll.Event
	for time.Since(start) < 300*time.Millisecond {
		if n, err := p.Wait(events[:], 300*time.Millisecond-time.Since(start)); n != 0 || err != nil {
			break // told as a hang-up by some hosts: that is no spin either
		}
	}
	for drained := make([]byte, 1<<20); ; {
		if _, err := client.Read(drained); err != nil {
			break
		}
	}
	if ev := until(t, &p, 1); ev.Ready&poll.Writable == 0 {
		t.Errorf("got %+v", ev)
	}
}

func TestARefusedDatagramIsTold(t *testing.T) {
	gone, err := socket.ListenPacket(loopback())
	must(t, err)
	at, err := gone.LocalAddr()
	must(t, err)
	must(t, gone.Close())
	c, err := socket.DialPacket(at)
	must(t, err)
	defer c.Close()
	var p poll.Poll
	must(t, p.Register(c.FD(), 1, poll.Readable))
	_, err = c.Write([]byte("x"))
	must(t, err)
	until(t, &p, 1)
	if _, err := c.Read(make([]byte, 1)); err == nil || socket.WouldBlock(err) {
		t.Errorf("Read: %v, want the refusal", err)
	}
	var events [1]poll.Event
	if n, err := p.Wait(events[:], 20*time.Millisecond); n != 0 || err != nil {
		t.Errorf("Wait: %d, %v; want silence", n, err)
	}
}

func TestACrowdOfRealSockets(t *testing.T) {
	l, err := socket.Listen(loopback(), 1024)
	must(t, err)
	defer l.Close()
	at, err := l.LocalAddr()
	must(t, err)
	var p poll.Poll
	must(t, p.Register(l.FD(), 0, poll.Readable))
	const crowd = 300
	var clients, servers []*socket.Conn
	for i := range crowd {
		c, err := socket.Dial(at)
		must(t, err)
		clients = append(clients, c)
		until(t, &p, 0)
		s, err := l.Accept()
		must(t, err)
		servers = append(servers, s)
		must(t, p.Register(s.FD(), poll.Token(i+1), poll.Readable))
	}
	var b [1]byte
	for round := range 3000 {
		i := 0 // one is busy, and now and then another speaks
		if round%100 == 99 {
			i = 1 + round%(crowd-1)
		}
		_, err := clients[i].Write(b[:])
		must(t, err)
		until(t, &p, poll.Token(i+1))
		_, err = servers[i].Read(b[:])
		must(t, err)
	}
	for i := range crowd {
		must(t, p.Deregister(servers[i].FD()))
		clients[i].Close()
		servers[i].Close()
	}
}
