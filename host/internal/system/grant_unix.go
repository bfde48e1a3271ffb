//go:build linux || darwin

package system

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// Errno is the errno of one of the operating system's for the guest.
func Errno(e unix.Errno) uint16 {
	errno, _ := netos.Errno(e)
	return uint16(errno)
}

// numbers is how many parameters of a call can be descriptors, from the first. To grant
// and to revoke what others name by chance does no harm.
const numbers = 2

// revoke makes the sockets that a call is about this package's alone.
func (g *guest) revoke(args []uint64) {
	if g.streams.Of == nil {
		return
	}
	g.account.Received.Add(*g.streams.Received)
	g.account.Sent.Add(*g.streams.Sent)
	*g.streams.Received, *g.streams.Sent = 0, 0
	for _, fd := range args[:min(numbers, len(args))] {
		if s, st := g.granted(uint32(fd)); s != nil {
			st.FD = 0
		}
	}
}

func (g *guest) revokeAll() {
	for i := range min(len(g.table.sockets), len(g.streams.Of)) {
		g.revoke([]uint64{uint64(FirstSocket + i)})
	}
}

// grant gives the engine those of the sockets that a call was about.
func (g *guest) grant(args []uint64) {
	if g.streams.Of == nil || g.draining.level > 0 {
		return
	}
	for _, fd := range args[:min(numbers, len(args))] {
		if s, st := g.granted(uint32(fd)); s != nil && s.isPlain() {
			*st = Stream{FD: int32(s.fd) + 1}
		}
	}
}

// granted is a socket, and what its engine knows of it, or nil.
func (g *guest) granted(fd uint32) (*socket, *Stream) {
	s := g.table.get(fd)
	if s == nil || int(fd-FirstSocket) >= len(g.streams.Of) {
		return nil, nil
	}
	return s, &g.streams.Of[fd-FirstSocket]
}

func (s *socket) isPlain() bool {
	_, kernel := s.backend.(*kernelSocket)
	return kernel && s.network() == "tcp" && !s.blocks() && !s.listener
}
