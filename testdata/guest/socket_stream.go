//go:build !v1

package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/wasisock/wasisock/guest/socket"
	"github.com/wasisock/wasisock/sockabi"
)

// The sentences of package socket. What it says is the same on every engine,
// whatever the engine does below.

// said is an error of package socket in a transcript's words.
func said(err error) string {
	var call *os.SyscallError
	var errno syscall.Errno
	switch {
	case err == nil:
		return "no error"
	case err == io.EOF:
		return "end"
	case errors.As(err, &call) && errors.As(err, &errno):
		return call.Syscall + " " + name(sockabi.Errno(errno))
	case errors.As(err, &errno):
		return name(sockabi.Errno(errno))
	}
	return err.Error()
}

// ok ends the process if err is one.
func (t *T) ok(what string, err error) {
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// internet is an address of package socket.
func internet(a netip.Addr, port uint16) socket.Addr {
	return socket.Addr{AddrPort: netip.AddrPortFrom(a, port)}
}

// listen listens on a free port.
func (t *T) listen(a netip.Addr) (*socket.Listener, socket.Addr) {
	l, err := socket.Listen(internet(a, 0), 16)
	t.ok("Listen", err)
	at, err := l.LocalAddr()
	t.ok("LocalAddr", err)
	return l, at
}

// connection is a connection of package socket.
func (t *T) connection(a netip.Addr) (client, server *socket.Conn) {
	l, at := t.listen(a)
	client, err := socket.Dial(at)
	t.ok("Dial", err)
	t.wait(readable(uint32(l.FD())))
	server, err = l.Accept()
	t.ok("Accept", err)
	t.wait(writable(uint32(client.FD())))
	if made, err := client.Connected(); !made || err != nil {
		t.Fatalf("Connected: %v %v", made, err)
	}
	t.ok("Close", l.Close())
	return client, server
}

// read waits and reads.
func (t *T) read(c *socket.Conn) string {
	t.wait(readable(uint32(c.FD())))
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	if err != nil {
		return said(err)
	}
	return string(buf[:n])
}

var streams = []sentence{
	{"Dial begins, and Connected reports when it ended", func(t *T) {
		for _, f := range families {
			l, at := t.listen(f.loopback)
			c, err := socket.Dial(at)
			t.Log(f.name, said(err))
			t.wait(writable(uint32(c.FD())))
			made, err := c.Connected()
			t.Log(made, said(err))
			t.wait(readable(uint32(l.FD())))
			s, err := l.Accept()
			t.Log(said(err))
			local, err := c.LocalAddr()
			t.ok("LocalAddr", err)
			remote, err := s.RemoteAddr()
			t.Log(said(err), remote == local)
			remote, err = c.RemoteAddr()
			t.Log(said(err), remote == at)
		}
	}},
	{"Connected keeps the error of a connection that was refused", func(t *T) {
		for _, f := range families {
			c, err := socket.Dial(socket.Addr{AddrPort: t.unused(f.loopback)})
			t.Log(f.name, said(err))
			t.wait(writable(uint32(c.FD())))
			for range 2 {
				made, err := c.Connected()
				t.Log(made, said(err), errors.Is(err, syscall.ECONNREFUSED))
			}
			t.ok("Close", c.Close())
			_, err = c.Connected()
			t.Log(said(err))
		}
	}},
	{"Connected is false while a connection is pending", func(t *T) {
		c, err := socket.Dial(socket.Addr{AddrPort: t.fullListener()})
		t.Log(said(err))
		made, err := c.Connected()
		t.Log(made, said(err))
		_, err = c.Read(make([]byte, 1))
		t.Log(said(err), socket.WouldBlock(err))
		_, err = c.Write([]byte("x"))
		t.Log(said(err), socket.WouldBlock(err))
		t.Log(said(c.Close()))
	}},
	{"Accept is EAGAIN until a connection waits, and what it gives does not block", func(t *T) {
		l, at := t.listen(loopback4)
		_, err := l.Accept()
		t.Log(said(err), socket.WouldBlock(err))
		_, err = socket.Dial(at)
		t.ok("Dial", err)
		t.wait(readable(uint32(l.FD())))
		c, err := l.Accept()
		t.Log(said(err))
		_, err = c.Read(make([]byte, 1))
		t.Log(said(err))
		_, err = l.Accept()
		t.Log(said(err))
	}},
	{"Read and Write carry bytes, and Read ends with the stream", func(t *T) {
		for _, f := range families {
			client, server := t.connection(f.loopback)
			n, err := client.Write([]byte("hello"))
			t.Log(f.name, n, said(err))
			t.Log(t.read(server))
			_, err = server.Read(make([]byte, 1))
			t.Log(said(err))
			t.Log(said(client.CloseWrite()))
			t.Log(t.read(server))
			_, err = client.Write([]byte("x"))
			t.Log(said(err))
			n, err = server.Write([]byte("back"))
			t.Log(n, said(err), t.read(client))
		}
	}},
	{"ReadV and WriteV take more buffers than the host does, and empty ones", func(t *T) {
		client, server := t.connection(loopback4)
		var out, in [][]byte
		for range 1500 {
			out = append(out, nil, []byte("x"))
			in = append(in, make([]byte, 1), nil)
		}
		n, err := client.WriteV(out)
		t.Log(n, said(err))
		t.wait(readable(uint32(server.FD())))
		n, err = server.ReadV(in)
		t.Log(n, said(err))
	}},
	{"Write to a peer that has gone is EPIPE, and the process lives", func(t *T) {
		client, server := t.connection(loopback4)
		t.ok("Close", server.Close())
		t.wait(readable(uint32(client.FD())))
		_, err := client.Write([]byte("x"))
		t.Log(said(err))
		t.wait(readable(uint32(client.FD())), writable(uint32(client.FD())))
		for range 2 {
			_, err = client.Write([]byte("x"))
			t.Log(said(err), errors.Is(err, syscall.EPIPE))
		}
	}},
	{"Read of a connection that was reset is ECONNRESET", func(t *T) {
		client, server := t.connection(loopback4)
		t.ok("Set", socket.CloseLinger.Set(&server.Socket, socket.Linger{On: true}))
		t.ok("Close", server.Close())
		t.wait(readable(uint32(client.FD())))
		_, err := client.Read(make([]byte, 1))
		t.Log(said(err), errors.Is(err, syscall.ECONNRESET))
	}},
	{"Write sends what fits, and EAGAIN when nothing does", func(t *T) {
		client, _ := t.connection(loopback4)
		big := make([]byte, 8<<20)
		n, err := client.Write(big)
		t.Log("a part:", 0 < n && n < len(big), said(err))
		for err == nil {
			if _, err = client.Write(big); socket.WouldBlock(err) && len(t.poll(moment, writable(uint32(client.FD())))) > 0 {
				err = nil
			}
		}
		t.Log(said(err))
	}},
	{"a socket that is closed answers EBADF to everything", func(t *T) {
		c, _ := t.connection(loopback4)
		t.Log("Close", said(c.Close()))
		t.Log("Close", said(c.Close()))
		t.Log("FD", c.FD(), "Detach", c.Detach())
		_, err := c.Read(make([]byte, 1))
		t.Log("Read", said(err))
		_, err = c.Write([]byte("x"))
		t.Log("Write", said(err))
		_, err = c.LocalAddr()
		t.Log("LocalAddr", said(err))
		_, err = c.RemoteAddr()
		t.Log("RemoteAddr", said(err))
		t.Log("CloseWrite", said(c.CloseWrite()))
		_, err = socket.KeepAlive.Get(&c.Socket)
		t.Log("Get", said(err))
	}},
	{"Detach hands over a descriptor that goes on working", func(t *T) {
		client, server := t.connection(loopback4)
		fd := uint32(client.Detach())
		t.Log("Close", said(client.Close()))
		t.sendAll(fd, "hello")
		t.Log(t.read(server))
	}},
	{"Listen at a port that is taken is EADDRINUSE", func(t *T) {
		_, at := t.listen(loopback4)
		_, err := socket.Listen(at, 1)
		t.Log(said(err), errors.Is(err, syscall.EADDRINUSE))
	}},
	{"Bind chooses the local address of Dial, once the family fits", func(t *T) {
		l, at := t.listen(loopback4)
		c, err := socket.Dial(at, socket.Bind(internet(netip.MustParseAddr("127.0.0.2"), 0)))
		t.ok("Dial", err)
		t.wait(readable(uint32(l.FD())))
		s, err := l.Accept()
		t.ok("Accept", err)
		remote, err := s.RemoteAddr()
		t.Log(remote.Addr(), said(err), c.FD() >= 0)
		_, err = socket.Dial(at, socket.Bind(internet(loopback6, 0)))
		t.Log(said(err))
	}},
	{"an IPv4-mapped address is the IPv4 address it holds", func(t *T) {
		l, at := t.listen(netip.AddrFrom16(loopback4.As16()))
		t.Log(at.Addr(), l.FD() >= 0)
	}},
	{"addresses that the extension cannot carry are refused", func(t *T) {
		_, err := socket.Dial(internet(netip.MustParseAddr("fe80::1%lo"), 9))
		t.Log("a zone:", said(err))
		_, err = socket.Dial(socket.Addr{})
		t.Log("no address:", said(err))
		_, err = socket.Dial(socket.Addr{Path: strings.Repeat("x", 108)})
		t.Log("a path of 108 bytes:", said(err))
	}},
	{"UNIX streams connect over paths and abstract names", func(t *T) {
		for _, path := range []string{t.path("s"), "@" + t.path("s")} {
			l, err := socket.Listen(socket.Addr{Path: path}, 16)
			t.ok("Listen", err)
			client, err := socket.Dial(socket.Addr{Path: path})
			t.Log(said(err))
			t.wait(readable(uint32(l.FD())))
			server, err := l.Accept()
			t.ok("Accept", err)
			_, err = client.Write([]byte("hello"))
			t.Log(said(err), t.read(server))
			local, err := server.LocalAddr()
			t.Log(said(err), local.Path == path, local.String() == path)
			remote, err := client.RemoteAddr()
			t.Log(said(err), remote.Path == path)
			remote, err = server.RemoteAddr()
			t.Logf("%s %q", said(err), fmt.Sprint(remote))
		}
	}},
}
