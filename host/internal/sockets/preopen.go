//go:build linux || darwin

package sockets

import (
	"slices"

	"github.com/wasisock/wasisock/sockabi"
)

// FirstPreopened is the lowest number of what a guest has open from the beginning, besides
// its standard streams.
const FirstPreopened = 3

// A preopened socket is a listener of the host's that the guest has from the beginning: as
// descriptor 3 and up, as systemd gives it. It is a socket like others, with a number of its
// own, and the low number is another name of it: calls see the number of the socket alone.

// preopen makes a socket of each of the host's listeners.
func (g *Guest) preopen() error {
	for _, l := range g.hostListeners {
		s, err := g.newSocket(l.at.Family, sockabi.SOCK_STREAM)
		if err == nil {
			err = g.take(s, l)
		}
		if err == nil {
			err = g.roomToListen(s)
		}
		if err == nil {
			err = s.backend.listen(0)
		}
		if err != nil {
			return err
		}
		s.listener = true
		g.listeners++
		g.preopened = append(g.preopened, s)
	}
	return nil
}

// Reserved reports whether fd is the low number of a preopened socket, open or closed.
func (g *Guest) Reserved(fd uint32) bool {
	return fd >= FirstPreopened && fd-FirstPreopened < uint32(len(g.preopened))
}

// number returns the number of the socket that fd is another name of, and fd itself if it is
// not one. A name of a closed socket becomes a number that is never open.
func (g *Guest) number(fd uint32) uint32 {
	if !g.Reserved(fd) {
		return fd
	}
	s := g.preopened[fd-FirstPreopened]
	if s == nil {
		return ^uint32(0)
	}
	return s.number
}

// Use is for a descriptor that the guest's call is about. It returns the number of the socket
// that fd is another name of, and fd itself if it is not one. Using a preopened listener is how a
// guest begins to listen.
func (g *Guest) Use(fd uint32) uint32 {
	if !g.Reserved(fd) {
		return fd
	}
	number := g.number(fd)
	if s := g.table.get(number); s != nil {
		g.begins(s)
	}
	return number
}

// begins reports, once, that a preopened listener is used.
func (g *Guest) begins(s *Socket) {
	if _, told := g.listening.addrs[s]; told || !s.listener {
		return
	}
	g.listens(s)
	if g.draining.level > 0 {
		g.retire(s)
	}
}

// rename makes the low number of a socket, if it has one, that of another; nil means none.
func (g *Guest) rename(from, to *Socket) {
	if i := slices.Index(g.preopened, from); i >= 0 && from != nil {
		g.preopened[i] = to
	}
}
