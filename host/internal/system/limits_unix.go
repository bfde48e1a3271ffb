//go:build linux || darwin

package system

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/readiness"
)

// room returns EMFILE if the guest may have no more sockets.
func (g *guest) room() error {
	if g.table.open.Load() < int64(g.account.Limits.Sockets) {
		return nil
	}
	g.account.Limited("Sockets")
	return unix.EMFILE
}

// roomToAccept returns an error if l may accept no more connections: EAGAIN, as if its
// queue was empty, which no poll says otherwise until one closes. A guest that waits in
// accept could close none meanwhile, so that is EMFILE.
func (g *guest) roomToAccept(l *socket) error {
	if l.full {
		if g.heed(); g.failing(l) {
			return nil
		}
		g.account.Limited("Connections")
		if l.blocks() {
			return unix.EMFILE
		}
		return unix.EAGAIN
	}
	return g.room()
}

// connected changes by n how many connections of l are open.
func (g *guest) connected(l *socket, n int) {
	l.connections += n
	full := g.account.Limits.Connections > 0 && l.connections >= g.account.Limits.Connections
	if l.full == full {
		return
	}
	l.full = full
	if !full {
		g.polls.Rearm(&l.watched, readiness.Reading)
	}
}

// roomToListen is an error when no more sockets may listen than do.
func (g *guest) roomToListen(s *socket) error {
	if s.listener || g.account.Limits.Listeners == 0 || g.listeners < g.account.Limits.Listeners {
		return nil
	}
	g.account.Limited("Listeners")
	return unix.ENOBUFS
}
