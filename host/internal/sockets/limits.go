//go:build linux || darwin

package sockets

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/readiness"
)

// room returns EMFILE if the guest has as many sockets as it may have.
func (g *Guest) room() error {
	if g.table.open.Load() < int64(g.Account.Limits.Sockets) {
		return nil
	}
	g.Account.Limited("Sockets")
	return unix.EMFILE
}

// roomToAccept returns an error if l has as many connections as it may have: EAGAIN, as if its
// queue was empty. Polls do not report l as readable until a connection is closed. A blocking
// accept gets EMFILE, since the guest can close no connection while it waits.
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

// roomToListen returns an error if as many sockets listen as may listen.
func (g *Guest) roomToListen(s *Socket) error {
	if s.listener || g.Account.Limits.Listeners == 0 || g.listeners < g.Account.Limits.Listeners {
		return nil
	}
	g.Account.Limited("Listeners")
	return unix.ENOBUFS
}
