//go:build linux || darwin

package shim

import (
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestAddressesOfAConnection(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		g := newTester(t, sockets.Config{})
		family := uint32(inet4)
		if ip == "::1" {
			family = inet6
		}
		l := g.open(family, tcp)
		g.ok("sock_bind", l, g.addr(ip), 0)
		g.ok("sock_listen", l, 1)
		c, out := g.open(family, tcp), g.alloc(4)
		g.ok("sock_connect", c, g.addr(ip), uint32(g.local(l).Port()))
		g.ok("sock_accept", l, out)
		a := g.u32(out)
		if g.peer(c) != g.local(l) || g.peer(a) != g.local(c) || g.local(a) != g.local(l) || g.local(l).Addr().String() != ip {
			t.Errorf("listener %v, client %v to %v, server %v to %v", g.local(l), g.local(c), g.peer(c), g.local(a), g.peer(a))
		}
	}
}

func TestVersion1Getters(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd4, fd6, un := g.open(inet4, dgram), g.open(inet6, dgram), g.open(local, dgram)
	g.ok("sock_bind", fd4, g.addr("127.0.0.1"), 0)
	g.ok("sock_bind", fd6, g.addr("::1"), 0)
	kind, port := g.alloc(4), g.alloc(4)
	for _, test := range []struct {
		fd       uint32
		room     string // of the address
		want     sockabi.Errno
		wantKind uint32
		wantAddr string
	}{
		{fd4, "0.0.0.0", 0, 4, "\x7f\x00\x00\x01"},
		{fd4, "2001:db8::ffff", 0, 4, "\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"}, // 4 bytes of 16 are written
		{fd6, "2001:db8::ffff", 0, 6, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{fd6, "0.0.0.0", sockabi.ENOMEM, 0, "\x00\x00\x00\x00"},
		{un, "0.0.0.0", sockabi.ENOMEM, 0, "\x00\x00\x00\x00"},
		{un, "::", sockabi.ENOMEM, 0, strings.Repeat("\x00", 16)},
	} {
		addr := g.addr(test.room)
		g.want(test.want, "sock_getlocaladdr", test.fd, addr, kind, port)
		if got := string(g.mem[g.u32(addr):][:g.u32(addr+4)]); got != test.wantAddr {
			t.Errorf("%+v: address %q", test, got)
		}
		if test.want == 0 && (g.u32(kind) != test.wantKind || g.u32(port) != uint32(g.local(test.fd).Port())) {
			t.Errorf("%+v: type %d, port %d", test, g.u32(kind), g.u32(port))
		}
	}
	g.want(sockabi.EINVAL, "sock_getlocaladdr", fd4, g.storage(0, ""), kind, port)
}

func TestAddressLengths(t *testing.T) {
	g := newTester(t, sockets.Config{})
	sized := func(n int) uint32 {
		return g.put(sockabi.Address{Buf: g.put(strings.Repeat("\x00", n)), Len: uint32(n)})
	}
	for _, n := range []int{0, 1, 3, 5, 15, 17, 108, 126, 127, 129, 256} {
		fd := g.open(inet4, dgram)
		for _, name := range []string{"sock_bind", "sock_bind_v2", "sock_connect", "sock_connect_v2"} {
			g.want(sockabi.EINVAL, name, fd, sized(n), 0)
		}
		g.want(sockabi.EINVAL, "sock_send_to", fd, g.iovs("x"), 1, sized(n), 1, 0, g.alloc(4))
		g.want(sockabi.EINVAL, "sock_send_to_v2", fd, g.iovs("x"), 1, sized(n), 1, 0, g.alloc(4))
		g.want(sockabi.EINVAL, "sock_recv_from", fd, g.iovs("x"), 1, sized(n), 0, g.alloc(2), g.alloc(4), g.alloc(2))
		g.want(sockabi.EINVAL, "sock_getlocaladdr", fd, sized(n), g.alloc(4))
		g.ok("fd_close", fd)
	}
	full := g.storage(inet4, "\x7f\x00\x00\x01")
	for _, version := range []string{"", "_v2"} {
		l := g.open(inet4, tcp)
		g.ok("sock_bind"+version, l, full, 0)
		g.ok("sock_listen", l, 1)
		g.ok("sock_connect"+version, g.open(inet4, tcp), full, uint32(g.local(l).Port()))
		to := g.open(inet4, dgram)
		g.ok("sock_bind"+version, to, full, 0)
		g.ok("sock_send_to"+version, g.open(inet4, dgram), g.iovs("x"), 1, full, uint32(g.local(to).Port()), 0, g.alloc(4))
	}
	fd := g.open(inet4, tcp)
	g.want(sockabi.EAFNOSUPPORT, "sock_connect_v2", fd, g.storage(0, ""), 80)
	g.want(sockabi.EAFNOSUPPORT, "sock_connect_v2", fd, g.storage(4, ""), 80)
	g.want(sockabi.EAFNOSUPPORT, "sock_connect_v2", fd, g.storage(0xffff, ""), 80)
}

func TestFamiliesThatDoNotFit(t *testing.T) {
	g := newTester(t, sockets.Config{})
	four, six, un := g.addr("127.0.0.1"), g.addr("::1"), g.storage(local, "/nonexistent/socket")
	for _, test := range []struct {
		family, addr uint32
		want         sockabi.Errno
	}{
		{inet4, six, sockabi.EAFNOSUPPORT},
		{inet4, un, sockabi.EAFNOSUPPORT},
		{inet6, four, sockabi.EINVAL},
		{inet6, un, sockabi.EAFNOSUPPORT},
		{local, four, sockabi.EINVAL},
		{local, six, sockabi.EINVAL},
	} {
		fd := g.open(test.family, tcp)
		g.want(test.want, "sock_bind_v2", fd, test.addr, 0)
		g.want(test.want, "sock_connect_v2", fd, test.addr, 80)
		g.ok("fd_close", fd)
	}
}

func TestPortsAreNotTruncated(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := g.open(inet4, dgram)
	for _, port := range []uint32{65536, 65536 + 80, 1 << 31, 0xffff_ffff} {
		g.want(sockabi.EINVAL, "sock_bind", fd, g.addr("127.0.0.1"), port)
		g.want(sockabi.EINVAL, "sock_connect", fd, g.addr("127.0.0.1"), port)
		g.want(sockabi.EINVAL, "sock_send_to", fd, g.iovs("x"), 1, g.addr("127.0.0.1"), port, 0, g.alloc(4))
	}
}
