package socket

import (
	"io"
	"net/netip"
	"syscall"
	"testing"
)

func TestAMappedAddressIsDialedAndListenedAtAsIPv4(t *testing.T) {
	l, addr := listen(t, mapped(loopback4))
	if addr.AddrPort.Addr() != loopback4.AddrPort.Addr() {
		t.Fatalf("listening at %v", addr)
	}
	c := must(Dial(mapped(addr)))(t)
	defer c.Close()
	accept(t, l)
	connected(t, c)
	if got := must(c.RemoteAddr())(t); got != addr {
		t.Errorf("connected to %v, want %v", got, addr)
	}
}

func TestAnIPv6WildcardServesIPv4UnderMappedAddresses(t *testing.T) {
	needs(t, inet("[::]:0"))
	l, addr := listen(t, inet("[::]:0"))
	c := must(Dial(Addr{AddrPort: netip.AddrPortFrom(loopback4.AddrPort.Addr(), addr.Port())}))(t)
	defer c.Close()
	server := accept(t, l)
	connected(t, c)
	if got, want := must(server.RemoteAddr())(t), mapped(must(c.LocalAddr())(t)); got != want {
		t.Errorf("the peer is %v, want %v", got, want)
	}
}

func TestBindChoosesTheLocalAddress(t *testing.T) {
	l, addr := listen(t, loopback4)
	from := inet("127.0.0.3:0")
	c := must(Dial(addr, Bind(mapped(from))))(t)
	defer c.Close()
	server := accept(t, l)
	if got := must(server.RemoteAddr())(t); got.AddrPort.Addr() != from.AddrPort.Addr() {
		t.Errorf("the peer is %v, want %v", got, from)
	}
	_, err := Dial(addr, Bind(loopback6))
	is(t, "binding IPv4 to IPv6", err, syscall.EAFNOSUPPORT)
	_, err = Dial(addr, Bind(Addr{Path: "/a"}))
	is(t, "binding IPv4 to a path", err, syscall.EAFNOSUPPORT)
	_, err = Listen(addr, 1)
	is(t, "listening twice", err, syscall.EADDRINUSE)
}

func TestPreparationsRunInOrderAndTheFirstErrorEndsThem(t *testing.T) {
	var ran []string
	var during *Socket
	step := func(name string, err error) func(*Socket) error {
		return func(s *Socket) error {
			during = s
			if s.FD() < 0 {
				t.Errorf("%s ran on a closed socket", name)
			}
			ran = append(ran, name)
			return err
		}
	}
	want := io.ErrShortBuffer
	for name, open := range map[string]func(before ...func(*Socket) error) error{
		"Dial":         func(b ...func(*Socket) error) error { _, err := Dial(inet("127.0.0.1:1"), b...); return err },
		"Listen":       func(b ...func(*Socket) error) error { _, err := Listen(loopback4, 1, b...); return err },
		"ListenPacket": func(b ...func(*Socket) error) error { _, err := ListenPacket(loopback4, b...); return err },
		"DialPacket":   func(b ...func(*Socket) error) error { _, err := DialPacket(inet("127.0.0.1:1"), b...); return err },
	} {
		ran = nil
		if err := open(step("one", nil), step("two", want), step("three", nil)); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if len(ran) != 2 || ran[0] != "one" || ran[1] != "two" {
			t.Errorf("%s ran %v", name, ran)
		}
		if during.FD() != -1 {
			t.Errorf("%s left the socket open", name)
		}
	}
}

func TestNoAddressIsAnError(t *testing.T) {
	for _, test := range []struct {
		addr Addr
		want error
	}{
		{Addr{}, syscall.EDESTADDRREQ},
		{inet("[fe80::1%lo]:1"), syscall.EINVAL},
		{Addr{inet("127.0.0.1:1").AddrPort, "/a"}, syscall.EINVAL},
	} {
		_, err := Dial(test.addr)
		is(t, "Dial", err, test.want)
		_, err = Listen(test.addr, 1)
		is(t, "Listen", err, test.want)
		_, err = DialPacket(test.addr)
		is(t, "DialPacket", err, test.want)
		_, err = ListenPacket(test.addr)
		is(t, "ListenPacket", err, test.want)
	}
}

func TestAClosedSocketIsEBADF(t *testing.T) {
	client, _ := pair(t, loopback4)
	l, _ := listen(t, loopback4)
	p, self := packet(t, loopback4)
	for _, s := range []*Socket{&client.Socket, &l.Socket, &p.Socket} {
		if s.FD() < 0 {
			t.Error("no descriptor")
		}
		is(t, "Close", s.Close(), nil)
		is(t, "Close again", s.Close(), syscall.EBADF)
		if s.FD() != -1 || s.Detach() != -1 {
			t.Error("a descriptor after Close")
		}
		_, err := s.LocalAddr()
		is(t, "LocalAddr", err, syscall.EBADF)
		_, err = KeepAlive.Get(s)
		is(t, "Get", err, syscall.EBADF)
		is(t, "Set", KeepAlive.Set(s, true), syscall.EBADF)
	}
	buf := make([]byte, 1)
	for _, c := range []*Conn{client, {}} {
		_, err := c.Read(buf)
		is(t, "Read", err, syscall.EBADF)
		_, err = c.Read(nil)
		is(t, "Read of nothing", err, syscall.EBADF)
		_, err = c.Write(buf)
		is(t, "Write", err, syscall.EBADF)
		is(t, "CloseRead", c.CloseRead(), syscall.EBADF)
		is(t, "CloseWrite", c.CloseWrite(), syscall.EBADF)
		_, err = c.RemoteAddr()
		is(t, "RemoteAddr", err, syscall.EBADF)
		_, err = c.Connected()
		is(t, "Connected", err, syscall.EBADF)
	}
	for _, l := range []*Listener{l, {}} {
		_, err := l.Accept()
		is(t, "Accept", err, syscall.EBADF)
	}
	for _, p := range []*PacketConn{p, {}} {
		_, _, err := p.ReadFrom(buf)
		is(t, "ReadFrom", err, syscall.EBADF)
		_, err = p.WriteTo(buf, self)
		is(t, "WriteTo", err, syscall.EBADF)
	}
	is(t, "Close of the zero Conn", new(Conn).Close(), syscall.EBADF)
}

func TestDetachHandsTheDescriptorOver(t *testing.T) {
	client, server := pair(t, loopback4)
	fd := client.FD()
	if got := client.Detach(); got != fd || client.FD() != -1 {
		t.Fatalf("Detach: %d, then %d; want %d", got, client.FD(), fd)
	}
	is(t, "Close after Detach", client.Close(), syscall.EBADF)
	if _, err := server.Read(make([]byte, 1)); err != error(syscall.EAGAIN) {
		t.Errorf("the peer reads %v, want the connection to be open", err)
	}
	is(t, "closing the descriptor", syscall.Close(fd), nil)
	is(t, "Read", end(t, server), io.EOF)
}
