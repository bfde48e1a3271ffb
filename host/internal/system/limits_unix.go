//go:build linux || darwin

package system

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/netos"
)

// limits is what the guest may use, and what it has used of what comes back with time.
type limits struct {
	host.Limits
	in, out bucket

	lookupsMu sync.Mutex // the nameserver's goroutines look up too
	lookups   bucket
}

func (l *limits) set(to host.Limits) {
	l.Limits = to
	if l.Sockets == 0 {
		l.Sockets = host.DefaultMaxSockets
	}
	l.in.rate, l.out.rate, l.lookups.rate = to.ReadRate, to.WriteRate, to.LookupRate
	l.in.name, l.out.name = "ReadRate", "WriteRate"
}

// room returns EMFILE if the guest may have no more sockets.
func (g *guest) room() error {
	if g.table.open.Load() < int64(g.limits.Sockets) {
		return nil
	}
	g.limited("Sockets")
	return unix.EMFILE
}

// roomToAccept returns an error if l may accept no more connections: EAGAIN, as if its
// queue was empty, which no poll says otherwise until one closes. A guest that waits in
// accept could close none meanwhile, so that is EMFILE.
func (g *guest) roomToAccept(l *socket) error {
	if l.full {
		if g.heed(); g.failing(l) {
			return nil
		}
		g.limited("Connections")
		if l.blocks() {
			return unix.EMFILE
		}
		return unix.EAGAIN
	}
	return g.room()
}

// connected changes by n how many connections of l are open.
func (g *guest) connected(l *socket, n int) {
	l.connections += n
	full := g.limits.Connections > 0 && l.connections >= g.limits.Connections
	if l.full == full {
		return
	}
	l.full = full
	if i := l.interest[reading]; i >= 0 && !full {
		g.arm(int(i))
	}
}

// roomToListen is an error when no more sockets may listen than do.
func (g *guest) roomToListen(s *socket) error {
	if s.listener || g.limits.Listeners == 0 || g.listeners < g.limits.Listeners {
		return nil
	}
	g.limited("Listeners")
	return unix.ENOBUFS
}

// learn remembers what the guest is told that a name means.
func (g *guest) learn(a netip.Addr, name, asked string) {
	if !g.names.add(a, name, asked) {
		g.limited("")
	}
}

// mayLookUp is whether there may be one more look-up now.
func (g *guest) mayLookUp() bool {
	g.limits.lookupsMu.Lock()
	defer g.limits.lookupsMu.Unlock()
	if g.limits.lookups.spend(1, true) > 0 {
		g.limited("LookupRate")
		return false
	}
	return true
}

// A bucket holds what may be used at once, at most that of a second, and fills at rate.
// It can be overdrawn by one use.
type bucket struct {
	name string // of host.Limits
	rate uint64 // per second; 0 does not limit
	used float64
	at   int64 // when used was true
}

// spend takes n, and is how long it takes until the bucket is no longer overdrawn. whole
// takes nothing then.
func (b *bucket) spend(n int, whole bool) time.Duration {
	if b.rate == 0 {
		return 0
	}
	now := netos.Clock()
	rate := float64(b.rate)
	b.used = max(0, b.used-rate*time.Duration(now-b.at).Seconds())
	b.at = now
	over := b.used + float64(n) - rate
	if over <= 0 || !whole {
		b.used += float64(n)
	}
	return time.Duration(max(0, over/rate) * float64(time.Second))
}

// part is bufs, of a stream no more than is used in a tenth of a second: the pauses of a
// guest are short, so that its timers and other sockets have their turn.
func (b *bucket) part(s *socket, bufs [][]byte) [][]byte {
	if b.rate == 0 || !s.stream() {
		return bufs
	}
	return first(bufs, max(1, int(min(b.rate/10, 1<<30))))
}

// first is the first n bytes of bufs, in a slice of its own.
func first(bufs [][]byte, n int) [][]byte {
	var part [][]byte
	for _, b := range bufs {
		if n == 0 {
			break
		}
		b = b[:min(n, len(b))]
		part = append(part, b)
		n -= len(b)
	}
	return part
}

// datagramCost is what a datagram costs besides its bytes: the headers of IPv4 and UDP.
// Without it empty ones would cost nothing.
const datagramCost = 28

// pause spends n bytes of s, and holds the guest while it is overdrawn, or until Interrupt.
func (g *guest) pause(b *bucket, s *socket, n int) {
	if !s.stream() {
		n += datagramCost
	}
	d := b.spend(n, false)
	if d <= 0 {
		return
	}
	g.limited(b.name)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.background.ended.Done():
	}
}
