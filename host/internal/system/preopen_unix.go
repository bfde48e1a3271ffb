//go:build linux || darwin

package system

import (
	"slices"

	"github.com/wasisock/wasisock/sockabi"
)

// FirstPreopened is the lowest number of what a guest has open from the beginning, besides
// its standard streams.
const FirstPreopened = 3

// A preopened socket is a listener of the host's that the guest has from the beginning: as
// descriptor 3 and up, as systemd gives it. It is a socket like others, with a number of its
// own, and the low number is another name of it: rows see the number of the socket alone.

// preopen makes a socket of each of the host's listeners.
func (g *guest) preopen() error {
	for _, l := range g.hostListeners {
		s, err := g.socket(l.at.Family, sockabi.SOCK_STREAM)
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

// reserved reports whether fd is the low number of a preopened socket, open or closed.
func (g *guest) reserved(fd uint32) bool {
	return fd >= FirstPreopened && fd-FirstPreopened < uint32(len(g.preopened))
}

// number returns the number of the socket that fd is another name of, and fd itself if it is
// none. A name of a closed socket becomes a number that is never open.
func (g *guest) number(fd uint32) uint32 {
	if !g.reserved(fd) {
		return fd
	}
	s := g.preopened[fd-FirstPreopened]
	if s == nil {
		return ^uint32(0)
	}
	return s.number
}

// numbered returns the arguments of a call with numbers in the place of other names. Using a
// preopened listener is how a guest begins to listen.
func (g *guest) numbered(f sockabi.Function, args []uint64) []uint64 {
	if len(g.preopened) == 0 || !takesDescriptor(f) {
		return args
	}
	args = slices.Clone(args)
	for i := range args[:1+renumbers(f)] {
		fd := uint32(args[i])
		args[i] = uint64(g.number(fd))
		if s := g.table.get(uint32(args[i])); s != nil && g.reserved(fd) {
			g.begins(s)
		}
	}
	return args
}

func takesDescriptor(f sockabi.Function) bool {
	switch f.Name {
	case "sock_open", "sock_open_v2", "sock_getaddrinfo", "poll_oneoff", "epoll_oneoff":
		return false
	}
	return true
}

// renumbers is how many parameters of f are descriptors besides the first.
func renumbers(f sockabi.Function) int {
	if f.Name == "fd_renumber" {
		return 1
	}
	return 0
}

// begins tells that a preopened listener is used, once.
func (g *guest) begins(s *socket) {
	if _, told := g.listening.addrs[s]; told || !s.listener {
		return
	}
	g.listens(s)
	if g.draining.level > 0 {
		g.retire(s)
	}
}

// rename makes the low number of a socket, if it has one, that of another; nil is none.
func (g *guest) rename(from, to *socket) {
	if i := slices.Index(g.preopened, from); i >= 0 && from != nil {
		g.preopened[i] = to
	}
}
