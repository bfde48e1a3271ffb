package socket

import (
	"bytes"
	"io"
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
	is(t, "setting SendBuffer", SendBuffer.Set(&client.Socket, 1<<16), nil) // less than data on any host
	sent, err := client.Write(data)
	if err != nil || sent <= 0 || sent >= len(data) {
		t.Fatalf("Write: %d, %v", sent, err)
	}
	// Nobody reads, so what is left cannot all fit either.
	for err == nil && sent < len(data) {
		var n int
		n, err = client.Write(data[sent:])
		sent += n
	}
	if err != error(syscall.EAGAIN) {
		t.Fatalf("Write to full buffers: %v after %d bytes", err, sent)
	}
	got := make([]byte, 0, len(data))
	for end := time.Now().Add(time.Minute); len(got) < len(data) && time.Now().Before(end); {
		if sent < len(data) {
			n, err := client.Write(data[sent:])
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
