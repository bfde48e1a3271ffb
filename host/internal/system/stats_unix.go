//go:build linux || darwin

package system

import (
	"cmp"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// counters are read while the guest runs.
type counters struct {
	received, sent, accepted, dialled, refused, limited, wakeups atomic.Uint64
}

func (g *guest) stats() host.Stats {
	return host.Stats{
		Received: g.count.received.Load(),
		Sent:     g.count.sent.Load(),
		Sockets:  int(g.table.open.Load()),
		Accepted: g.count.accepted.Load(),
		Dialled:  g.count.dialled.Load(),
		Refused:  g.count.refused.Load(),
		Limited:  g.count.limited.Load(),
		Wakeups:  g.count.wakeups.Load(),
	}
}

// limited counts a use that a limit has refused or delayed, and reports the first of
// each field of host.Limits. "" is a limit that has none.
func (g *guest) limited(name string) {
	g.count.limited.Add(1)
	if name == "" || g.onLimit == nil {
		return
	}
	if _, again := g.met.LoadOrStore(name, true); !again {
		g.onLimit(name)
	}
}

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
	addr := e.netAddr(s)
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
func (e endpoint) netAddr(s *socket) net.Addr {
	switch {
	case s.family == sockabi.AF_UNIX:
		return &net.UnixAddr{Net: s.network(), Name: e.path}
	case s.stream():
		return net.TCPAddrFromAddrPort(e.addr)
	}
	return net.UDPAddrFromAddrPort(e.addr)
}
