//go:build !v1

package main

import (
	"errors"
	"net/netip"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/guest/socket"
	"github.com/wasisock/wasisock/sockabi"
)

// packets is a socket for datagrams on a free port, and its address.
func (t *T) packets(a netip.Addr) (*socket.PacketConn, socket.Addr) {
	c, err := socket.ListenPacket(internet(a, 0))
	t.ok("ListenPacket", err)
	at, err := c.LocalAddr()
	t.ok("LocalAddr", err)
	return c, at
}

// readFrom waits and reads a datagram into size bytes.
func (t *T) readFrom(c *socket.PacketConn, size int) (string, socket.Addr) {
	t.wait(readable(uint32(c.FD())))
	buf := make([]byte, size)
	n, from, err := c.ReadFrom(buf)
	t.ok("ReadFrom", err)
	return string(buf[:n]), from
}

var packets = []sentence{
	{"ReadFrom reports the sender's address, whatever the order of its port", func(t *T) {
		for _, f := range families {
			a, from := t.packets(f.loopback)
			b, to := t.packets(f.loopback)
			for range 2 {
				n, err := a.WriteTo([]byte("hello"), to)
				t.Log(f.name, n, said(err))
				data, sender := t.readFrom(b, 16)
				t.Log(data, sender == from, b.Truncated())
			}
		}
	}},
	{"ReadFrom is EAGAIN when no datagram is there, and 0 bytes for an empty one", func(t *T) {
		a, to := t.packets(loopback4)
		_, _, err := a.ReadFrom(make([]byte, 1))
		t.Log(said(err), socket.WouldBlock(err))
		n, err := a.WriteTo(nil, to)
		t.Log(n, said(err))
		data, from := t.readFrom(a, 16)
		t.Logf("%q %v", data, from == to)
	}},
	{"Truncated reports that a datagram was cut", func(t *T) {
		a, to := t.packets(loopback4)
		for _, size := range []int{5, 12, 16} {
			_, err := a.WriteTo([]byte("hello, world"), to)
			t.ok("WriteTo", err)
			data, _ := t.readFrom(a, size)
			t.Log(data, a.Truncated())
		}
	}},
	{"DialPacket sends and receives without addresses", func(t *T) {
		for _, f := range families {
			b, to := t.packets(f.loopback)
			a, err := socket.DialPacket(to)
			t.ok("DialPacket", err)
			_, err = a.Write([]byte("hello"))
			t.Log(f.name, said(err))
			data, from := t.readFrom(b, 16)
			local, err := a.LocalAddr()
			t.Log(data, from == local, said(err))
			_, err = b.WriteTo([]byte("back"), from)
			t.ok("WriteTo", err)
			data, from = t.readFrom(a, 16)
			t.Log(data, from == to)
			remote, err := a.RemoteAddr()
			t.Log(remote == to, said(err))
		}
	}},
	{"a datagram that was refused is an error of Read or Write, once", func(t *T) {
		b, to := t.packets(loopback4)
		t.ok("Close", b.Close())
		a, err := socket.DialPacket(to)
		t.ok("DialPacket", err)
		_, err = a.Write([]byte("x"))
		t.Log(said(err))
		t.wait(writable(uint32(a.FD())))
		_, err = a.Read(make([]byte, 1))
		t.Log(said(err), errors.Is(err, syscall.ECONNREFUSED))
		_, err = a.Read(make([]byte, 1))
		t.Log(said(err))
	}},
	{"WriteTo refuses what cannot be sent", func(t *T) {
		a, to := t.packets(loopback4)
		_, err := a.WriteTo(make([]byte, 65508), to)
		t.Log("too long:", said(err))
		_, err = a.WriteTo([]byte("x"), internet(loopback6, to.Port()))
		t.Log("IPv6:", said(err))
		_, err = a.WriteTo([]byte("x"), socket.Addr{})
		t.Log("nowhere:", said(err))
		_, err = a.Write([]byte("x"))
		t.Log("to no peer:", said(err))
		_, err = a.WriteTo([]byte("x"), internet(netip.MustParseAddr("127.255.255.255"), 9))
		t.Log("broadcast:", said(err), errors.Is(err, syscall.EACCES))
		t.ok("Set", socket.Broadcast.Set(&a.Socket, true))
		_, err = a.WriteTo([]byte("x"), internet(netip.MustParseAddr("127.255.255.255"), 9))
		t.Log("broadcast with the option:", said(err))
	}},
	{"UNIX datagrams carry their sender's path, or none", func(t *T) {
		b, err := socket.ListenPacket(socket.Addr{Path: t.path("b")})
		t.ok("ListenPacket", err)
		a, err := socket.ListenPacket(socket.Addr{Path: t.path("a")})
		t.ok("ListenPacket", err)
		_, err = a.WriteTo([]byte("hello"), socket.Addr{Path: t.path("b")})
		t.Log(said(err))
		data, from := t.readFrom(b, 16)
		t.Log(data, from == socket.Addr{Path: t.path("a")})
		c, err := socket.DialPacket(socket.Addr{Path: t.path("b")})
		t.ok("DialPacket", err)
		_, err = c.Write([]byte("hello"))
		t.Log(said(err))
		data, from = t.readFrom(b, 16)
		t.Log(data, from == socket.Addr{})
	}},
}

var typedOptions = []sentence{
	{"options are read and set by their types", func(t *T) {
		c, _ := t.connection(loopback4)
		t.Log("KeepAlive", said(socket.KeepAlive.Set(&c.Socket, true)))
		alive, err := socket.KeepAlive.Get(&c.Socket)
		t.Log(alive, said(err))
		t.Log("SendBuffer", said(socket.SendBuffer.Set(&c.Socket, 16384)))
		size, err := socket.SendBuffer.Get(&c.Socket)
		t.Log(size, said(err))
		t.Log("CloseLinger", said(socket.CloseLinger.Set(&c.Socket, socket.Linger{On: true, Timeout: 1500 * time.Millisecond})))
		linger, err := socket.CloseLinger.Get(&c.Socket)
		t.Log(linger.On, linger.Timeout, said(err))
		t.Log("ReceiveTimeout", said(socket.ReceiveTimeout.Set(&c.Socket, time.Second)))
		timeout, err := socket.ReceiveTimeout.Get(&c.Socket)
		t.Log(timeout, said(err))
		typ, err := socket.Type.Get(&c.Socket)
		t.Log("Type", typ == sockabi.SOCK_STREAM, said(err))
		t.Log("Type", said(socket.Type.Set(&c.Socket, 1)))
		accepts, err := socket.AcceptConn.Get(&c.Socket)
		t.Log("AcceptConn", accepts, said(err))
		pending, err := socket.Error.Get(&c.Socket)
		t.Log("Error", pending, said(err))
	}},
	{"options are set before a socket binds or connects", func(t *T) {
		l, err := socket.Listen(internet(loopback4, 0), 1, socket.ReceiveBuffer.With(8192))
		t.ok("Listen", err)
		size, err := socket.ReceiveBuffer.Get(&l.Socket)
		t.Log(size, said(err))
		reuse, err := socket.ReuseAddr.Get(&l.Socket)
		t.Log("ReuseAddr", reuse, said(err))
		at, _ := l.LocalAddr()
		failure := errors.New("refused by the program")
		_, err = socket.Dial(at, func(*socket.Socket) error { return failure })
		t.Log(err == failure)
	}},
	{"options of wasisock's host are EINVAL elsewhere", func(t *T) {
		c, _ := t.connection(loopback4)
		t.Log("NoDelay", said(socket.NoDelay.Set(&c.Socket, true)))
		delay, err := socket.NoDelay.Get(&c.Socket)
		t.Log(delay, said(err))
		t.Log("KeepAliveIdle", said(socket.KeepAliveIdle.Set(&c.Socket, 30*time.Second)))
		idle, err := socket.KeepAliveIdle.Get(&c.Socket)
		t.Log(idle, said(err))
		order, err := socket.PortOrder.Get(&c.Socket)
		t.Log("PortOrder", order, said(err))
		_, err = socket.Listen(internet(netip.IPv6Unspecified(), 0), 1, socket.V6Only.With(true))
		t.Log("V6Only", said(err))
	}},
	{"Lookup resolves numbers and the loopback's name", func(t *T) {
		addrs, err := socket.Lookup("127.0.0.1")
		t.Log(addrs, said(err))
		addrs, err = socket.Lookup("::1")
		t.Log(addrs, said(err))
		addrs, err = socket.Lookup("localhost")
		found := false
		for _, a := range addrs {
			found = found || a == loopback4
		}
		t.Log(found, said(err))
	}},
}
