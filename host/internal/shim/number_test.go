//go:build linux || darwin

package shim

import (
	"context"
	"net/netip"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestDescriptorsThatAreNoSockets(t *testing.T) {
	g := newTester(t, sockets.Config{})
	iovs, addr, out := g.iovs("text"), g.addr("127.0.0.1"), g.alloc(24)
	for fd, want := range map[uint32]sockabi.Errno{
		0: sockabi.ENOTSOCK, 1: sockabi.ENOTSOCK, 2: sockabi.ENOTSOCK, 3: sockabi.EBADF,
		sockets.FirstSocket - 1: sockabi.EBADF, sockets.FirstSocket: sockabi.EBADF, sockets.FirstSocket + 64: sockabi.EBADF,
		1 << 31: sockabi.EBADF, 0xffff_ffff: sockabi.EBADF,
	} {
		g.want(want, "sock_bind", fd, addr, 80)
		g.want(want, "sock_listen", fd, 1)
		g.want(want, "sock_accept", fd, out)
		g.want(want, "sock_accept", fd, 0, out)
		g.want(want, "sock_connect", fd, addr, 80)
		g.want(want, "sock_recv", fd, iovs, 1, 0, out, out)
		g.want(want, "sock_recv_from", fd, iovs, 1, addr, 0, out, out)
		g.want(want, "sock_recv_from", fd, iovs, 1, addr, 0, out, out, out)
		g.want(want, "sock_send", fd, iovs, 1, 0, out)
		g.want(want, "sock_send_to", fd, iovs, 1, addr, 80, 0, out)
		g.want(want, "sock_shutdown", fd, 3)
		g.want(want, "sock_getsockopt", fd, 0, 0, out, g.put(uint32(4)))
		g.want(want, "sock_setsockopt", fd, 0, 0, out, 4)
		g.want(want, "sock_getlocaladdr", fd, addr, out, out)
		g.want(want, "sock_getlocaladdr", fd, g.storage(0, ""), out)

		shared := sockabi.EBADF
		if fd < sockets.FirstSocket {
			shared = FallThrough
		}
		g.want(shared, "fd_read", fd, iovs, 1, out)
		g.want(shared, "fd_write", fd, iovs, 1, out)
		g.want(shared, "fd_close", fd)
		g.want(shared, "fd_fdstat_get", fd, out)
		g.want(shared, "fd_fdstat_set_flags", fd, 0)
		g.want(shared, "fd_filestat_get", fd, out)
	}
}

func TestRenumber(t *testing.T) {
	open := map[uint32]bool{0: true, 1: true, 7: true}
	g := newTester(t, sockets.Config{FDStat: func(_ context.Context, fd uint32) (uint8, sockabi.Errno) {
		if open[fd] {
			return sockabi.FILETYPE_REGULAR_FILE, 0
		}
		return 0, sockabi.EBADF
	}})
	a, b := g.pair()
	for _, test := range []struct {
		from, to uint32
		want     sockabi.Errno
	}{
		{7, 1, FallThrough},
		{7, 7, FallThrough},
		{7, 8, sockabi.EBADF},
		{8, 7, sockabi.EBADF},
		{7, 0x3fff_ffff, sockabi.EBADF},
		{7, 0xffff_ffff, sockabi.EBADF},
		{7, a, sockabi.ENOTSUP},
		{a, 7, sockabi.ENOTSUP},
		{a, 8, sockabi.EBADF},
		{a, a + 1000, sockabi.EBADF},
		{a + 1000, a, sockabi.EBADF},
		{a, a, 0},
		{b, a, 0},
		{b, a, sockabi.EBADF},
	} {
		g.want(test.want, "fd_renumber", test.from, test.to)
	}
	// b, which is called a now, has lost its peer, which was a.
	if text, errno := g.recv(a); text != "" || errno != 0 {
		t.Errorf("recv gives %q, %s", text, errno.Name())
	}
	if g.Owns(b) || !g.Owns(a) || g.Stats().Sockets != 1 {
		t.Errorf("the old number is still a socket, or the new one is not, or %d are open", g.Stats().Sockets)
	}
	for _, want := range []uint32{sockets.FirstSocket, b} {
		if got := g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM); got != want {
			t.Errorf("the next socket is %d, want %d, which is free", got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	g := newTester(t, sockets.Config{Limits: host.Limits{Sockets: 200}})
	var all []uint32
	for i := range uint32(200) {
		if fd := g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM); fd != sockets.FirstSocket+i {
			t.Fatalf("socket %d has number %d", i, fd)
		}
		all = append(all, sockets.FirstSocket+i)
	}
	g.want(sockabi.EMFILE, "sock_open", sockabi.AF_INET4, sockabi.SOCK_DGRAM, g.alloc(4))
	for _, i := range []int{199, 3, 130, 64, 63} {
		g.ok("fd_close", all[i])
		g.want(sockabi.EBADF, "fd_close", all[i])
	}
	for _, i := range []uint32{3, 63, 64, 130, 199} {
		if fd := g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM); fd != sockets.FirstSocket+i {
			t.Errorf("the next socket has number %d, want %d, the lowest that is free", fd, sockets.FirstSocket+i)
		}
	}
	g.want(sockabi.EMFILE, "sock_open", sockabi.AF_INET4, sockabi.SOCK_DGRAM, g.alloc(4))
}

func TestTheLimitLosesNoConnection(t *testing.T) {
	g := newTester(t, sockets.Config{Limits: host.Limits{Sockets: 3}})
	l, port := g.listen()
	a, b := g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM), g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM)
	g.ok("sock_connect", a, g.addr("127.0.0.1"), port)
	g.waitFor(read(l))
	out := g.alloc(4)
	g.want(sockabi.EMFILE, "sock_accept", l, 0, out)
	g.want(sockabi.EMFILE, "sock_accept", l, out)
	g.ok("fd_close", b)
	g.ok("sock_accept", l, 0, out)
	if want := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(g.local(a).Port())); g.peer(g.u32(out)) != want {
		t.Errorf("accepted a connection of %v, want %v", g.peer(g.u32(out)), want)
	}
}
