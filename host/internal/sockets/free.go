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

// A socket that binds to a port which the system chooses may dial from it or listen at it. So the
// policy is not asked at the bind whether the guest may listen there, but when the socket listens
// or, for datagrams, when it receives from anybody. Until then, polls do not report it as
// readable. A datagram socket that dials receives from its peer only.
//
// A guest must not learn whether the host has an address at which it may not listen. A stream
// that binds to an address other than loopback is bound after the policy was asked. If that bind
// would fail, only a guest that may listen there gets the error at once. For datagrams, the
// policy is asked at once.

// bindsFree reports whether s binds to e without asking the policy yet.
func (s *Socket) bindsFree(e address.Endpoint) bool {
	return e.Family != sockabi.AF_UNIX && e.Addr.Port() == 0 && (s.Stream() || e.Anywhere())
}

// bindFree binds s to e, now or after the policy was asked.
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

// tryBind returns the error of binding another socket to e.
func tryBind(family uint8, e address.Endpoint) error {
	fd, err := netos.NewSocket(netos.Domain(family), unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, e.Sockaddr())
}

// bindNow binds a socket whose bind was postponed.
func (g *Guest) bindNow(s *Socket) error {
	if s.later.Family == sockabi.AF_UNSPEC {
		return nil
	}
	e := s.later
	s.later = address.Endpoint{}
	return unix.Bind(s.fd, e.Sockaddr())
}

// judge asks the policy whether s may listen where it is bound or, if it is not, at a free port
// of all addresses.
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

// judged is called before receiving. It asks the policy if that was postponed, and returns an
// error for a refusal.
func (g *Guest) judged(s *Socket) error {
	if !s.unjudged || s.Stream() {
		return nil
	}
	if g.judge(s) != 0 {
		return unix.EACCES
	}
	return nil
}

// dialledFrom is called when a bound datagram socket was connected, which the policy has allowed.
// It drops the datagrams that others have sent before.
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
