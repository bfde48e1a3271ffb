//go:build linux || darwin

package system

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

const (
	inet4, inet6, local = sockabi.AF_INET4, sockabi.AF_INET6, sockabi.AF_UNIX
	tcp, dgram          = sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM
)

// takenTime fails unless f takes at least that long.
func takesAtLeast(t testing.TB, d time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took < d {
		t.Errorf("it took %v, and should wait for %v", took, d)
	}
}

// closedPort is a TCP port of 127.0.0.1 where nobody listens.
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

func TestAddressesOfAConnection(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		g := newTester(t, Config{})
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
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
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
	fd := g.open(inet4, tcp)
	full := g.storage(inet4, "\x7f\x00\x00\x01")
	g.want(sockabi.EINVAL, "sock_bind", fd, full, 0)
	g.want(sockabi.EINVAL, "sock_connect", fd, full, 80)
	g.want(sockabi.EINVAL, "sock_send_to", fd, g.iovs("x"), 1, full, 80, 0, g.alloc(4))
	g.ok("sock_bind_v2", fd, full, 0)
	g.want(sockabi.EAFNOSUPPORT, "sock_connect_v2", fd, g.storage(0, ""), 80)
	g.want(sockabi.EAFNOSUPPORT, "sock_connect_v2", fd, g.storage(4, ""), 80)
	g.want(sockabi.EAFNOSUPPORT, "sock_connect_v2", fd, g.storage(0xffff, ""), 80)
}

func TestFamiliesThatDoNotFit(t *testing.T) {
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
	fd := g.open(inet4, dgram)
	for _, port := range []uint32{65536, 65536 + 80, 1 << 31, 0xffff_ffff} {
		g.want(sockabi.EINVAL, "sock_bind", fd, g.addr("127.0.0.1"), port)
		g.want(sockabi.EINVAL, "sock_connect", fd, g.addr("127.0.0.1"), port)
		g.want(sockabi.EINVAL, "sock_send_to", fd, g.iovs("x"), 1, g.addr("127.0.0.1"), port, 0, g.alloc(4))
	}
}

func TestConnectingWithoutBlocking(t *testing.T) {
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
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

// fullListener is a listener whose queue is full: connecting to it hangs.
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
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
	fd := g.open(inet4, tcp)
	g.expectPoll("read:0 hangup, write:1 hangup", read(fd), write(fd))
	g.want(sockabi.ENOTCONN, "sock_shutdown", fd, sockabi.SHUT_WR)
	g.want(sockabi.ENOTCONN, "sock_recv", fd, g.iovs("x"), 1, 0, g.alloc(4), g.alloc(2))
	g.want(sockabi.EPIPE, "sock_send", fd, g.iovs("x"), 1, 0, g.alloc(4))
}

func TestHalfClose(t *testing.T) {
	for _, how := range []uint32{sockabi.SHUT_WR, sockabi.SHUT_RDWR} {
		g := newTester(t, Config{})
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
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
	l, _ := g.listen()
	g.ok("sock_shutdown", l, sockabi.SHUT_RD)
	g.expectPoll("read:0 hangup", read(l), timer(5*time.Second))
	g.want(sockabi.EINVAL, "sock_accept", l, g.alloc(4))
}

func TestAcceptFlags(t *testing.T) {
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
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

func TestBlockingCallsWait(t *testing.T) {
	g := newTester(t, Config{})
	g.mem = append(g.mem, make(memory, 8<<20)...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fd := g.open(inet4, tcp)
	g.ok("sock_connect", fd, g.addr("127.0.0.1"), uint32(listener.Addr().(*net.TCPAddr).Port))
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()

	// Receiving waits for the first bytes, or with WAITALL for all.
	const delay = 10 * time.Millisecond
	time.AfterFunc(delay, func() { peer.Write([]byte("first")) })
	takesAtLeast(t, delay, func() {
		if text, errno := g.recv(fd); text != "first" || errno != 0 {
			t.Errorf("recv gives %q, %s", text, errno.Name())
		}
	})
	go func() {
		for _, part := range []string{"in", " parts", " all", "."} {
			peer.Write([]byte(part))
			time.Sleep(time.Millisecond)
		}
	}()
	iovs, n := g.iovs("??????", "??????"), g.alloc(4)
	g.ok("sock_recv", fd, iovs, 2, sockabi.RI_WAITALL, n, g.alloc(2))
	if got := string(g.mem[g.u32(iovs):][:6]) + string(g.mem[g.u32(iovs+8):][:6]); got != "in parts all" || g.u32(n) != 12 {
		t.Errorf("WAITALL gives %d bytes, %q", g.u32(n), got)
	}
	if text, _ := g.recv(fd); text != "." {
		t.Errorf("then %q", text)
	}

	// Sending waits until all is gone.
	received := make(chan int)
	go func() {
		time.Sleep(delay)
		total, buf := 0, make([]byte, 1<<20)
		for total < 8<<20 {
			k, err := peer.Read(buf)
			if total += k; err != nil {
				break
			}
		}
		received <- total
	}()
	g.ok("sock_send", fd, g.put(sockabi.IOVec{Buf: memorySize, Len: 8 << 20}), 1, 0, n)
	if got := <-received; got != 8<<20 || g.u32(n) != 8<<20 {
		t.Errorf("sent %d bytes, received %d", g.u32(n), got)
	}

	// WAITALL ends with the stream.
	peer.Write([]byte("last"))
	peer.Close()
	g.ok("sock_recv", fd, iovs, 2, sockabi.RI_WAITALL, n, g.alloc(2))
	if g.u32(n) != 4 {
		t.Errorf("WAITALL at the end gives %d bytes", g.u32(n))
	}
}

func TestABlockingAcceptWaits(t *testing.T) {
	g := newTester(t, Config{})
	l := g.open(inet4, tcp)
	g.ok("sock_bind", l, g.addr("127.0.0.1"), 0)
	g.ok("sock_listen", l, 1)
	addr := g.local(l).String()
	time.AfterFunc(10*time.Millisecond, func() {
		if c, err := net.Dial("tcp", addr); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	})
	out := g.alloc(4)
	takesAtLeast(t, 10*time.Millisecond, func() { g.ok("sock_accept", l, out) })
}

func TestTimeoutsOfBlockingCalls(t *testing.T) {
	g := newTester(t, Config{})
	g.mem = append(g.mem, make(memory, 32<<20)...)
	l, _ := g.listen()
	a, _ := g.pair()
	u := udp(g)
	const timeout = 15 * time.Millisecond
	value := g.put(sockabi.Timeval{Microseconds: int64(timeout / time.Microsecond)})
	for _, fd := range []uint32{l, a, u} {
		g.ok("fd_fdstat_set_flags", fd, 0)
		g.ok("sock_setsockopt", fd, 0, sockabi.SO_RCVTIMEO, value, 16)
		g.ok("sock_setsockopt", fd, 0, sockabi.SO_SNDTIMEO, value, 16)
		back, size := g.alloc(16), g.put(uint32(16))
		g.ok("sock_getsockopt", fd, 0, sockabi.SO_RCVTIMEO, back, size)
		if got := get[sockabi.Timeval](g, back); got.Seconds != 0 || got.Microseconds < int64(timeout/time.Microsecond) || got.Microseconds > 40_000 {
			t.Errorf("the timeout reads %+v", got)
		}
	}
	iovs, n, flags := g.iovs("????"), g.alloc(4), g.alloc(2)
	for name, f := range map[string]func() sockabi.Errno{
		"accept":    func() sockabi.Errno { return g.call("sock_accept", l, n) },
		"recv":      func() sockabi.Errno { return g.call("sock_recv", a, iovs, 1, 0, n, flags) },
		"read":      func() sockabi.Errno { return g.call("fd_read", a, iovs, 1, n) },
		"recv all":  func() sockabi.Errno { return g.call("sock_recv", a, iovs, 1, sockabi.RI_WAITALL, n, flags) },
		"recv from": func() sockabi.Errno { return g.call("sock_recv_from", u, iovs, 1, g.addr("0.0.0.0"), 0, n, flags) },
	} {
		takesAtLeast(t, timeout, func() {
			if errno := f(); errno != sockabi.EAGAIN {
				t.Errorf("%s = %s", name, errno.Name())
			}
		})
	}
	// What fits is sent; the next finds no room in time.
	all := g.put(sockabi.IOVec{Buf: memorySize, Len: 32 << 20})
	g.ok("sock_send", a, all, 1, 0, n)
	if g.u32(n) == 0 || g.u32(n) == 32<<20 {
		t.Errorf("sent %d bytes", g.u32(n))
	}
	takesAtLeast(t, timeout, func() { g.want(sockabi.EAGAIN, "sock_send", a, all, 1, 0, n) })
	// A timeout below 0 does not wait, and 0 is none.
	g.ok("sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Seconds: -1}), 16)
	g.want(sockabi.EAGAIN, "sock_recv", u, iovs, 1, 0, n, flags)
	g.want(sockabi.EDOM, "sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Microseconds: 1_000_000}), 16)
	g.want(sockabi.EDOM, "sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Microseconds: -1}), 16)
	g.ok("sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Seconds: 1 << 62}), 16)
	g.ok("sock_setsockopt", u, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{}), 16)
	time.AfterFunc(10*time.Millisecond, g.Interrupt)
	g.want(sockabi.EINTR, "sock_recv", u, iovs, 1, 0, n, flags)
}

func TestDatagrams(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		g := newTester(t, Config{})
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
	g := newTester(t, Config{})
	fd := udp(g)
	args := []uint32{fd, g.iovs("x"), 1, g.addr("127.255.255.255"), 9, 0, g.alloc(4)}
	g.want(sockabi.EACCES, "sock_send_to", args...)
	g.ok("sock_setsockopt", fd, 0, sockabi.SO_BROADCAST, g.put(int32(1)), 4)
	g.ok("sock_send_to", args...)
}

func TestRecvFromRoom(t *testing.T) {
	g := newTester(t, Config{})
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
	g := newTester(t, Config{})
	fd := readable(g)
	addr, port, n := g.storage(0x3f3f, "????"), g.alloc(2), g.alloc(4)
	g.ok("sock_recv_from", fd, g.iovs("?????"), 1, addr, 0, port, n, g.alloc(2))
	if s := get[sockabi.AddrStorage](g, g.u32(addr)); s.Family != sockabi.AF_UNSPEC || string(s.Data[:4]) != "????" || g.u16(port) != 0x3f3f {
		t.Errorf("family %d, data %q, port %#x", s.Family, s.Data[:4], g.u16(port))
	}
}

func TestAnIPv6DatagramSocketSendsToIPv4(t *testing.T) {
	g := newTester(t, Config{})
	four, six := udp(g), g.nonblock(g.open(inet6, dgram))
	n := g.alloc(4)
	g.ok("sock_send_to", six, g.iovs("mapped"), 1, g.addr("::ffff:127.0.0.1"), uint32(g.local(four).Port()), 0, n)
	g.waitFor(read(four))
	if text, _ := g.recv(four); text != "mapped" {
		t.Errorf("received %q", text)
	}
	g.want(sockabi.EINVAL, "sock_bind", six, g.addr("127.0.0.1"), 0)
}

func TestUnixSockets(t *testing.T) {
	dir, err := os.MkdirTemp("", "wasisock") // t.TempDir is too long for a path on some systems
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for i, name := range []string{filepath.Join(dir, "socket"), "\x00" + dir, filepath.Join(dir, strings.Repeat("x", 106-len(dir)))} {
		if name[0] == 0 && !hasAbstractNames {
			continue
		}
		g := newTester(t, Config{})
		path := func(fd uint32, getter string) string {
			addr := g.storage(0x3f3f, strings.Repeat("?", 126))
			g.ok(getter, fd, addr, g.alloc(4))
			s := get[sockabi.AddrStorage](g, g.u32(addr))
			if s.Family != local || string(s.Data[108:]) != strings.Repeat("?", 18) {
				t.Errorf("family %d, behind the path %q", s.Family, s.Data[108:])
			}
			return strings.TrimRight(string(s.Data[:108]), "\x00")
		}
		l := g.nonblock(g.open(local, tcp))
		g.ok("sock_bind_v2", l, g.storage(local, name), 0xffff_ffff) // there is no port
		g.ok("sock_listen", l, 4)
		c, out := g.open(local, tcp), g.alloc(4)
		g.ok("sock_connect_v2", c, g.storage(local, name), 0)
		g.waitFor(read(l))
		g.ok("sock_accept", l, sockabi.FDFLAG_NONBLOCK, out)
		a := g.u32(out)
		if path(l, "sock_getlocaladdr") != name || path(c, "sock_getpeeraddr") != name || path(a, "sock_getlocaladdr") != name ||
			path(c, "sock_getlocaladdr") != "" || path(a, "sock_getpeeraddr") != "" {
			t.Errorf("%d: a path is wrong: %q, %q, %q, %q, %q", i, path(l, "sock_getlocaladdr"), path(c, "sock_getpeeraddr"),
				path(a, "sock_getlocaladdr"), path(c, "sock_getlocaladdr"), path(a, "sock_getpeeraddr"))
		}
		g.send(c, "text")
		g.waitFor(read(a))
		if text, _ := g.recv(a); text != "text" {
			t.Errorf("received %q", text)
		}
		g.ok("fd_close", c)
		g.expectPoll("read:0 hangup", read(a), timer(5*time.Second))
		g.want(sockabi.EPIPE, "fd_write", a, g.iovs("x"), 1, g.alloc(4))

		// A program that is no guest meets it by Go's name for it.
		conn, err := net.Dial("unix", strings.Replace(name, "\x00", "@", 1))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
}

func TestUnixDatagrams(t *testing.T) {
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	g := newTester(t, Config{})
	a, b := g.nonblock(g.open(local, dgram)), g.nonblock(g.open(local, dgram))
	to := g.storage(local, filepath.Join(dir, "b"))
	g.ok("sock_bind_v2", b, to, 0)
	n, port, flags := g.alloc(4), g.alloc(2), g.alloc(2)
	iovs := g.iovs("????????")
	for _, from := range []string{"", filepath.Join(dir, "a")} {
		if from != "" {
			g.ok("sock_bind_v2", a, g.storage(local, from), 0)
		}
		g.ok("sock_send_to_v2", a, g.iovs("text"), 1, to, 0, 0, n)
		g.waitFor(read(b))
		g.want(sockabi.EINVAL, "sock_recv_from", b, iovs, 1, g.addr("::"), 0, port, n, flags)
		g.want(sockabi.EINVAL, "sock_recv_from", b, iovs, 1, g.addr("::"), 0, n, flags)
		addr := g.storage(0x3f3f, "")
		g.ok("sock_recv_from", b, iovs, 1, addr, 0, port, n, flags)
		s := get[sockabi.AddrStorage](g, g.u32(addr))
		if got := strings.TrimRight(string(s.Data[:]), "\x00"); got != from || g.u32(n) != 4 || (s.Family == local) != (from != "") {
			t.Errorf("%d bytes from %q, family %d, want %q", g.u32(n), got, s.Family, from)
		}
	}
	// The receiver's queue is full: nothing to wait for with poll, and yet a
	// blocking call has to wait.
	var errno sockabi.Errno
	for range 10_000 {
		if errno = g.call("sock_send_to_v2", a, g.iovs("x"), 1, to, 0, 0, n); errno != 0 {
			break
		}
		g.next -= 32 // what iovs took
	}
	if errno != sockabi.EAGAIN && errno != sockabi.ENOBUFS {
		t.Fatalf("a full queue is %s", errno.Name())
	}
	if errno == sockabi.EAGAIN {
		g.ok("fd_fdstat_set_flags", a, 0)
		g.ok("sock_setsockopt", a, 0, sockabi.SO_SNDTIMEO, g.put(sockabi.Timeval{Microseconds: 10_000}), 16)
		takesAtLeast(t, 10*time.Millisecond, func() {
			g.want(sockabi.EAGAIN, "sock_send_to_v2", a, g.iovs("x"), 1, to, 0, 0, n)
		})
	}
}

func TestUnixNames(t *testing.T) {
	for _, test := range []struct {
		name string
		want string // path, or error
	}{
		{"", "EINVAL"},
		{"\x00\x00\x00", "EINVAL"},
		{"/a\x00/b", "/a"},
		{"\x00a\x00b\x00", "@a\x00b"},
		{"@a", "./@a"},
		{"/" + strings.Repeat("x", 106), "/" + strings.Repeat("x", 106)},
		{"/" + strings.Repeat("x", 107), "ENAMETOOLONG"},
		{"@" + strings.Repeat("x", 106), "ENAMETOOLONG"},
	} {
		b := make([]byte, sunPathSize)
		copy(b, test.name)
		e, errno := unixEndpoint(b)
		got := e.path
		if errno != 0 {
			got = errno.Name()
		}
		if got != test.want {
			t.Errorf("%q is %q, want %q", test.name, got, test.want)
		}
	}
}

func TestClosingNeverLingers(t *testing.T) {
	g := newTester(t, Config{})
	g.mem = append(g.mem, make(memory, 16<<20)...)
	a, _ := g.pair()
	g.ok("sock_setsockopt", a, 0, sockabi.SO_LINGER, g.put(sockabi.Linger{OnOff: 1, Seconds: 60}), 8)
	g.ok("sock_send", a, g.put(sockabi.IOVec{Buf: memorySize, Len: 16 << 20}), 1, 0, g.alloc(4))
	start := time.Now()
	g.ok("fd_close", a)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func TestLingerZeroResets(t *testing.T) {
	g := newTester(t, Config{})
	a, b := g.pair()
	g.ok("sock_setsockopt", a, 0, sockabi.SO_LINGER, g.put(sockabi.Linger{OnOff: 1}), 8)
	g.ok("fd_close", a)
	g.expectPoll("read:0 hangup, write:1 hangup", read(b), write(b))
	if _, errno := g.recv(b); errno != sockabi.ECONNRESET {
		t.Errorf("recv = %s", errno.Name())
	}
}

func TestRealExhaustionIsEMFILE(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	g := newTester(t, Config{})
	l, port := g.listen()
	c := g.open(inet4, tcp)
	g.ok("sock_connect", c, g.addr("127.0.0.1"), port)
	g.waitFor(read(l))
	low := limit
	low.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	open, accept := g.call("sock_open", inet4, tcp, g.alloc(4)), g.call("sock_accept", l, g.alloc(4))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if open != sockabi.EMFILE || accept != sockabi.EMFILE {
		t.Errorf("sock_open = %s, sock_accept = %s", open.Name(), accept.Name())
	}
	g.ok("sock_accept", l, g.alloc(4))
}

func TestSocketsDoNotReachOtherPrograms(t *testing.T) {
	g := newTester(t, Config{})
	a, b := g.pair()
	for _, fd := range []uint32{a, b, g.open(inet4, dgram), g.open(local, tcp)} {
		s := g.table.get(fd)
		flags, err := unix.FcntlInt(uintptr(s.fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("socket %d is not close-on-exec: %#x, %v", fd, flags, err)
		}
		if flags, err = unix.FcntlInt(uintptr(s.fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("socket %d is not non-blocking: %#x, %v", fd, flags, err)
		}
	}
}

func TestCloseClosesEverything(t *testing.T) {
	leakCheck(t)
	g := newTester(t, Config{})
	a, _ := g.pair()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	g.Interrupt()
	g.want(sockabi.EBADF, "fd_close", a)
	g.want(sockabi.EMFILE, "sock_open", inet4, tcp, g.alloc(4))
	g.want(sockabi.EINTR, "poll_oneoff", g.put(timer(0)), g.alloc(32), 1, g.alloc(4))
	g.want(FallThrough, "fd_write", 1, g.iovs("x"), 1, g.alloc(4))
	if !g.Interrupted() || g.Owns(a) {
		t.Error("closed, and not interrupted or still a socket")
	}
}

func TestErrnos(t *testing.T) {
	for _, test := range []struct {
		err   error
		want  sockabi.Errno
		known bool
	}{
		{nil, sockabi.ESUCCESS, true},
		{unix.EAGAIN, sockabi.EAGAIN, true},
		{unix.ECONNREFUSED, sockabi.ECONNREFUSED, true},
		{unix.EOPNOTSUPP, sockabi.ENOTSUP, true},
		{unix.ENOTSUP, sockabi.ENOTSUP, true},
		{unix.EHOSTDOWN, sockabi.EHOSTUNREACH, true},
		{unix.ESHUTDOWN, sockabi.EPIPE, true},
		{unix.ESOCKTNOSUPPORT, sockabi.EPROTONOSUPPORT, true},
		{&os.SyscallError{Syscall: "bind", Err: unix.EADDRINUSE}, sockabi.EADDRINUSE, true},
		{unix.Errno(4000), sockabi.EIO, false},
		{fmt.Errorf("no errno"), sockabi.EIO, false},
	} {
		if got, known := errnoOf(test.err); got != test.want || known != test.known {
			t.Errorf("%v is %s, %v", test.err, got.Name(), known)
		}
	}
	// Every error that has the same name in both worlds keeps it.
	for e := unix.Errno(1); e < 140; e++ {
		name := unix.ErrnoName(e)
		got, known := errnoOf(e)
		for n := sockabi.Errno(1); n <= 76; n++ {
			if n.Name() == name && known && got != n {
				t.Errorf("%s is %s", name, got.Name())
			}
		}
	}
}
