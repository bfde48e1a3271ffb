package socket

import (
	"bytes"
	"io"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

func TestBothEndsOfAStreamKnowTheirAddresses(t *testing.T) {
	for _, at := range []Addr{loopback4, loopback6} {
		t.Run(at.String(), func(t *testing.T) {
			needs(t, at)
			l, addr := listen(t, at)
			client := must(Dial(addr))(t)
			defer client.Close()
			server := accept(t, l)
			connected(t, client)
			if addr.Port() == 0 || addr.AddrPort.Addr() != at.AddrPort.Addr() {
				t.Errorf("listening at %v", addr)
			}
			if got := must(client.RemoteAddr())(t); got != addr {
				t.Errorf("the client's peer is %v, want %v", got, addr)
			}
			if got := must(server.LocalAddr())(t); got != addr {
				t.Errorf("the server is at %v, want %v", got, addr)
			}
			if c, s := must(client.LocalAddr())(t), must(server.RemoteAddr())(t); c != s || c.Port() == 0 {
				t.Errorf("the client is at %v and at %v", c, s)
			}
			write(t, client, "ping")
			read(t, server, "ping")
			write(t, server, "pong")
			read(t, client, "pong")
		})
	}
}

func TestNothingToAcceptOrReadWouldBlock(t *testing.T) {
	l, addr := listen(t, loopback4)
	if c, err := l.Accept(); c != nil || err != error(syscall.EAGAIN) {
		t.Fatalf("Accept: %v, %v", c, err)
	}
	client := must(Dial(addr))(t)
	defer client.Close()
	server := accept(t, l)
	connected(t, client)
	for _, c := range []*Conn{client, server} { // accepted sockets do not block either
		if n, err := c.Read(make([]byte, 9)); n != 0 || err != error(syscall.EAGAIN) {
			t.Errorf("Read: %d, %v", n, err)
		}
	}
	if c, err := l.Accept(); c != nil || err != error(syscall.EAGAIN) { // and nor does the listener yet
		t.Errorf("Accept: %v, %v", c, err)
	}
}

// refusing is an address that nobody listens at, held so that nobody can.
func refusing(t *testing.T) Addr {
	s := must(bound(loopback4, sockabi.SOCK_STREAM, nil))(t)
	t.Cleanup(func() { s.Close() })
	return must(s.LocalAddr())(t)
}

func TestARefusedConnectionIsToldAgainAndAgain(t *testing.T) {
	c := must(Dial(refusing(t)))(t)
	err := eventually(t, "connecting", func() error {
		ok, err := c.Connected()
		if ok {
			t.Fatal("connected")
		}
		if err == nil {
			return syscall.EINPROGRESS
		}
		return err
	})
	is(t, "Connected", err, syscall.ECONNREFUSED)
	if _, again := c.Connected(); again != err {
		t.Errorf("Connected again: %v, want %v", again, err)
	}
	_, err = c.RemoteAddr()
	is(t, "RemoteAddr", err, syscall.ENOTCONN)
	is(t, "Close", c.Close(), nil)
	_, err = c.Connected()
	is(t, "Connected after Close", err, syscall.ECONNREFUSED)
}

func TestARefusalThatAReadOrWriteMeetsIsKeptForConnected(t *testing.T) {
	for name, meet := range map[string]func(*Conn) error{
		"Read":  func(c *Conn) error { _, err := c.Read(make([]byte, 1)); return err },
		"Write": func(c *Conn) error { _, err := c.Write([]byte{1}); return err },
		"Error": func(c *Conn) error {
			switch n, err := Error.Get(&c.Socket); {
			case err != nil || n != 0:
				return syscall.Errno(n)
			}
			return syscall.EAGAIN
		},
	} {
		c := must(Dial(refusing(t)))(t)
		is(t, name, eventually(t, name, func() error { return meet(c) }), syscall.ECONNREFUSED)
		ok, err := c.Connected()
		if ok {
			t.Error("connected")
		}
		is(t, "Connected after "+name, err, syscall.ECONNREFUSED)
		c.Close()
	}
}

func TestAResetIsNotTheEndOfTheStream(t *testing.T) {
	client, server := pair(t, loopback4)
	write(t, client, "unread")
	is(t, "setting CloseLinger", CloseLinger.Set(&server.Socket, Linger{On: true}), nil)
	server.Close()
	is(t, "Read", end(t, client), syscall.ECONNRESET)
	_, err := client.Write([]byte("x"))
	is(t, "Write", err, syscall.EPIPE)
	_, err = client.RemoteAddr()
	is(t, "RemoteAddr", err, syscall.ENOTCONN)
	is(t, "CloseWrite", client.CloseWrite(), syscall.ENOTCONN)
	if ok, err := client.Connected(); !ok || err != nil {
		t.Errorf("Connected: %v, %v", ok, err)
	}
}

func TestAResetThatErrorToldIsNotTheEndOfTheStreamEither(t *testing.T) {
	client, server := pair(t, loopback4)
	is(t, "setting CloseLinger", CloseLinger.Set(&server.Socket, Linger{On: true}), nil)
	server.Close()
	err := eventually(t, "Error", func() error {
		if n, _ := Error.Get(&client.Socket); n != 0 {
			return syscall.Errno(n)
		}
		return syscall.EAGAIN
	})
	is(t, "Error", err, syscall.ECONNRESET)
	is(t, "Read", end(t, client), syscall.ECONNRESET)
	if n, err := Error.Get(&client.Socket); n != 0 || err != nil {
		t.Errorf("Error again: %d, %v", n, err)
	}
}

func TestWritingAfterThePeerClosedIsAnErrorAndNothingWorse(t *testing.T) {
	client, server := pair(t, loopback4)
	server.Close()
	err := eventually(t, "writing", func() error {
		if _, err := client.Write([]byte("x")); err != nil {
			return err
		}
		return syscall.EAGAIN
	})
	is(t, "Write", err, syscall.EPIPE)
	_, err = client.Write([]byte("x"))
	is(t, "Write again", err, syscall.EPIPE)
}

func TestEitherDirectionEndsAlone(t *testing.T) {
	client, server := pair(t, loopback4)
	write(t, client, "last words")
	is(t, "CloseWrite", client.CloseWrite(), nil)
	_, err := client.Write([]byte("x"))
	is(t, "Write after CloseWrite", err, syscall.EPIPE)
	read(t, server, "last words")
	for range 2 {
		is(t, "Read at the end", end(t, server), io.EOF)
	}
	if n, err := server.Read(nil); n != 0 || err != nil {
		t.Errorf("Read of nothing at the end: %d, %v", n, err)
	}
	write(t, server, "answer")
	read(t, client, "answer")
	is(t, "CloseRead", client.CloseRead(), nil)
	is(t, "Read after CloseRead", end(t, client), io.EOF)
}

func TestWhatDoesNotFitIsAShortWrite(t *testing.T) {
	client, server := pair(t, loopback4)
	pattern := make([]byte, 65521) // no length that buffers have divides it
	for i := range pattern {
		pattern[i] = byte(i>>8) ^ byte(i)
	}
	data := bytes.Repeat(pattern, 16<<20/len(pattern)+1)
	sent, err := client.Write(data)
	if err != nil || sent <= 0 || sent >= len(data) {
		t.Fatalf("Write: %d, %v", sent, err)
	}
	got := make([]byte, 0, len(data))
	full := false
	for end := time.Now().Add(time.Minute); len(got) < len(data) && time.Now().Before(end); {
		if sent < len(data) {
			n, err := client.Write(data[sent:])
			full = full || err == error(syscall.EAGAIN)
			if err != nil && !WouldBlock(err) {
				t.Fatal(err)
			}
			sent += n
		}
		n, err := server.Read(got[len(got):cap(got)])
		if err != nil && !WouldBlock(err) {
			t.Fatal(err)
		}
		got = got[:len(got)+n]
	}
	if !full {
		t.Error("Write never was EAGAIN")
	}
	if !bytes.Equal(got, data) {
		t.Error("what arrived is not what was sent")
	}
}

func TestManyBuffersAreOneWriteAndOneRead(t *testing.T) {
	client, server := pair(t, loopback4)
	if n, err := client.WriteV([][]byte{[]byte("a"), nil, {}, []byte("bc"), []byte("def")}); n != 6 || err != nil {
		t.Fatalf("WriteV: %d, %v", n, err)
	}
	a, b := make([]byte, 1), make([]byte, 9)
	var n int
	is(t, "ReadV", eventually(t, "ReadV", func() (err error) { n, err = server.ReadV([][]byte{nil, a, {}, b}); return }), nil)
	if n != 6 || string(a) != "a" || string(b[:5]) != "bcdef" {
		t.Errorf("ReadV: %d, %q, %q", n, a, b)
	}
	for _, bufs := range [][][]byte{nil, {}, {nil}, {{}, {}}} {
		if n, err := client.WriteV(bufs); n != 0 || err != nil {
			t.Errorf("WriteV(%v): %d, %v", bufs, n, err)
		}
		if n, err := server.ReadV(bufs); n != 0 || err != nil && err != error(syscall.EAGAIN) {
			t.Errorf("ReadV(%v): %d, %v", bufs, n, err)
		}
	}
}

func TestMoreBuffersThanACallTakesAreAShortWrite(t *testing.T) {
	client, server := pair(t, loopback4)
	bufs := make([][]byte, 0, 4*sockabi.MaxIOVecs)
	for i := range 2 * sockabi.MaxIOVecs {
		bufs = append(bufs, []byte{byte(i), byte(i >> 8)}, nil)
	}
	if n, err := client.WriteV(bufs); n != 2*sockabi.MaxIOVecs || err != nil {
		t.Fatalf("WriteV: %d, %v", n, err)
	}
	got := make([]byte, 2*sockabi.MaxIOVecs)
	into := make([][]byte, 0, len(got)+1)
	for i := range got {
		into = append(into, got[i:i+1])
	}
	n := 0
	for n < len(got) {
		var k int
		is(t, "ReadV", eventually(t, "ReadV", func() (err error) { k, err = server.ReadV(into[n:]); return }), nil)
		if k > sockabi.MaxIOVecs {
			t.Fatalf("ReadV: %d", k)
		}
		n += k
	}
	for i := range sockabi.MaxIOVecs {
		if got[2*i] != byte(i) || got[2*i+1] != byte(i>>8) {
			t.Fatalf("buffer %d is %v", i, got[2*i:2*i+2])
		}
	}
}

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
	needs(t, loopback6)
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

func TestAListenerStartsAgainAtOnce(t *testing.T) {
	l, addr := listen(t, loopback4)
	c := must(Dial(addr))(t)
	server := accept(t, l)
	connected(t, c)
	server.Close() // first, so that its end waits out TIME_WAIT
	is(t, "Read", end(t, c), io.EOF)
	c.Close()
	l.Close()
	again := must(Listen(addr, 1))(t)
	again.Close()
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

func TestAskingWhileConnecting(t *testing.T) {
	// A listener whose queue is full answers nobody.
	l := must(Listen(loopback4, 1))(t)
	defer l.Close()
	addr := must(l.LocalAddr())(t)
	var last *Conn
	for range 8 {
		c := must(Dial(addr))(t)
		defer c.Close()
		time.Sleep(5 * time.Millisecond)
		if ok, err := c.Connected(); err != nil {
			t.Fatal(err)
		} else if !ok {
			last = c
			break
		}
	}
	if last == nil {
		t.Skip("the host queues more connections than it was told to")
	}
	for range 2 {
		if ok, err := last.Connected(); ok || err != nil {
			t.Fatalf("Connected: %v, %v", ok, err)
		}
		if _, err := last.Write([]byte("x")); err != error(syscall.EAGAIN) {
			t.Errorf("Write: %v", err)
		}
		if _, err := last.Read(make([]byte, 1)); err != error(syscall.EAGAIN) {
			t.Errorf("Read: %v", err)
		}
		_, err := last.RemoteAddr()
		is(t, "RemoteAddr", err, syscall.ENOTCONN)
	}
	is(t, "Close", last.Close(), nil)
}
