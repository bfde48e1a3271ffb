//go:build linux || darwin

package shim

import (
	"testing"
	"time"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

const (
	inet4, inet6, local = sockabi.AF_INET4, sockabi.AF_INET6, sockabi.AF_UNIX
	tcp, dgram          = sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM
)

// closedPort returns a TCP port of 127.0.0.1 at which nobody listens.
func (g *tester) closedPort() (port uint32) {
	g.scratch(func() {
		fd := g.open(inet4, tcp)
		g.ok("sock_bind", fd, g.addr("127.0.0.1"), 0)
		port = uint32(g.local(fd).Port())
		g.ok("fd_close", fd)
	})
	return port
}

func (g *tester) soError(fd uint32) sockabi.Errno {
	g.Helper()
	value, size := g.alloc(4), g.put(uint32(4))
	g.ok("sock_getsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_ERROR, value, size)
	return sockabi.Errno(g.u32(value))
}

func TestConnectingWithoutBlocking(t *testing.T) {
	g := newTester(t, sockets.Config{})
	l, port := g.listen()
	fd := g.nonblock(g.open(inet4, tcp))
	g.want(sockabi.EINPROGRESS, "sock_connect", fd, g.addr("127.0.0.1"), port)
	g.expectPoll("write:0", write(fd), timer(5*time.Second))
	if errno := g.soError(fd); errno != 0 {
		t.Errorf("SO_ERROR is %s", errno.Name())
	}
	if got := g.peer(fd); got != g.local(l) {
		t.Errorf("the peer is %v", got)
	}
	g.ok("sock_connect", fd, g.addr("127.0.0.1"), port)
	g.want(sockabi.EISCONN, "sock_connect", fd, g.addr("127.0.0.1"), port)
}

func TestARefusedConnection(t *testing.T) {
	g := newTester(t, sockets.Config{})
	port := g.closedPort()
	fd := g.nonblock(g.open(inet4, tcp))
	g.want(sockabi.EINPROGRESS, "sock_connect", fd, g.addr("127.0.0.1"), port)
	g.expectPoll("write:0 hangup", write(fd), timer(5*time.Second))
	if got := g.soError(fd); got != sockabi.ECONNREFUSED {
		t.Errorf("SO_ERROR is %s first", got.Name())
	}
	if got := g.soError(fd); got != 0 {
		t.Errorf("SO_ERROR is %s a second time", got.Name())
	}
	g.expectPoll("read:0 hangup, write:1 hangup", read(fd), write(fd))
	g.want(sockabi.ENOTCONN, "sock_getpeeraddr", fd, g.storage(0, ""), g.alloc(4))

	blocking := g.open(inet4, tcp)
	g.want(sockabi.ECONNREFUSED, "sock_connect", blocking, g.addr("127.0.0.1"), port)
}

// fullListener returns a listener whose queue is full: connecting to it hangs.
func (g *tester) fullListener() (port uint32) {
	l := g.open(inet4, tcp)
	g.ok("sock_bind", l, g.addr("127.0.0.1"), 0)
	g.ok("sock_listen", l, 0)
	port = uint32(g.local(l).Port())
	for range 20 {
		fd := g.nonblock(g.open(inet4, tcp))
		g.want(sockabi.EINPROGRESS, "sock_connect", fd, g.addr("127.0.0.1"), port)
		if g.polled(write(fd), timer(50*time.Millisecond)) == "clock:1" {
			return port
		}
	}
	g.Skip("this system's queue of connections has no end")
	return 0
}

func TestAConnectionThatHangs(t *testing.T) {
	g := newTester(t, sockets.Config{})
	port := g.fullListener()
	fd := g.nonblock(g.open(inet4, tcp))
	g.want(sockabi.EINPROGRESS, "sock_connect", fd, g.addr("127.0.0.1"), port)
	g.want(sockabi.EALREADY, "sock_connect", fd, g.addr("127.0.0.1"), port)
	g.want(sockabi.EAGAIN, "sock_send", fd, g.iovs("x"), 1, 0, g.alloc(4))
	g.expectPoll("clock:2", read(fd), write(fd), timer(time.Millisecond))
	g.ok("fd_close", fd)

	blocking := g.open(inet4, tcp)
	g.ok("sock_setsockopt", blocking, 0, sockabi.SO_SNDTIMEO, g.put(sockabi.Timeval{Microseconds: 20_000}), 16)
	takesAtLeast(t, 20*time.Millisecond, func() {
		g.want(sockabi.EINPROGRESS, "sock_connect", blocking, g.addr("127.0.0.1"), port)
	})
}

func TestAFreshSocketIsReadyAndHungUp(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := g.open(inet4, tcp)
	g.expectPoll("read:0 hangup, write:1 hangup", read(fd), write(fd))
	g.want(sockabi.ENOTCONN, "sock_shutdown", fd, sockabi.SHUT_WR)
	g.want(sockabi.ENOTCONN, "sock_recv", fd, g.iovs("x"), 1, 0, g.alloc(4), g.alloc(2))
	g.want(sockabi.EPIPE, "sock_send", fd, g.iovs("x"), 1, 0, g.alloc(4))
}

func TestHalfClose(t *testing.T) {
	for _, how := range []uint32{sockabi.SHUT_WR, sockabi.SHUT_RDWR} {
		g := newTester(t, sockets.Config{})
		a, b := g.pair()
		g.ok("sock_shutdown", a, how)
		g.expectPoll("read:0", read(b), timer(5*time.Second))
		if text, errno := g.recv(b); text != "" || errno != 0 {
			t.Errorf("after a half-close recv gives %q, %s", text, errno.Name())
		}
		if how == sockabi.SHUT_WR {
			g.send(b, "still")
			g.waitFor(read(a))
			if text, _ := g.recv(a); text != "still" {
				t.Errorf("the half-closed end receives %q", text)
			}
		}
		g.want(sockabi.EPIPE, "sock_send", a, g.iovs("x"), 1, 0, g.alloc(4))
		g.want(sockabi.EPIPE, "fd_write", a, g.iovs("x"), 1, g.alloc(4))
	}
}

func TestShutdownZeroIsThatOfReading(t *testing.T) {
	g := newTester(t, sockets.Config{})
	a, b := g.pair()
	g.ok("sock_shutdown", a, 0)
	if text, errno := g.recv(a); text != "" || errno != 0 {
		t.Errorf("recv gives %q, %s", text, errno.Name())
	}
	g.send(a, "out")
	g.waitFor(read(b))
	g.want(sockabi.EINVAL, "sock_shutdown", a, 4)
	g.want(sockabi.EINVAL, "sock_shutdown", a, 0xffff_ffff)
}

func TestShutdownOfAListener(t *testing.T) {
	g := newTester(t, sockets.Config{})
	l, _ := g.listen()
	g.ok("sock_shutdown", l, sockabi.SHUT_RD)
	g.expectPoll("read:0 hangup", read(l), timer(5*time.Second))
	g.want(sockabi.EINVAL, "sock_accept", l, g.alloc(4))
}

func TestAcceptFlags(t *testing.T) {
	g := newTester(t, sockets.Config{})
	l, port := g.listen()
	stat := g.alloc(24)
	for flags, want := range map[uint32]uint16{0: 0, sockabi.FDFLAG_NONBLOCK: sockabi.FDFLAG_NONBLOCK, 31: sockabi.FDFLAG_NONBLOCK} {
		c, out := g.open(inet4, tcp), g.alloc(4)
		g.ok("sock_connect", c, g.addr("127.0.0.1"), port)
		g.waitFor(read(l))
		g.ok("sock_accept", l, flags, out)
		g.ok("fd_fdstat_get", g.u32(out), stat)
		if got := get[sockabi.FDStat](g, stat); got.Flags != want || got.RightsBase != sockabi.RIGHTS_ACCEPTED {
			t.Errorf("accepted with flags %d: %+v", flags, got)
		}
	}
	g.want(sockabi.EAGAIN, "sock_accept", l, 0, g.alloc(4))
	g.want(sockabi.EINVAL, "sock_accept", g.open(inet4, tcp), 0, g.alloc(4))
	g.want(sockabi.ENOTSUP, "sock_accept", g.open(inet4, dgram), 0, g.alloc(4))
}

func TestFDStat(t *testing.T) {
	g := newTester(t, sockets.Config{})
	stat := g.alloc(24)
	for _, kind := range []uint32{tcp, dgram} {
		for _, family := range []uint32{inet4, inet6, local} {
			fd := g.open(family, kind)
			g.ok("fd_fdstat_set_flags", fd, sockabi.FDFLAG_NONBLOCK|sockabi.FDFLAG_APPEND)
			g.ok("fd_fdstat_get", fd, stat)
			want := sockabi.FDStat{Filetype: sockabi.FILETYPE_SOCKET_STREAM, Flags: 5,
				RightsBase: sockabi.RIGHTS_OPENED, RightsInheriting: sockabi.RIGHTS_OPENED}
			if kind == dgram {
				want.Filetype = sockabi.FILETYPE_SOCKET_DGRAM
			}
			if got := get[sockabi.FDStat](g, stat); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			for _, flag := range []uint32{sockabi.FDFLAG_DSYNC, sockabi.FDFLAG_RSYNC, sockabi.FDFLAG_SYNC} {
				g.want(sockabi.ENOTCAPABLE, "fd_fdstat_set_flags", fd, flag)
			}
			g.want(sockabi.EINVAL, "fd_fdstat_set_flags", fd, 32)
			g.want(sockabi.EINVAL, "fd_fdstat_set_flags", fd, 1<<16)
			g.ok("fd_fdstat_get", fd, stat)
			if got := get[sockabi.FDStat](g, stat).Flags; got != 5 {
				t.Errorf("flags that were refused left %d", got)
			}
			g.want(sockabi.ENOTCAPABLE, "fd_filestat_get", fd, g.alloc(64))
		}
	}
}

func TestScatterAndGather(t *testing.T) {
	g := newTester(t, sockets.Config{})
	a, b := g.pair()
	n, flags := g.alloc(4), g.alloc(2)
	g.ok("sock_send", a, g.iovs("one", "", "two", "three"), 4, 0, n)
	if g.u32(n) != 11 {
		t.Errorf("sent %d bytes", g.u32(n))
	}
	g.waitFor(read(b))
	iovs := g.iovs("??", "?????", "")
	g.ok("sock_recv", b, iovs, 3, sockabi.RI_PEEK, n, flags)
	g.ok("fd_read", b, iovs, 3, n)
	if got := string(g.mem[g.u32(iovs):][:2]) + string(g.mem[g.u32(iovs+8):][:5]); got != "onetwot" || g.u32(n) != 7 {
		t.Errorf("received %d bytes, %q", g.u32(n), got)
	}
	if text, _ := g.recv(b); text != "hree" {
		t.Errorf("then %q", text)
	}
	g.ok("fd_write", a, g.iovs("fo", "ur"), 2, n)
	g.waitFor(read(b))
	if text, _ := g.recv(b); text != "four" || g.u32(n) != 4 {
		t.Errorf("fd_write wrote %d, %q", g.u32(n), text)
	}
}

func TestAGreatSendThatDoesNotFit(t *testing.T) {
	g := newTester(t, sockets.Config{})
	g.mem = append(g.mem, make(memory, 32<<20)...)
	a, b := g.pair()
	n := g.alloc(4)
	all := g.put(sockabi.IOVec{Buf: memorySize, Len: 32 << 20})
	g.ok("sock_send", a, all, 1, 0, n)
	if g.u32(n) == 0 || g.u32(n) == 32<<20 {
		t.Fatalf("sent %d bytes", g.u32(n))
	}
	for g.call("sock_send", a, all, 1, 0, n) == 0 {
	}
	g.want(sockabi.EAGAIN, "sock_send", a, all, 1, 0, n)
	g.want(sockabi.EAGAIN, "fd_write", a, all, 1, n)
	g.expectPoll("clock:1", write(a), timer(time.Millisecond))
	for g.call("sock_recv", b, all, 1, 0, n, g.alloc(2)) == 0 {
	}
	g.expectPoll("write:0", write(a), timer(5*time.Second))
}
