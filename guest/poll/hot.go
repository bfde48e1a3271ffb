package poll

import (
	"time"

	"github.com/wasisock/wasisock/internal/hotcold"
	"github.com/wasisock/wasisock/sockabi"
)

// bound is how late a cold descriptor may be noticed.
func (p *Poll) bound() time.Duration {
	if p.ColdLatency == 0 {
		return DefaultColdLatency
	}
	return p.ColdLatency
}

// hotSet is the descriptors that were active lately.
type hotSet struct {
	rows
	slots []int32
	stale bool // rows are not those of slots
}

// plan decides how to poll next, and sweeps.
func (p *Poll) plan() hotcold.Plan {
	n, now := len(p.byFD), int64(p.now)
	if p.ColdLatency < 0 || n < hotcold.MinSplit {
		return hotcold.PlanFull
	}
	p.split.Resize(n)
	plan := p.split.Decide(now, n, len(p.hot.slots), false)
	if plan == hotcold.PlanHot || plan == hotcold.PlanCool {
		p.sweep(plan == hotcold.PlanHot)
		// To poll the clock alone would make WasmEdge forget every registration.
		if plan == hotcold.PlanCool || p.fillHot() == 0 {
			plan = p.split.Again(now)
		}
	}
	return plan
}

// sweep goes on as far as it should have come by now. Hot descriptors that were
// silent for two sweeps cool down; cold ones are asked, if ask.
func (p *Poll) sweep(ask bool) {
	for range p.split.Steps(int64(p.now), len(p.slots)) {
		i := int32(p.split.Next(0, len(p.slots)))
		switch s := &p.slots[i]; {
		case s.fd < 0:
		case s.hotAt == 0:
			if ask {
				p.peek(i)
			}
		case p.split.Idle(int64(s.active), int64(p.now)) && p.mayCool(i):
			p.cool(i)
		}
	}
}

// peek queues slot i if there is something to read. An error that is found so is used
// up, so it is told.
func (p *Poll) peek(i int32) {
	s := &p.slots[i]
	switch e := p.sys.peek(s.fd); e {
	case sockabi.EAGAIN, sockabi.EINTR:
		return
	case 0:
	default:
		s.pending.Err = failure("sock_recv", e)
	}
	s.pending.Ready |= Readable
	p.enqueue(i)
	p.heat(i)
}

// mayCool reports whether to peek notices all that slot i waits for, and does no harm:
// it must not block, and must not take the errors of a datagram socket, which goes on
// after them.
func (p *Poll) mayCool(i int32) bool {
	s := &p.slots[i]
	return s.interest == Readable && p.kindOf(i) == kindStream &&
		p.sys.fdstat(s.fd, &p.stat) == 0 && p.stat.Flags&sockabi.FDFLAG_NONBLOCK != 0
}

func (p *Poll) kindOf(i int32) kind {
	s := &p.slots[i]
	if s.kind != kindUnknown {
		return s.kind
	}
	switch socktype, e := p.sys.option(s.fd, sockabi.SO_TYPE); {
	case e != 0:
		s.kind = kindOther
	case socktype == sockabi.SOCK_DGRAM:
		s.kind = kindDatagram
	default:
		s.kind = kindStream
		if listens, e := p.sys.option(s.fd, sockabi.SO_ACCEPTCONN); e != 0 || listens != 0 {
			s.kind = kindListener
		}
	}
	return s.kind
}

func (p *Poll) heat(i int32) {
	s := &p.slots[i]
	s.active = p.now
	if s.hotAt == 0 {
		p.hot.slots = append(p.hot.slots, i)
		p.hot.stale = true
		s.hotAt = int32(len(p.hot.slots))
	}
}

func (p *Poll) cool(i int32) {
	s := &p.slots[i]
	if s.hotAt == 0 {
		return
	}
	end := len(p.hot.slots) - 1
	last := p.hot.slots[end]
	p.hot.slots[s.hotAt-1] = last
	p.slots[last].hotAt = s.hotAt
	p.hot.slots = p.hot.slots[:end]
	p.hot.stale = true
	s.hotAt = 0
}
