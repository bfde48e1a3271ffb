//go:build linux || darwin

package shim

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// checkStreams checks that an engine only has sockets on which it may receive and send.
func (g *tester) checkStreams() {
	g.Helper()
	g.Lock()
	defer g.Unlock()
	for i, st := range g.streams.Of {
		if st.FD == 0 {
			continue
		}
		s := g.Socket(uint32(sockets.FirstSocket + i))
		if s == nil || s.Queue() != int(st.FD)-1 || !s.Stream() || s.Listens() || s.Flags()&sockabi.FDFLAG_NONBLOCK == 0 {
			g.Errorf("the engine has %+v, which is %+v", st, s)
		}
	}
}

// grantedTo returns the engine's Stream for a socket.
func (g *tester) grantedTo(fd uint32) *sockets.Stream { return &g.streams.Of[fd-sockets.FirstSocket] }

func TestPlainConnectionsAreGranted(t *testing.T) {
	g := newTester(t, sockets.Config{})
	dialed, accepted := g.pair()
	if st := g.grantedTo(dialed); st.FD == 0 {
		t.Errorf("the one that has connected: %+v", st)
	}
	if st := g.grantedTo(accepted); st.FD != 0 {
		t.Errorf("the one that was accepted, and not used: %+v", st)
	}
	g.want(sockabi.EAGAIN, "fd_read", accepted, g.iovs("???"), 1, g.alloc(4))
	if st := g.grantedTo(accepted); st.FD == 0 {
		t.Errorf("the one that was accepted: %+v", st)
	}

	g.ok("fd_fdstat_set_flags", accepted, 0)
	if g.grantedTo(accepted).FD != 0 {
		t.Error("one that blocks is granted")
	}
	g.nonblock(accepted)
	fd := g.grantedTo(accepted).FD
	g.ok("fd_renumber", accepted, dialed)
	if g.grantedTo(accepted).FD != 0 || g.grantedTo(dialed).FD != fd {
		t.Error("one with another number is not granted by that")
	}
	g.ok("fd_close", dialed)
	if g.grantedTo(dialed).FD != 0 {
		t.Error("one that is closed is granted")
	}
	for _, kind := range []uint32{sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM} {
		for _, family := range []uint32{sockabi.AF_INET4, sockabi.AF_UNIX} {
			fd := g.nonblock(g.open(family, kind))
			if plain := family == sockabi.AF_INET4 && kind == sockabi.SOCK_STREAM; plain != (g.grantedTo(fd).FD != 0) {
				t.Errorf("family %d, kind %d: %+v", family, kind, g.grantedTo(fd))
			}
		}
	}
	if l, _ := g.listen(); g.grantedTo(l).FD != 0 {
		t.Error("a listener is granted")
	}
}

func TestWhatIsWatchedOrLimitedIsNotGranted(t *testing.T) {
	for name, test := range map[string]struct {
		cfg     sockets.Config
		w       Watch
		granted bool
	}{
		"plain":              {granted: true},
		"traced":             {w: Watch{Trace: func(host.Call) {}}},
		"counted":            {w: Watch{Calls: func(string, sockabi.Errno, time.Duration) {}}},
		"made to fail":       {cfg: sockets.Config{Faults: hostfault.Faults{ShortRead: 0.5}}},
		"limited to read":    {cfg: sockets.Config{Limits: host.Limits{ReadRate: 1 << 30}}},
		"limited in sending": {cfg: sockets.Config{Limits: host.Limits{WriteRate: 1 << 30}}},
	} {
		g := newWatched(t, test.cfg, test.w)
		fd := g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM))
		if granted := g.grantedTo(fd).FD != 0; granted != test.granted {
			t.Errorf("%s: socket %d is granted: %t", name, fd, granted)
		}
	}
}

// TestWhatAnEngineHasDoneIsKnown acts as the engine, with system calls.
func TestWhatAnEngineHasDoneIsKnown(t *testing.T) {
	g := newTester(t, sockets.Config{})
	dialed, accepted := g.pair()
	g.send(dialed, "question")
	g.want(0, "fd_read", accepted, g.iovs("???"), 1, g.alloc(4))
	st := g.grantedTo(accepted)
	buf := make([]byte, 100)
	n, err := unix.Read(int(st.FD)-1, buf)
	if n != 5 || err != nil {
		t.Fatal(n, err)
	}
	*g.streams.Received += 5
	if n, err = unix.Write(int(st.FD)-1, []byte("answer")); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	*g.streams.Sent += 6

	before := g.Stats()
	g.Drain(false)
	g.polled(timer(0)) // heeds it
	after := g.Stats()
	if after.Received-before.Received != 5 || after.Sent-before.Sent != 6 {
		t.Errorf("%+v, then %+v", before, after)
	}
	if st.FD != 0 {
		t.Error("a connection is still granted")
	}
	if g.recv(dialed); g.grantedTo(dialed).FD != 0 {
		t.Error("a connection is granted while the guest is to end")
	}
}
