//go:build !v1

package main

import (
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
	"github.com/wasisock/wasisock/sockabi"
)

// The sentences of package poll. It says the same on every engine, whatever
// the engine does below.

// Waited waits, a few times if need be, until something happens, and writes it.
func (t *T) Waited(p *poll.Poll) {
	events := make([]poll.Event, 8)
	for began := time.Now(); time.Since(began) < patience; {
		n, err := p.Wait(events, time.Second)
		t.ok("Wait", err)
		for _, event := range events[:n] {
			t.Log("token", uint64(event.Token), "ready", uint8(event.Ready), said(event.Err))
		}
		if n > 0 {
			return
		}
	}
	t.Fatalf("nothing happened for %v", patience)
}

// Unready writes the result of a short wait that should return nothing.
func (t *T) Unready(p *poll.Poll) {
	n, err := p.Wait(make([]poll.Event, 8), moment)
	t.Log("nothing:", n, said(err))
}

var watching = []sentence{
	{"Register refuses what cannot be watched", func(t *T) {
		var p poll.Poll
		a, _ := t.packets(loopback4)
		closed := t.socket(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		t.close(closed)
		t.Log("a closed descriptor:", said(p.Register(int(closed), 1, poll.Readable)))
		t.Log("a file:", said(p.Register(int(t.regularFile()), 1, poll.Readable)))
		t.Log("no interest:", said(p.Register(a.FD(), 1, 0)))
		t.Log("a socket:", said(p.Register(a.FD(), 1, poll.Readable)))
		t.Log("twice:", errors.Is(p.Register(a.FD(), 2, poll.Readable), fs.ErrExist))
		t.Log("Modify of another:", errors.Is(p.Modify(int(closed), 2, poll.Readable), fs.ErrNotExist))
		t.Log("Deregister:", said(p.Deregister(a.FD())))
		t.Log("Deregister again:", errors.Is(p.Deregister(a.FD()), fs.ErrNotExist))
	}},
	{"Wait for nothing forever is refused, and for a while it sleeps", func(t *T) {
		var p poll.Poll
		_, err := p.Wait(make([]poll.Event, 1), -1)
		t.Log(err == poll.ErrIdle)
		t.took(moment, func() { t.Unready(&p) })
		_, err = p.Wait(nil, 0)
		t.Log(errors.Is(err, syscall.EINVAL))
	}},
	{"Wait reports a connection, then of its data, then of its end", func(t *T) {
		var p poll.Poll
		l, at := t.listen(loopback4)
		t.ok("Register", p.Register(l.FD(), 1, poll.Readable))
		t.Unready(&p)
		client, err := socket.Dial(at)
		t.ok("Dial", err)
		t.Waited(&p)
		server, err := l.Accept()
		t.ok("Accept", err)
		t.ok("Register", p.Register(server.FD(), 2, poll.Readable))
		t.Unready(&p)
		_, err = client.Write([]byte("hello"))
		t.ok("Write", err)
		t.Waited(&p)
		t.Log(t.read(server))
		t.Unready(&p)
		t.ok("Close", client.Close())
		t.Waited(&p)
		t.Log(t.read(server))
	}},
	{"both directions of one descriptor are one event", func(t *T) {
		var p poll.Poll
		a, to := t.packets(loopback4)
		_, err := a.WriteTo([]byte("x"), to)
		t.ok("WriteTo", err)
		t.wait(readable(uint32(a.FD())))
		t.ok("Register", p.Register(a.FD(), 1<<64-1, poll.Readable|poll.Writable))
		t.Waited(&p)
		t.ok("Modify", p.Modify(a.FD(), 0, poll.Writable))
		t.Waited(&p)
		t.ok("Modify", p.Modify(a.FD(), 7, poll.Readable))
		t.Waited(&p)
		t.ok("Deregister", p.Deregister(a.FD()))
		t.Unready(&p)
	}},
	{"Wait reports a connection that was refused", func(t *T) {
		var p poll.Poll
		c, err := socket.Dial(socket.Addr{AddrPort: t.unused(loopback4)})
		t.ok("Dial", err)
		t.ok("Register", p.Register(c.FD(), 1, poll.Writable))
		t.Waited(&p)
		_, err = c.Connected()
		t.Log(said(err))
	}},
	{"Wait is not early and not much late", func(t *T) {
		var p poll.Poll
		a, _ := t.packets(loopback4)
		t.ok("Register", p.Register(a.FD(), 1, poll.Readable))
		for _, d := range []time.Duration{0, time.Millisecond, moment} {
			t.took(d, func() {
				n, err := p.Wait(make([]poll.Event, 1), d)
				t.Log(n, said(err))
			})
		}
	}},
	{"what does not fit into the events is told next", func(t *T) {
		var p poll.Poll
		for range 5 {
			a, _ := t.packets(loopback4)
			t.ok("Register", p.Register(a.FD(), 1, poll.Writable))
		}
		for range 3 {
			n, err := p.Wait(make([]poll.Event, 2), time.Second)
			t.Log(n, said(err))
		}
	}},
	{"a descriptor that was closed while registered is an error of its own", func(t *T) {
		var p poll.Poll
		a, _ := t.packets(loopback4)
		b, to := t.packets(loopback4)
		t.ok("Register", p.Register(a.FD(), 1, poll.Readable))
		t.ok("Register", p.Register(b.FD(), 2, poll.Readable))
		fd := a.FD()
		t.ok("Close", a.Close())
		_, err := b.WriteTo([]byte("x"), to)
		t.ok("WriteTo", err)
		events := make([]poll.Event, 8)
		var failed, ready bool
		for began := time.Now(); !(failed && ready) && time.Since(began) < patience; {
			n, err := p.Wait(events, time.Second)
			t.ok("Wait", err)
			for _, event := range events[:n] {
				failed = failed || event.Token == 1 && errors.Is(event.Err, syscall.EBADF)
				ready = ready || event.Token == 2 && event.Err == nil && event.Ready == poll.Readable
			}
		}
		t.Log("failed:", failed, "the other ready:", ready)
		t.Log(said(p.Deregister(fd)))
	}},
	{"a refused datagram does not make Wait spin", func(t *T) {
		var p poll.Poll
		b, to := t.packets(loopback4)
		t.ok("Close", b.Close())
		a, err := socket.DialPacket(to)
		t.ok("DialPacket", err)
		t.ok("Register", p.Register(a.FD(), 1, poll.Readable))
		_, err = a.Write([]byte("x"))
		t.ok("Write", err)
		t.Waited(&p)
		_, err = a.Read(make([]byte, 1))
		t.Log(said(err))
		t.Unready(&p)
	}},
	{"waiting to write for a peer that stopped sending lasts", func(t *T) {
		var p poll.Poll
		client, server := t.pair(loopback4)
		t.fill(client)
		t.OK("sock_shutdown", call("sock_shutdown", server, sockabi.SHUT_WR))
		t.wait(readable(client))
		t.ok("Register", p.Register(int(client), 1, poll.Writable))
		t.took(moment, func() { t.Unready(&p) })
	}},
	{"200 descriptors are watched at once", func(t *T) {
		var p poll.Poll
		conns := make([]*socket.PacketConn, 200)
		for i := range conns {
			conns[i], _ = t.packets(loopback4)
			t.ok("Register", p.Register(conns[i].FD(), poll.Token(i), poll.Readable))
		}
		t.Unready(&p)
		for _, i := range []int{0, 123, 199} {
			to, err := conns[i].LocalAddr()
			t.ok("LocalAddr", err)
			_, err = conns[5].WriteTo([]byte("x"), to)
			t.ok("WriteTo", err)
			t.Waited(&p)
			data, _ := t.readFrom(conns[i], 16)
			t.Log(data)
		}
	}},
}

var watchedFromOutside = []sentence{
	{"a first wait while no descriptor is left, in a program with package poll", firstWait},
	{"a stop of the process during Wait is not told", func(t *T) {
		var p poll.Poll
		a, to := t.packets(loopback4)
		t.ok("Register", p.Register(a.FD(), 1, poll.Readable))
		t.Log("waiting")
		t.took(3*time.Second, func() {
			n, err := p.Wait(make([]poll.Event, 8), 3*time.Second)
			t.Log(n, said(err))
		})
		t.Log("the waits after it")
		t.Unready(&p)
		_, err := a.WriteTo([]byte("x"), to)
		t.ok("WriteTo", err)
		t.Waited(&p)
	}},
	{"Wait uses no processor time", func(t *T) {
		var p poll.Poll
		for i := range 200 {
			a, _ := t.packets(loopback4)
			t.ok("Register", p.Register(a.FD(), poll.Token(i), poll.Readable))
		}
		t.Log("waiting")
		n, err := p.Wait(make([]poll.Event, 8), 2*time.Second)
		t.Log(n, said(err))
		t.Log("waited")
	}},
}
