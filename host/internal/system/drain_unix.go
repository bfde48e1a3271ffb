//go:build linux || darwin

package system

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// settling is for how long a connection counts as in work that the guest has not yet
// read from, or that it has just written to: its client may be about to ask, and the
// guest to go on.
const settling = 250 * time.Millisecond

// maxPending is how many connections are taken over from the queue of a listener.
const maxPending = 4096

// What the guest was asked for by Drain.
const (
	drainAsked = 1 + iota
	drainHurried
)

// A drain is the guest's way to its end: no listener takes connections any more, and
// once no connection has a request in work, or on demand, accept fails.
type drain struct {
	level int32 // what was asked for and has begun
	began int64
	over  bool // accept fails
}

// A stage is how far a conversation with a client of the guest's has come.
type stage uint8

const (
	fresh    stage = 0             // nothing has been read
	asked    stage = StageAsked    // read, and nothing written since
	answered stage = StageAnswered // written, and nothing read since
	idle     stage = StageIdle     // answered, and reading was tried in vain
)

func (g *guest) drain(hurry bool) {
	level := int32(drainAsked)
	if hurry {
		level = drainHurried
	}
	g.wake.ask(level)
}

// heed begins what the guest was asked for meanwhile. It tells when to look again
// whether a connection is in work, if that depends on time alone.
func (g *guest) heed() (again int64) {
	d := &g.draining
	if g.wake.asked.Load() != d.level || g.wake.rung.Load() {
		began := d.level > 0
		if d.level = g.wake.heed(); d.level > 0 && !began {
			d.began = netos.Clock()
			g.revokeAll()
			for s := range g.listening.addrs {
				g.retire(s)
			}
		}
		g.releaseListeners()
	}
	if d.level == 0 || d.over {
		return netos.Never
	}
	busy, again := g.inWork()
	d.over = !busy || d.level >= drainHurried
	return again
}

// retire makes s take no more connections. The host's own listener stays as it is, unless
// it was released; the guest's refuses them, and what was in its queue is kept. It does so
// on Linux: elsewhere they wait until it is closed.
func (g *guest) retire(s *socket) {
	if !s.listener || s.retired {
		return
	}
	s.retired = true
	g.poller.arm(s, 0)
	if s.backend.owned() {
		g.takeQueue(s)
		s.backend.retire()
	}
}

// takeQueue takes over the connections that wait for s.
func (g *guest) takeQueue(s *socket) {
	for len(s.pending) < maxPending {
		b, err := s.backend.accept()
		switch err {
		case nil:
			s.pending = append(s.pending, b)
			continue
		case unix.EINTR, unix.ECONNABORTED:
			continue
		}
		break
	}
}

// next is a connection from the queue of l.
func (g *guest) next(l *socket) (b backend, err error) {
	g.heed()
	switch {
	case !l.retired:
		return l.backend.accept()
	case len(l.pending) > 0:
		b, l.pending = l.pending[0], l.pending[1:]
		return b, nil
	case g.failing(l):
		return nil, unix.EINVAL // as Linux says of a listener that was shut down
	}
	return nil, unix.EAGAIN
}

func (g *guest) failing(l *socket) bool { return g.draining.over || l.shut }

// announce adds to what is told by this poll what no operating system tells of: signals,
// the listeners that have a connection, or an end, and the connections that have one.
func (g *guest) announce() {
	if i := g.interest.signals; i >= 0 && g.signals.arrived() {
		g.interest.done.add(i)
	}
	if g.draining.level > 0 {
		for _, s := range g.table.sockets {
			if s != nil && s.stage == idle && s.interest[reading] >= 0 {
				g.interest.done.add(int(s.interest[reading]))
			}
		}
	}
	for s := range g.listening.addrs {
		if i := s.interest[reading]; i >= 0 && s.retired && (len(s.pending) > 0 && !s.full || g.failing(s)) {
			g.interest.done.add(int(i))
		}
	}
}

// inWork tells whether a connection that the guest has accepted has a request in work:
// one that it has read from since it last wrote, that waits to be written to, or that
// has bytes to read. If it is only settling, again is when to look again.
func (g *guest) inWork() (busy bool, again int64) {
	now := netos.Clock()
	again = netos.Never
	for _, s := range g.table.sockets {
		switch {
		case s == nil:
		case len(s.pending) > 0:
			return true, netos.Never
		case !s.accepted || !s.stream():
		case s.stage == asked || s.stuck:
			return true, netos.Never
		case s.stage != idle && now < g.settles(s):
			again = min(again, g.settles(s))
		case hasBytes(s.fd):
			return true, netos.Never
		}
	}
	return again != netos.Never, again
}

func (g *guest) settles(s *socket) int64 { return max(s.since, g.draining.began) + int64(settling) }

func hasBytes(fd int) bool {
	var b [1]byte
	n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK)
	return err == nil && n > 0
}

// enters notes the stage of an accepted connection, and since when if that matters.
func (g *guest) enters(s *socket, st stage) {
	if s.stage = st; g.draining.level > 0 {
		s.since = netos.Clock()
	}
}

// wrote notes how a send of the guest's has ended, with left still to be sent.
func (g *guest) wrote(s *socket, n int, left [][]byte, err error) {
	s.stuck = len(left) > 0 && (err == nil || err == unix.EAGAIN)
	if n > 0 {
		g.enters(s, answered)
	}
}

// ends is asked when there was nothing to read from s. It tells whether that is to be
// the end of the stream: of a connection that waits for the next request while the
// guest is to end.
func (g *guest) ends(s *socket) bool {
	if !s.accepted || !s.stream() || s.stage < answered {
		return false
	}
	s.stage = idle
	return g.draining.level > 0
}

func (s *socket) closePending() {
	for _, b := range s.pending {
		b.close()
	}
}
