package socket

import (
	"bytes"
	"cmp"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

func TestADatagramArrivesWithItsSender(t *testing.T) {
	for _, at := range []Addr{loopback4, loopback6} {
		t.Run(at.String(), func(t *testing.T) {
			needs(t, at)
			a, addrA := packet(t, at)
			b, addrB := packet(t, at)
			buf := make([]byte, 16)
			for _, data := range []string{"ping", "", "x"} {
				if n, err := a.WriteTo([]byte(data), addrB); n != len(data) || err != nil {
					t.Fatalf("WriteTo %q: %d, %v", data, n, err)
				}
				if n, from := readFrom(t, b, buf); string(buf[:n]) != data || from != addrA {
					t.Errorf("ReadFrom: %q from %v, want %q from %v", buf[:n], from, data, addrA)
				}
			}
			if n, from, err := b.ReadFrom(buf); n != 0 || from != (Addr{}) || err != error(syscall.EAGAIN) {
				t.Errorf("ReadFrom of nothing: %d, %v, %v", n, from, err)
			}
			_, err := a.RemoteAddr()
			is(t, "RemoteAddr", err, syscall.ENOTCONN)
			_, err = a.Write([]byte("x"))
			is(t, "Write without an address", err, syscall.EDESTADDRREQ)
			_, err = a.WriteTo([]byte("x"), Addr{})
			is(t, "WriteTo no address", err, syscall.EDESTADDRREQ)
		})
	}
}

func TestTheSendersPortIsRightForEveryOrderOfBytes(t *testing.T) {
	// Ports are the host's to choose; so many of them are not all palindromes.
	b, addrB := packet(t, loopback4)
	known := portOrder
	for i := range 40 {
		if i%4 == 0 {
			portOrder = 0 // learn again
		}
		a, addrA := packet(t, loopback4)
		if _, err := a.WriteTo(nil, addrB); err != nil {
			t.Fatal(err)
		}
		if _, from := readFrom(t, b, nil); from != addrA {
			t.Errorf("from %v, want %v", from, addrA)
		}
		a.Close()
	}
	if portOrder == 0 || known != 0 && portOrder != known {
		t.Errorf("learnt %d, before that %d", portOrder, known)
	}
}

func TestTheLoopbackDatagramTellsWhatTheOptionTells(t *testing.T) {
	c, _ := packet(t, loopback4)
	want, err := PortOrder.Get(&c.Socket)
	if err != nil {
		is(t, "PortOrder", err, syscall.EINVAL)
		want = sockabi.PORTORDER_NETWORK // all that has been seen of hosts without the option
	}
	for _, at := range []Addr{loopback4, loopback6} {
		if got := loopbackPortOrder(at.AddrPort.Addr()); got != want && got != 0 || got == 0 && at == loopback4 {
			t.Errorf("%v reports %d, want %d", at, got, want)
		}
	}
	if got := loopbackPortOrder(netip.MustParseAddr("192.0.2.1")); got != 0 {
		t.Errorf("an address that is not here reports %d", got)
	}
}

func TestADialedPacketConnHearsItsPeerAlone(t *testing.T) {
	for _, at := range []Addr{loopback4, loopback6, mapped(loopback4)} {
		t.Run(at.String(), func(t *testing.T) {
			needs(t, at)
			peer, addr := packet(t, at)
			stranger, _ := packet(t, at)
			c := must(DialPacket(addr))(t)
			defer c.Close()
			self := must(c.LocalAddr())(t)
			if got := must(c.RemoteAddr())(t); got != addr {
				t.Errorf("dialed %v, want %v", got, addr)
			}
			for _, data := range []string{"", "ping"} {
				if n, err := c.Write([]byte(data)); n != len(data) || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
				buf := make([]byte, 9)
				if n, from := readFrom(t, peer, buf); string(buf[:n]) != data || from != self {
					t.Fatalf("ReadFrom: %q from %v, want %q from %v", buf[:n], from, data, self)
				}
			}
			buf := make([]byte, 9)
			stranger.WriteTo([]byte("stranger"), self)
			peer.WriteTo([]byte("pong"), self)
			var n int
			is(t, "Read", eventually(t, "Read", func() (err error) { n, err = c.Read(buf); return }), nil)
			if string(buf[:n]) != "pong" {
				t.Errorf("Read: %q", buf[:n])
			}
			if n, err := c.Read(buf); n != 0 || err != error(syscall.EAGAIN) {
				t.Errorf("Read of nothing: %d, %v", n, err)
			}
		})
	}
}

func TestADatagramThatNobodyTakesIsRefusedOnce(t *testing.T) {
	// A socket that hears nobody but another holds its port and refuses the rest.
	_, elsewhere := packet(t, loopback4)
	holder := must(DialPacket(elsewhere, Bind(loopback4)))(t)
	defer holder.Close()
	c := must(DialPacket(must(holder.LocalAddr())(t)))(t)
	defer c.Close()
	send := func() error { _, err := c.Write([]byte("x")); return err }
	again := func(err error) error {
		if err == nil {
			return syscall.EAGAIN
		}
		return err
	}
	for _, test := range []struct {
		name string
		meet func() error
		once bool // meeting it sends nothing that is refused too
	}{
		{"Read", func() error { _, err := c.Read(make([]byte, 1)); return err }, true},
		{"Error", func() error { n, err := Error.Get(&c.Socket); return again(cmp.Or(err, fail("", syscall.Errno(n)))) }, true},
		{"Write", func() error { return again(send()) }, false},
	} {
		is(t, "sending", send(), nil)
		is(t, test.name, eventually(t, test.name, test.meet), syscall.ECONNREFUSED)
		if _, err := c.Read(nil); test.once && err != error(syscall.EAGAIN) {
			t.Errorf("Read after %s: %v", test.name, err)
		}
	}
}

func TestWhatDoesNotFitOfADatagramIsLostAndTold(t *testing.T) {
	a, _ := packet(t, loopback4)
	b, addr := packet(t, loopback4)
	c := must(DialPacket(addr))(t)
	defer c.Close()
	for _, test := range []struct {
		sent      string
		buf       int
		truncated bool
	}{
		{"12345678", 8, false},
		{"12345678", 7, true},
		{"12345678", 0, true},
		{"", 0, false},
		{"", 1, false},
		{"1", 1, false},
	} {
		buf := make([]byte, test.buf)
		a.WriteTo([]byte(test.sent), addr)
		n, _ := readFrom(t, b, buf)
		if string(buf[:n]) != test.sent[:min(len(test.sent), test.buf)] || b.Truncated() != test.truncated {
			t.Errorf("%+v: ReadFrom %q, truncated %v", test, buf[:n], b.Truncated())
		}
		a.WriteTo([]byte(test.sent), addr)
		is(t, "Read", eventually(t, "Read", func() (err error) { n, err = b.Read(buf); return }), nil)
		if string(buf[:n]) != test.sent[:min(len(test.sent), test.buf)] || b.Truncated() != test.truncated {
			t.Errorf("%+v: Read %q, truncated %v", test, buf[:n], b.Truncated())
		}
	}
}

func TestADatagramOfManyBuffersIsOne(t *testing.T) {
	a, addrA := packet(t, loopback4)
	b, addrB := packet(t, loopback4)
	if n, err := a.WriteToV([][]byte{[]byte("a"), nil, []byte("bcd")}, addrB); n != 4 || err != nil {
		t.Fatalf("WriteToV: %d, %v", n, err)
	}
	x, y := make([]byte, 3), make([]byte, 3)
	var n int
	var from Addr
	is(t, "ReadFromV", eventually(t, "ReadFromV", func() (err error) {
		n, from, err = b.ReadFromV([][]byte{x, {}, y})
		return
	}), nil)
	if n != 4 || string(x) != "abc" || y[0] != 'd' || from != addrA || b.Truncated() {
		t.Errorf("ReadFromV: %d, %q, %q from %v", n, x, y, from)
	}
	c := must(DialPacket(addrB))(t)
	defer c.Close()
	if n, err := c.WriteV([][]byte{[]byte("ef"), []byte("gh")}); n != 4 || err != nil {
		t.Fatalf("WriteV: %d, %v", n, err)
	}
	is(t, "ReadV", eventually(t, "ReadV", func() (err error) { n, err = b.ReadV([][]byte{x[:1], y}); return }), nil)
	if n != 4 || x[0] != 'e' || string(y) != "fgh" {
		t.Errorf("ReadV: %d, %q, %q", n, x, y)
	}
}

func TestADatagramIsSentWholeOrNotAtAll(t *testing.T) {
	a, addrA := packet(t, loopback4)
	b, addrB := packet(t, loopback4)
	c := must(DialPacket(addrB))(t)
	defer c.Close()
	bufs := make([][]byte, sockabi.MaxIOVecs+1)
	for i := range bufs {
		bufs[i] = []byte{1}
	}
	_, err := a.WriteToV(bufs, addrB)
	is(t, "WriteToV of too many buffers", err, syscall.EMSGSIZE)
	_, err = c.WriteV(bufs)
	is(t, "WriteV of too many buffers", err, syscall.EMSGSIZE)
	_, err = a.WriteTo(make([]byte, 65508), addrB)
	is(t, "WriteTo of too many bytes", err, syscall.EMSGSIZE)
	if _, _, err := b.ReadFrom(nil); err != error(syscall.EAGAIN) {
		t.Fatalf("something was sent all the same: %v", err)
	}
	if n, err := a.WriteToV(bufs[1:], addrB); n != sockabi.MaxIOVecs || err != nil {
		t.Errorf("WriteToV of as many buffers as may be: %d, %v", n, err)
	}
	buf := make([]byte, 2*sockabi.MaxIOVecs)
	if n, from := readFrom(t, b, buf); n != sockabi.MaxIOVecs || from != addrA {
		t.Errorf("ReadFrom: %d from %v", n, from)
	}
}

func TestAnIPv6SocketSendsToIPv4(t *testing.T) {
	needs(t, inet("[::]:0"))
	six, addrSix := packet(t, inet("[::]:0"))
	four, addrFour := packet(t, loopback4)
	fourOfSix := Addr{AddrPort: netip.AddrPortFrom(loopback4.AddrPort.Addr(), addrSix.Port())}
	buf := make([]byte, 9)
	for _, to := range []Addr{addrFour, mapped(addrFour)} {
		if _, err := six.WriteTo([]byte("six"), to); err != nil {
			t.Fatalf("to %v: %v", to, err)
		}
		if n, from := readFrom(t, four, buf); string(buf[:n]) != "six" || from != fourOfSix {
			t.Errorf("%q from %v, want it from %v", buf[:n], from, fourOfSix)
		}
	}
	for _, to := range []Addr{fourOfSix, mapped(fourOfSix)} {
		if _, err := four.WriteTo([]byte("four"), to); err != nil {
			t.Fatalf("to %v: %v", to, err)
		}
		n, from := readFrom(t, six, buf)
		if string(buf[:n]) != "four" || from != mapped(addrFour) {
			t.Errorf("%q from %v, want it from %v", buf[:n], from, mapped(addrFour))
		}
		if _, err := six.WriteTo([]byte("answer"), from); err != nil {
			t.Errorf("answering %v: %v", from, err)
		}
		readFrom(t, four, buf)
	}
	_, err := four.WriteTo(nil, loopback6)
	is(t, "WriteTo IPv6 on an IPv4 socket", err, syscall.EAFNOSUPPORT)
	_, err = four.WriteTo(nil, Addr{Path: "/a"})
	is(t, "WriteTo a path on an IPv4 socket", err, syscall.EAFNOSUPPORT)
}

func TestBroadcastNeedsItsOption(t *testing.T) {
	c, _ := packet(t, loopback4)
	_, err := c.WriteTo([]byte("x"), inet("127.255.255.255:9"))
	is(t, "WriteTo a broadcast address", err, syscall.EACCES)
	is(t, "Set", Broadcast.Set(&c.Socket, true), nil)
	if _, err = c.WriteTo([]byte("x"), inet("127.255.255.255:9")); err != nil {
		t.Errorf("WriteTo a broadcast address with the option: %v", err)
	}
}

func TestALargeDatagramArrivesWhole(t *testing.T) {
	a, addrA := packet(t, loopback4)
	b, addrB := packet(t, loopback4)
	data := []byte(strings.Repeat("0123456789abcdef", 4094))
	if n, err := a.WriteTo(data, addrB); n != len(data) || err != nil {
		t.Fatalf("WriteTo: %d, %v", n, err)
	}
	buf := make([]byte, 1<<16)
	if n, from := readFrom(t, b, buf); !bytes.Equal(buf[:n], data) || from != addrA {
		t.Errorf("ReadFrom: %d bytes from %v", n, from)
	}
}
