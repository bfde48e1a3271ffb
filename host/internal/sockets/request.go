//go:build linux || darwin

package sockets

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// The requests of a guest, with addresses and buffers in Go types: here the policy is asked, and
// the backend chosen. Errnos that package sockabi does not explain are those of the operating
// system's function of that name.

// Open opens a blocking socket, of sockabi's family and kind.
func (g *Guest) Open(family, kind uint8) (*Socket, sockabi.Errno) {
	s, err := g.newSocket(family, kind)
	return s, g.wire(err)
}

// At returns the UNIX address of an absolute path of the guest. The caller must release it.
func (g *Guest) At(path string) address.Endpoint { return g.paths.At(path) }

// Local and Peer return the addresses of the two ends of s, as the guest sees them. A socket
// that is not connected has ENOTCONN for a peer.
func (g *Guest) Local(s *Socket) (address.Endpoint, sockabi.Errno) { return g.end(s.local()) }
func (g *Guest) Peer(s *Socket) (address.Endpoint, sockabi.Errno)  { return g.end(s.backend.peer()) }

func (g *Guest) end(e address.Endpoint, err error) (address.Endpoint, sockabi.Errno) {
	if err == nil && e.Family == sockabi.AF_UNSPEC {
		err = unix.ENOTCONN
	}
	if err != nil {
		return address.Endpoint{}, g.wire(err)
	}
	return g.paths.InGuest(e), 0
}

// Bind binds s to the address e, or to the host's listener there.
func (g *Guest) Bind(s *Socket, e address.Endpoint) sockabi.Errno {
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

// Listen makes s accept connections, at a free port if it has none.
func (g *Guest) Listen(s *Socket, backlog int) sockabi.Errno {
	if s.Stream() && (s.unjudged || !s.named && s.family != sockabi.AF_UNIX) {
		if errno := g.judge(s); errno != 0 {
			return errno
		}
	}
	return g.wire(g.listen(s, backlog))
}

// Accept takes a connection off the queue of l. flags are those of the new socket.
func (g *Guest) Accept(l *Socket, flags uint16) (*Socket, sockabi.Errno) {
	s, err := g.accept(l, flags)
	return s, g.wire(err)
}

// Connect connects s to e, or to the host's own nameserver if e is its address.
func (g *Guest) Connect(s *Socket, e address.Endpoint) sockabi.Errno {
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

// Send sends bufs to the address to, or to the peer if that is the zero endpoint. A TCP socket
// always sends to its peer. n is the number of bytes sent.
func (g *Guest) Send(s *Socket, bufs [][]byte, to address.Endpoint) (n int, errno sockabi.Errno) {
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

// Receive reads n bytes into bufs. With all and without peek, it waits on a blocking stream until
// bufs are full or the stream ends. cut reports that a datagram was longer than bufs. from is the
// sender, if that is known.
func (g *Guest) Receive(s *Socket, bufs [][]byte, peek, all bool) (n int, cut bool, from address.Endpoint, errno sockabi.Errno) {
	n, cut, from, err := g.recv(s, bufs, peek, all)
	if err != nil {
		return 0, false, address.Endpoint{}, g.wire(err)
	}
	return n, cut, g.paths.InGuest(from), 0
}

// Shutdown shuts down one direction or both, sockabi.SHUT_*; 0 means SHUT_RD. A listener of the
// host is shut down for this guest only.
func (g *Guest) Shutdown(s *Socket, how uint8) sockabi.Errno {
	retires, err := s.backend.shutdown(how)
	if retires {
		g.retire(s)
		s.shut = true
	}
	return g.wire(err)
}

// beyondRoute asks the policy about the peer of a socket that was connected for the route only,
// before the first datagram that the socket sends to it.
func (g *Guest) beyondRoute(s *Socket, to address.Endpoint) sockabi.Errno {
	if !s.routed.Addr.IsValid() || to.Family != sockabi.AF_UNSPEC {
		return 0
	}
	if errno := g.allow(host.OpDial, s, s.routed); errno != 0 {
		return errno
	}
	s.routed = address.Endpoint{}
	return 0
}

// permitted returns the address to as a destination, or EACCES if s may not send there.
func (g *Guest) permitted(s *Socket, to address.Endpoint) (address.Endpoint, sockabi.Errno) {
	if _, dns := s.backend.(*dnsSocket); dns {
		return to, g.wire(unix.EISCONN)
	}
	to = to.Reachable()
	return to, g.allow(host.OpSend, s, to)
}

// allow asks the policy whether s may use an address; nothing else asks about addresses. e must be
// the address that will be used, not a part of guest memory.
func (g *Guest) allow(op host.Op, s *Socket, e address.Endpoint) sockabi.Errno {
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
		r.Names = g.Names.Known(r.Addr.Addr())
	}
	r.Route = op == host.OpDial && s.network() == "udp" && e.Addr.Port() == discard && !s.routed.Addr.IsValid()
	errno := g.Account.Ask(r)
	if errno != 0 && op != host.OpListen {
		g.Names.Renew(r.Addr.Addr())
	}
	return errno
}

// discard is the UDP port (RFC 863) to which resolvers connect only to learn the route.
const discard = 9

// wire returns the guest's errno for err. If the extension has no number for err, the text goes to
// the trace.
func (g *Guest) wire(err error) sockabi.Errno {
	if err == nil {
		return sockabi.ESUCCESS
	}
	errno, known := netos.Errno(err)
	if !known {
		g.Account.Rec.Failed(err)
	}
	return errno
}
