//go:build linux || darwin

package sockets

import (
	"slices"

	"github.com/wasisock/wasisock/sockabi"
)

// FirstPreopened is the lowest number of a descriptor that a guest has from the beginning, besides
// its standard streams.
const FirstPreopened = 3

// A preopened socket is a listener of the host that the guest has from the beginning, as
// descriptor 3 or higher, as systemd passes it. It is a socket like others, with a number of its
// own, for which the low number is another name. Calls only see the socket's own number.

// preopen opens a socket for each of the host's listeners.
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

// number returns the number of the socket for which fd is another name, or else fd. For the name
// of a closed socket, it returns a number that is never open.
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

// Use is called for each descriptor in a call of the guest. It returns the number of the socket
// for which fd is another name, or else fd. A guest that uses a preopened listener for the first
// time begins to listen.
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

// begins reports once that the guest listens with a preopened listener.
func (g *Guest) begins(s *Socket) {
	if _, told := g.listening.addrs[s]; told || !s.listener {
		return
	}
	g.listens(s)
	if g.draining.level > 0 {
		g.retire(s)
	}
}

// rename makes the low number of from, if it has one, a name of to; nil means of no socket.
func (g *Guest) rename(from, to *Socket) {
	if i := slices.Index(g.preopened, from); i >= 0 && from != nil {
		g.preopened[i] = to
	}
}
