//go:build linux || darwin

package system

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// What a guest asks of a socket, with addresses and buffers of the host's: here the policy is
// asked, and the backend chosen.

// bindTo gives s the address e, or the host's listener there.
func (g *guest) bindTo(s *socket, e address.Endpoint) sockabi.Errno {
	if err := s.suits(e, true); err != nil {
		return g.wire(err)
	}
	if l := g.hostListenerAt(s, e); l != nil {
		return g.wire(g.take(s, l))
	}
	if s.bindsFree(e) {
		return g.wire(g.bindFree(s, e))
	}
	if e.Place != nil {
		e.Place.NoFollow = true
	}
	if errno := g.allow(host.OpListen, s, e); errno != 0 {
		return errno
	}
	return g.wire(g.bind(s, e))
}

// listenOn makes s accept connections, at a free port if it has none.
func (g *guest) listenOn(s *socket, backlog int) sockabi.Errno {
	if s.stream() && (s.unjudged || !s.named && s.family != sockabi.AF_UNIX) {
		if errno := g.judge(s); errno != 0 {
			return errno
		}
	}
	return g.wire(g.listen(s, backlog))
}

// connectTo connects s to e, or to the nameserver if that is there.
func (g *guest) connectTo(s *socket, e address.Endpoint) sockabi.Errno {
	if err := s.suits(e, false); err != nil {
		return g.wire(err)
	}
	if g.isNameserver(s, e) {
		return g.wire(g.attach(s))
	}
	e = e.Reachable()
	s.routed = address.Endpoint{}
	if errno := g.allow(host.OpDial, s, e); errno != 0 {
		return errno
	}
	err := g.connect(s, e)
	if err == nil && s.network() == "udp" && e.Addr.Port() == discard {
		s.routed = e
	}
	return g.wire(err)
}

// sendTo sends bufs to an address, or to the peer if that is none. A TCP socket sends to its
// peer, whatever the address.
func (g *guest) sendTo(s *socket, bufs [][]byte, to address.Endpoint) (n int, errno sockabi.Errno) {
	if to.Family != sockabi.AF_UNSPEC && s.network() == "tcp" {
		to = address.Endpoint{}
	}
	if to.Family != sockabi.AF_UNSPEC {
		if err := s.suits(to, false); err != nil {
			return 0, g.wire(err)
		}
		if g.isNameserver(s, to) {
			if err := g.attach(s); err != nil && err != unix.EISCONN {
				return 0, g.wire(err)
			}
			to = address.Endpoint{}
		} else if to, errno = g.permitted(s, to); errno != 0 {
			return 0, errno
		}
	}
	if errno := g.beyondRoute(s, to); errno != 0 {
		return 0, errno
	}
	n, err := g.send(s, bufs, to)
	return n, g.wire(err)
}

// beyondRoute asks the policy about the first datagram of a socket that was connected for
// the route, if it goes there.
func (g *guest) beyondRoute(s *socket, to address.Endpoint) sockabi.Errno {
	if !s.routed.Addr.IsValid() || to.Family != sockabi.AF_UNSPEC {
		return 0
	}
	if errno := g.allow(host.OpDial, s, s.routed); errno != 0 {
		return errno
	}
	s.routed = address.Endpoint{}
	return 0
}

// permitted is to as it is reached, if s may send there.
func (g *guest) permitted(s *socket, to address.Endpoint) (address.Endpoint, sockabi.Errno) {
	if _, dns := s.backend.(*dnsSocket); dns {
		return to, g.wire(unix.EISCONN)
	}
	to = to.Reachable()
	return to, g.allow(host.OpSend, s, to)
}

// allow is the one place that asks the policy about an address: s is about to
// use it. The address is the guest's no more, but the one that will be used.
func (g *guest) allow(op host.Op, s *socket, e address.Endpoint) sockabi.Errno {
	r := host.Request{
		Op:      op,
		Network: s.network(),
		Addr:    netip.AddrPortFrom(e.Addr.Addr().Unmap(), e.Addr.Port()),
		Path:    e.Path,
	}
	if e.Place != nil {
		r.Resolve = e.Place.RealPath
	}
	if op != host.OpListen {
		r.Names = g.names.Known(r.Addr.Addr())
	}
	r.Route = op == host.OpDial && s.network() == "udp" && e.Addr.Port() == discard && !s.routed.Addr.IsValid()
	errno := g.account.Ask(r)
	if errno != 0 && op != host.OpListen {
		g.names.Renew(r.Addr.Addr())
	}
	return errno
}

// discard is the port of UDP (RFC 863) to which resolvers connect for the route alone.
const discard = 9

// wire is the errno of err for the guest. The text of an error that the
// extension has no number for goes to the trace.
func (g *guest) wire(err error) sockabi.Errno {
	if err == nil {
		return sockabi.ESUCCESS
	}
	errno, known := netos.Errno(err)
	if !known {
		g.account.Rec.Failed(err)
	}
	return errno
}
