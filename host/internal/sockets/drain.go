//go:build linux || darwin

package sockets

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/readiness"
)

// maxPending is how many connections are taken over from the queue of a listener.
const maxPending = 4096

// What the guest was asked for by Drain.
const (
	drainAsked = 1 + iota
	drainHurried
)

// A drain is the guest's way to its end: no listener takes connections any more, and
// once none is open, or on demand, accept fails.
type drain struct {
	level int32 // what was asked for and has begun
	over  bool  // accept fails
}

// Drain makes the guest's listeners take no more connections: the host's are no longer
// accepted from, the guest's own refuse them once their queue is served. When no
// accepted connection is open, or the guest does not handle SIGDRAIN any more, accepting is
// EINVAL, as on a listener that was shut down; until then polls of them wait. With hurry,
// that is at once, and connections are at their end when nothing is left to read.
func (g *Guest) Drain(hurry bool) {
	level := int32(drainAsked)
	if hurry {
		level = drainHurried
	}
	g.signals.drain()
	g.wake.Ask(level)
}

// heed begins what the guest was asked for meanwhile.
func (g *Guest) heed() {
	d := &g.draining
	if g.wake.Due(d.level) {
		began := d.level > 0
		if d.level = g.wake.Heed(); d.level > 0 && !began {
			g.revokeAll()
			for s := range g.listening.addrs {
				g.retire(s)
			}
		}
		g.releaseListeners()
	}
	if d.level > 0 && !d.over {
		d.over = d.level >= drainHurried || !g.inWork()
	}
}

// retire makes s take no more connections. The host's own listener stays as it is, unless
// it was released; the guest's refuses them, and what was in its queue is kept. It does so
// on Linux: elsewhere they wait until it is closed.
func (g *Guest) retire(s *Socket) {
	if !s.listener || s.retired {
		return
	}
	s.retired = true
	g.polls.Disarm(&s.watched)
	if s.backend.owned() {
		g.takeQueue(s)
		s.backend.retire()
	}
}

// takeQueue takes over the connections that wait for s.
func (g *Guest) takeQueue(s *Socket) {
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
func (g *Guest) next(l *Socket) (b backend, err error) {
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

func (g *Guest) failing(l *Socket) bool { return g.draining.over || l.shut }

// announce adds to the events of this poll those that no operating system reports: signals,
// the listeners that have a connection, or an end, and the connections that have one.
func (g *Guest) announce() {
	if g.signals.arrived() {
		g.polls.AnnounceSignals()
	}
	if g.draining.level >= drainHurried {
		for _, s := range g.table.sockets {
			if s != nil && s.from != nil {
				g.polls.Announce(&s.watched, readiness.Reading)
			}
		}
	}
	for s := range g.listening.addrs {
		if s.retired && (len(s.pending) > 0 && !s.full || g.failing(s)) {
			g.polls.Announce(&s.watched, readiness.Reading)
		}
	}
}

// inWork reports whether a connection that the guest has accepted, or is to accept, is open.
// Its traffic shows nothing: a server may have written last and wait for the answer,
// or compute what to write next. A guest with requests of its own to answer says so itself.
func (g *Guest) inWork() bool {
	if g.signals.drains() || g.Account.Connections.Load() > 0 {
		return true
	}
	for s := range g.listening.addrs {
		if len(s.pending) > 0 {
			return true
		}
	}
	return false
}

// ends is asked when there was nothing to read from s. It reports whether that counts as the
// end of the stream: of a connection for which there is no time left.
func (g *Guest) ends(s *Socket) bool {
	s.cut = s.from != nil && g.draining.level >= drainHurried
	return s.cut
}

// left reports whether the peer of a stream has closed it, and all has been read.
func (s *Socket) left() bool {
	var b [1]byte
	n, _, err := unix.Recvfrom(s.fd, b[:], unix.MSG_PEEK)
	return n == 0 && err == nil || err == unix.ECONNRESET
}

func (s *Socket) closePending() {
	for _, b := range s.pending {
		b.close()
	}
}
