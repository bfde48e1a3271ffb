//go:build linux || darwin

package sockets

import (
	"cmp"
	"net"
	"slices"
	"sync"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/sockabi"
)

// Stats returns the counts of the sockets' traffic. The engine adds times and memory.
func (g *Guest) Stats() host.Stats {
	stats := g.Account.Stats()
	stats.Sockets = int(g.table.open.Load())
	return stats
}

// Limited counts a refusal at a field of host.Limits that the engine enforces, and reports it to
// OnLimit.
func (g *Guest) Limited(field string) { g.Account.Limited(field) }

// listening holds the addresses at which the guest can be reached.
type listening struct {
	mu    sync.Mutex
	addrs map[*Socket]net.Addr
}

// listens records, and reports to OnListen, that s now listens or receives datagrams.
func (g *Guest) listens(s *Socket) {
	e, err := s.local()
	if err != nil {
		return
	}
	addr := s.netAddr(e)
	if l := s.hostListener(); l != nil {
		addr = l.addr
	}
	g.listening.mu.Lock()
	if g.listening.addrs == nil {
		g.listening.addrs = map[*Socket]net.Addr{}
	}
	g.listening.addrs[s] = addr
	g.listening.mu.Unlock()
	if g.onListen != nil {
		g.onListen(addr)
	}
}

func (l *listening) remove(s *Socket) {
	if s.listener || !s.Stream() {
		l.mu.Lock()
		delete(l.addrs, s)
		l.mu.Unlock()
	}
}

// Addrs returns the addresses that OnListen has got of sockets that are still open.
func (g *Guest) Addrs() []net.Addr {
	g.listening.mu.Lock()
	defer g.listening.mu.Unlock()
	var addrs []net.Addr
	for _, a := range g.listening.addrs {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, func(a, b net.Addr) int {
		return cmp.Or(cmp.Compare(a.Network(), b.Network()), cmp.Compare(a.String(), b.String()))
	})
	return addrs
}

// netAddr returns e as a net.Addr of the kind of s.
func (s *Socket) netAddr(e address.Endpoint) net.Addr {
	switch {
	case s.family == sockabi.AF_UNIX:
		return &net.UnixAddr{Net: s.network(), Name: e.Path}
	case s.Stream():
		return net.TCPAddrFromAddrPort(e.Addr)
	}
	return net.UDPAddrFromAddrPort(e.Addr)
}
