//go:build linux || darwin

package sockets

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/readiness"
)

// maxPending is how many connections are taken from the queue of a listener that is retired.
const maxPending = 4096

// The levels that Drain asks for.
const (
	drainAsked = 1 + iota
	drainHurried
)

// A drain is the state of a guest that shuts down: no listener takes connections any more, and
// accept fails once no connection is open, or at once with hurry.
type drain struct {
	level int32 // the level that was asked for and has begun
	over  bool  // accept fails
}

// Drain makes the guest's listeners take no more connections. Those of the host are no longer
// accepted from. The guest's own refuse connections once their queue is served. When no accepted
// connection is open, or the guest stops handling SIGDRAIN, accepting fails with EINVAL, as on a
// listener that was shut down; until then, polls of listeners wait. With hurry, accepting fails
// at once, and connections end when nothing is left to read.
func (g *Guest) Drain(hurry bool) {
	level := int32(drainAsked)
	if hurry {
		level = drainHurried
	}
	g.signals.drain()
	g.wake.Ask(level)
}

// heed begins the level that was asked for meanwhile, and releases listeners.
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

// retire makes s take no more connections. A listener of the host stays as it is, unless it was
// released. A listener of the guest refuses connections, and those in its queue are kept. On
// other systems than Linux, new connections wait until the listener is closed.
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

// takeQueue moves the connections in the queue of s to pending, at most maxPending.
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

// next returns a connection from the queue of l.
func (g *Guest) next(l *Socket) (b backend, err error) {
	g.heed()
	switch {
	case !l.retired:
		return l.backend.accept()
	case len(l.pending) > 0:
		b, l.pending = l.pending[0], l.pending[1:]
		return b, nil
	case g.failing(l):
		return nil, unix.EINVAL // as on Linux, for a listener that was shut down
	}
	return nil, unix.EAGAIN
}

func (g *Guest) failing(l *Socket) bool { return g.draining.over || l.shut }

// announce adds the events to this poll that the operating system does not report: signals,
// listeners that have a connection or have ended, and connections that have ended.
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

// inWork reports whether a connection is open that the guest has accepted or can still accept.
// The traffic of a connection does not show whether it is in use: a server may wait for an answer
// to its last write, or compute the next one.
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

// ends reports whether the end of s's stream is reached when there is nothing to read: that is so
// for an accepted connection after Drain with hurry.
func (g *Guest) ends(s *Socket) bool {
	s.cut = s.from != nil && g.draining.level >= drainHurried
	return s.cut
}

// left reports whether the peer of a stream has closed it, and everything has been read.
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
