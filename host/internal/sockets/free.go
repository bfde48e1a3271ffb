//go:build linux || darwin

package sockets

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/host/internal/readiness"
	"github.com/wasisock/wasisock/sockabi"
)

// A socket that binds to a port which the system chooses may want to dial from there as
// well as to listen. So the policy is not asked whether it may listen there when it
// binds, but when it listens or, of datagrams, receives from whoever sends. Until then
// no poll says that it is readable. To dial makes it a socket of that peer alone.
//
// Whether the host has an address is nothing that a guest without permission may learn.
// Streams that bind to another than loopback are bound once the policy was asked, and if
// that will fail only a guest that may listen there is told at once. For datagrams the
// policy is asked at once.

// bindsFree reports whether binding s to e is not asked of the policy yet.
func (s *Socket) bindsFree(e address.Endpoint) bool {
	return e.Family != sockabi.AF_UNIX && e.Addr.Port() == 0 && (s.Stream() || e.Anywhere())
}

// bindFree binds s to e, now or later.
func (g *Guest) bindFree(s *Socket, e address.Endpoint) error {
	if e.Anywhere() {
		if err := g.bind(s, e); err != nil {
			return err
		}
	} else {
		if at, err := s.local(); err != nil || s.named || at.Addr.Port() != 0 {
			return unix.EINVAL
		}
		if err := tryBind(s.family, e); err != nil && g.allow(host.OpListen, s, e) == 0 {
			return err
		}
		s.named, s.later = true, e
	}
	s.unjudged = true
	return nil
}

// tryBind binds a socket of its own.
func tryBind(family uint8, e address.Endpoint) error {
	fd, err := netos.NewSocket(netos.Domain(family), unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, e.Sockaddr())
}

// bindNow binds a socket whose binding was put off.
func (g *Guest) bindNow(s *Socket) error {
	if s.later.Family == sockabi.AF_UNSPEC {
		return nil
	}
	e := s.later
	s.later = address.Endpoint{}
	return unix.Bind(s.fd, e.Sockaddr())
}

// judge asks the policy whether s may listen where it is bound, or at a free port of all
// addresses.
func (g *Guest) judge(s *Socket) sockabi.Errno {
	e, err := s.local()
	if err != nil {
		return g.wire(err)
	}
	e.Addr = netip.AddrPortFrom(e.Addr.Addr(), 0)
	if errno := g.allow(host.OpListen, s, e); errno != 0 {
		return errno
	}
	if err := g.bindNow(s); err != nil {
		return g.wire(err)
	}
	s.unjudged = false
	if !s.Stream() {
		g.listens(s)
	}
	g.polls.Rearm(&s.watched, readiness.Reading)
	return 0
}

// judged is for receiving: an error if s is refused what it was not asked yet.
func (g *Guest) judged(s *Socket) error {
	if !s.unjudged || s.Stream() {
		return nil
	}
	if g.judge(s) != 0 {
		return unix.EACCES
	}
	return nil
}

// dialledFrom is for a datagram socket that was bound and is now connected, which the
// policy has allowed. What others have sent it before is none of its business.
func (g *Guest) dialledFrom(s *Socket) {
	if !s.unjudged || s.Stream() {
		return
	}
	var b [1]byte
	for !g.Interrupted() {
		if _, _, err := unix.Recvfrom(s.fd, b[:], 0); err == unix.EAGAIN {
			break
		}
	}
	s.unjudged = false
}
