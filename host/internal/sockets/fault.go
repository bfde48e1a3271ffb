//go:build linux || darwin

package sockets

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/host/internal/readiness"
)

// Faults are injected below the rows: there, arguments are valid, the policy has allowed the
// call, and errors become errnos as all others do. recv and send call fault first, and the
// resolver is wrapped.

// A faulty records the faults of a socket so far.
type faulty struct {
	dice  [2]*account.Dice // by direction; nil until it is needed
	reset bool
}

// errEnd is the result of receiving after a reset.
var errEnd = errors.New("the connection was reset before")

// fault injects a fault before s receives into bufs or sends them. It returns an error, or bufs,
// perhaps shortened. A call that has nothing to receive or no room to send throws no dice, so that
// faults do not depend on how often a guest calls.
func (g *Guest) fault(s *Socket, direction int, bufs [][]byte, whole bool) ([][]byte, error) {
	if !g.Account.Injects || s.listener {
		return bufs, nil
	}
	f := &g.Account.Faults
	if s.faulty.reset {
		if direction == readiness.Reading {
			return nil, errEnd
		}
		return nil, unix.EPIPE
	}
	if err := g.something(s, direction); err != nil {
		return nil, err
	}
	d := s.faulty.dice[direction]
	if d == nil {
		d = account.NewDice(f.Seed, s.nth<<1|uint64(direction))
		s.faulty.dice[direction] = d
	}
	// All dice are thrown every time, so that the probability of one fault changes no other.
	late, dns, reset, again := d.Roll(f.Delay), d.Roll(f.DNS), d.Roll(f.Reset), d.Roll(f.Again)
	short := d.Roll([...]float64{readiness.Reading: f.ShortRead, readiness.Writing: f.ShortWrite}[direction])
	part := d.Uint64()

	if late {
		if err := g.late(); err != nil {
			return nil, err
		}
	}
	spared := d.Spared
	d.Spared = false
	size := sizeOf(bufs)
	if direction == readiness.Reading {
		size = min(size, available(s))
	}
	switch {
	case dns && direction == readiness.Writing && asksAbroad(s):
		g.Account.Rec.Faulted("dns")
		return nil, unix.ECONNREFUSED
	case reset && s.Stream() && isConnected(s):
		g.Account.Rec.Faulted("reset")
		s.faulty.reset = true
		netos.BreakOff(s.fd)
		return nil, unix.ECONNRESET
	case again && !spared && !s.blocks():
		g.Account.Rec.Faulted("eagain")
		d.Spared = true
		return nil, unix.EAGAIN
	case short && s.Stream() && !whole && size > 1:
		g.Account.Rec.Faulted("short")
		bufs = account.First(bufs, int(1+part%(size-1)))
	}
	return bufs, nil
}

// late waits for the time of a delay.
func (g *Guest) late() error {
	g.Account.Rec.Faulted(g.Account.Faults.DelayTime.String() + " late")
	if err := g.await(-1, 0, netos.After(netos.Clock(), int64(g.Account.Faults.DelayTime))); err != unix.EAGAIN {
		return err
	}
	return nil
}

// something waits until there is something to receive or room to send, as a call would.
func (g *Guest) something(s *Socket, direction int) error {
	events, timeout := int16(unix.POLLIN), s.rcvtimeo
	if direction == readiness.Writing {
		events, timeout = unix.POLLOUT, s.sndtimeo
	}
	if !s.blocks() {
		timeout = -1
	}
	return g.await(s.fd, events, netos.DeadlineOf(timeout))
}

// available returns the number of bytes that can be received.
func available(s *Socket) uint64 {
	n, err := unix.IoctlGetInt(s.fd, netos.Available)
	if err != nil {
		return 0
	}
	return uint64(n)
}

func isConnected(s *Socket) bool {
	_, err := unix.Getpeername(s.fd)
	return err == nil
}

// asksAbroad reports whether s sends questions to a nameserver other than the host's own, which
// uses the resolver and so has the resolver's faults.
func asksAbroad(s *Socket) bool {
	e, err := s.backend.peer()
	_, own := s.backend.(*dnsSocket)
	return err == nil && !s.Stream() && !own && e.Addr.Port() == 53
}

func sizeOf(bufs [][]byte) (size uint64) {
	for _, b := range bufs {
		size += uint64(len(b))
	}
	return size
}
