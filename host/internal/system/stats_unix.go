//go:build linux || darwin

package system

import (
	"cmp"
	"net"
	"slices"
	"sync"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/sockabi"
)

func (g *guest) stats() host.Stats {
	stats := g.account.Stats()
	stats.Sockets = int(g.table.open.Load())
	return stats
}

func (g *guest) limited(field string) { g.account.Limited(field) }

// listening is where the guest can be reached.
type listening struct {
	mu    sync.Mutex
	addrs map[*socket]net.Addr
}

// listens tells that s has come to listen, or to receive datagrams.
func (g *guest) listens(s *socket) {
	e, err := localEndpoint(s)
	if err != nil {
		return
	}
	addr := s.netAddr(e)
	if l := s.hostListener(); l != nil {
		addr = l.addr
	}
	g.listening.mu.Lock()
	if g.listening.addrs == nil {
		g.listening.addrs = map[*socket]net.Addr{}
	}
	g.listening.addrs[s] = addr
	g.listening.mu.Unlock()
	if g.onListen != nil {
		g.onListen(addr)
	}
}

func (l *listening) remove(s *socket) {
	if s.listener || !s.stream() {
		l.mu.Lock()
		delete(l.addrs, s)
		l.mu.Unlock()
	}
}

func (g *guest) addrs() []net.Addr {
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

// netAddr is e as the end of s.
func (s *socket) netAddr(e address.Endpoint) net.Addr {
	switch {
	case s.family == sockabi.AF_UNIX:
		return &net.UnixAddr{Net: s.network(), Name: e.Path}
	case s.stream():
		return net.TCPAddrFromAddrPort(e.Addr)
	}
	return net.UDPAddrFromAddrPort(e.Addr)
}
