//go:build linux || darwin

package sockets

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// Errno returns the guest's errno for one of the operating system.
func Errno(e unix.Errno) uint16 {
	errno, _ := netos.Errno(e)
	return uint16(errno)
}

// Revoke takes the sockets with these numbers back from the engine. Call it before a call that
// uses them.
func (g *Guest) Revoke(fds []uint64) {
	if g.streams.Of == nil {
		return
	}
	g.Account.Received.Add(*g.streams.Received)
	g.Account.Sent.Add(*g.streams.Sent)
	*g.streams.Received, *g.streams.Sent = 0, 0
	for _, fd := range fds {
		if s, st := g.granted(uint32(fd)); s != nil {
			st.FD = 0
		}
	}
}

func (g *Guest) revokeAll() {
	for i := range min(len(g.table.sockets), len(g.streams.Of)) {
		g.Revoke([]uint64{uint64(FirstSocket + i)})
	}
}

// Grant gives the engine the sockets with these numbers on which it may receive and send by
// itself. Call it after a call that used them.
func (g *Guest) Grant(fds []uint64) {
	if g.streams.Of == nil || g.draining.level > 0 {
		return
	}
	for _, fd := range fds {
		if s, st := g.granted(uint32(fd)); s != nil && s.isPlain() {
			*st = Stream{FD: int32(s.fd) + 1}
		}
	}
}

// granted returns a socket and its Stream, or nil.
func (g *Guest) granted(fd uint32) (*Socket, *Stream) {
	s := g.table.get(fd)
	if s == nil || int(fd-FirstSocket) >= len(g.streams.Of) {
		return nil, nil
	}
	return s, &g.streams.Of[fd-FirstSocket]
}

func (s *Socket) isPlain() bool {
	_, kernel := s.backend.(*kernelSocket)
	return kernel && s.network() == "tcp" && !s.blocks() && !s.listener
}
