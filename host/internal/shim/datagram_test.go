//go:build linux || darwin

package shim

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestDatagrams(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		g := newTester(t, sockets.Config{})
		family := uint32(inet4)
		if ip == "::1" {
			family = inet6
		}
		a, b := g.nonblock(g.open(family, dgram)), g.nonblock(g.open(family, dgram))
		g.ok("sock_bind", a, g.addr(ip), 0)
		g.ok("sock_bind", b, g.addr(ip), 0)
		n, flags, port := g.alloc(4), g.alloc(2), g.alloc(2)
		g.want(sockabi.EDESTADDRREQ, "sock_send", a, g.iovs("x"), 1, 0, n)
		for _, text := range []string{"datagram", "", "12345678901234567890"} {
			g.ok("sock_send_to", a, g.iovs(text), 1, g.addr(ip), uint32(g.local(b).Port()), 0, n)
			g.waitFor(read(b))
			iovs, addr := g.iovs("????????????????"), g.storage(0x3f3f, strings.Repeat("?", 126))
			for _, peek := range []uint32{sockabi.RI_PEEK, 0} {
				g.ok("sock_recv_from", b, iovs, 1, addr, peek, port, n, flags)
				got := string(g.mem[g.u32(iovs):][:g.u32(n)])
				if cut := len(text) > 16; got != text[:min(16, len(text))] || (g.u16(flags) == sockabi.RO_DATA_TRUNCATED) != cut {
					t.Errorf("received %q, flags %d", got, g.u16(flags))
				}
				s := get[sockabi.AddrStorage](g, g.u32(addr))
				from := netip.AddrPortFrom(g.local(a).Addr(), uint16(g.mem[port])<<8|uint16(g.mem[port+1]))
				if from != g.local(a) || uint32(s.Family) != family || string(s.Data[:4]) != string(g.local(a).Addr().AsSlice()[:4]) || s.Data[16] != '?' {
					t.Errorf("from port %d, address %+v", from.Port(), s)
				}
			}
		}
		g.want(sockabi.EMSGSIZE, "sock_send_to", a, g.put(sockabi.IOVec{Len: memorySize}), 1, g.addr(ip), uint32(g.local(b).Port()), 0, n)
		// Connected, both with and without an address.
		g.ok("sock_connect", a, g.addr(ip), uint32(g.local(b).Port()))
		g.ok("sock_send", a, g.iovs("one"), 1, 0, n)
		g.ok("sock_send_to", a, g.iovs("two"), 1, g.addr(ip), uint32(g.local(b).Port()), 0, n)
		for _, want := range []string{"one", "two"} {
			g.waitFor(read(b))
			if text, _ := g.recv(b); text != want {
				t.Errorf("received %q, want %q", text, want)
			}
		}
		g.ok("sock_shutdown", a, sockabi.SHUT_RDWR)
	}
}

func TestBroadcastNeedsItsOption(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := udp(g)
	args := []uint32{fd, g.iovs("x"), 1, g.addr("127.255.255.255"), 9, 0, g.alloc(4)}
	g.want(sockabi.EACCES, "sock_send_to", args...)
	g.ok("sock_setsockopt", fd, 0, sockabi.SO_BROADCAST, g.put(int32(1)), 4)
	g.ok("sock_send_to", args...)
}

func TestRecvFromRoom(t *testing.T) {
	g := newTester(t, sockets.Config{})
	four := waiting(g)
	six, from := g.nonblock(g.open(inet6, dgram)), g.nonblock(g.open(inet6, dgram))
	g.ok("sock_bind", six, g.addr("::1"), 0)
	g.ok("sock_bind", from, g.addr("::1"), 0)
	g.ok("sock_send_to", from, g.iovs("datagram"), 1, g.addr("::1"), uint32(g.local(six).Port()), 0, g.alloc(4))
	g.waitFor(read(six))
	iovs, n, flags, port := g.iovs("????????"), g.alloc(4), g.alloc(2), g.alloc(2)
	for _, test := range []struct {
		fd         uint32
		room, want string // of the address
	}{
		{four, "9.9.9.9", "127.0.0.1"},
		{four, "9999::9", "7f00:1::9"}, // 4 bytes of the 16
		{six, "9999::9", "::1"},
		{six, "9.9.9.9", "9.9.9.9"}, // which has no room
	} {
		addr := g.addr(test.room)
		g.ok("sock_recv_from", test.fd, iovs, 1, addr, sockabi.RI_PEEK, port, n, flags)
		if got, _ := netip.AddrFromSlice(g.mem[g.u32(addr):][:g.u32(addr+4)]); got.String() != test.want {
			t.Errorf("%+v: %v", test, got)
		}
		addr = g.addr(test.room)
		g.ok("sock_recv_from", test.fd, iovs, 1, addr, sockabi.RI_PEEK, n, flags)
		if got, _ := netip.AddrFromSlice(g.mem[g.u32(addr):][:g.u32(addr+4)]); got.String() != test.want {
			t.Errorf("version 1, %+v: %v", test, got)
		}
	}
}

func TestRecvFromAStreamTellsNoAddress(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := readable(g)
	addr, port, n := g.storage(0x3f3f, "????"), g.alloc(2), g.alloc(4)
	g.ok("sock_recv_from", fd, g.iovs("?????"), 1, addr, 0, port, n, g.alloc(2))
	if s := get[sockabi.AddrStorage](g, g.u32(addr)); s.Family != sockabi.AF_UNSPEC || string(s.Data[:4]) != "????" || g.u16(port) != 0x3f3f {
		t.Errorf("family %d, data %q, port %#x", s.Family, s.Data[:4], g.u16(port))
	}
}

func TestAnIPv6DatagramSocketSendsToIPv4(t *testing.T) {
	g := newTester(t, sockets.Config{})
	four, six := udp(g), g.nonblock(g.open(inet6, dgram))
	n := g.alloc(4)
	g.ok("sock_send_to", six, g.iovs("mapped"), 1, g.addr("::ffff:127.0.0.1"), uint32(g.local(four).Port()), 0, n)
	g.waitFor(read(four))
	if text, _ := g.recv(four); text != "mapped" {
		t.Errorf("received %q", text)
	}
	g.want(sockabi.EINVAL, "sock_bind", six, g.addr("127.0.0.1"), 0)
}
