//go:build linux || darwin

package shim

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

func TestRealExhaustionIsEMFILE(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	g := newTester(t, sockets.Config{})
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
	g := newTester(t, sockets.Config{})
	a, b := g.pair()
	for _, fd := range []uint32{a, b, g.open(inet4, dgram), g.open(local, tcp)} {
		s := g.Socket(fd)
		flags, err := unix.FcntlInt(uintptr(s.Queue()), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("socket %d is not close-on-exec: %#x, %v", fd, flags, err)
		}
		if flags, err = unix.FcntlInt(uintptr(s.Queue()), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("socket %d is not non-blocking: %#x, %v", fd, flags, err)
		}
	}
}

func TestCloseClosesEverything(t *testing.T) {
	leakCheck(t)
	g := newTester(t, sockets.Config{})
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
