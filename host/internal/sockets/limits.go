//go:build linux || darwin

package sockets

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/readiness"
)

// room returns EMFILE if the guest may have no more sockets.
func (g *Guest) room() error {
	if g.table.open.Load() < int64(g.Account.Limits.Sockets) {
		return nil
	}
	g.Account.Limited("Sockets")
	return unix.EMFILE
}

// roomToAccept returns an error if l may accept no more connections: EAGAIN, as if its
// queue was empty, which no poll says otherwise until one closes. A guest that waits in
// accept could close none meanwhile, so that is EMFILE.
func (g *Guest) roomToAccept(l *Socket) error {
	if l.full {
		if g.heed(); g.failing(l) {
			return nil
		}
		g.Account.Limited("Connections")
		if l.blocks() {
			return unix.EMFILE
		}
		return unix.EAGAIN
	}
	return g.room()
}

// connected changes by n how many connections of l are open.
func (g *Guest) connected(l *Socket, n int) {
	l.connections += n
	full := g.Account.Limits.Connections > 0 && l.connections >= g.Account.Limits.Connections
	if l.full == full {
		return
	}
	l.full = full
	if !full {
		g.polls.Rearm(&l.watched, readiness.Reading)
	}
}

// roomToListen is an error when no more sockets may listen than do.
func (g *Guest) roomToListen(s *Socket) error {
	if s.listener || g.Account.Limits.Listeners == 0 || g.listeners < g.Account.Limits.Listeners {
		return nil
	}
	g.Account.Limited("Listeners")
	return unix.ENOBUFS
}
