package poll

import (
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// Where a poll of every descriptor is dear, the host is asked about the hot ones
// alone, those active lately, and the cold ones are swept: each is asked once per
// sweep whether there is anything to read, by receiving without taking (RI_PEEK).
// That is cheaper than to begin and cease watching it, is spread over the whole sweep,
// and leaves the set of watched descriptors as it is. After a silence the next poll
// waits for every descriptor, and takes no processor time.

const (
	// minSplit is how many registrations are never worth splitting.
	minSplit = 64

	// dear is the cost of a full poll from which on splitting pays. A host that
	// keeps its interest set stays below it at 9,500 descriptors; WasmEdge reaches it
	// at about 150.
	dear = 150 * time.Microsecond

	// samples is of how many measurements the least counts, because the machine may
	// have done something else during the others.
	samples = 3

	// measureEvery is how old a measurement becomes.
	measureEvery = 10 * time.Second

	// minBurst is how many polls in a row must have brought something: for fewer,
	// changing what the host watches costs more than it saves.
	minBurst = 3

	// maxBurst is enough for a burst to go on after one silence, as a stall of the
	// client or of the machine is, but not after two.
	maxBurst = 4 * minBurst
)

// bound is how late a cold descriptor may be noticed. The hot descriptors alone are
// waited for no longer than quiet, and a sweep takes the rest of it.
func (p *Poll) bound() time.Duration {
	if p.ColdLatency == 0 {
		return DefaultColdLatency
	}
	return p.ColdLatency
}

func (p *Poll) quiet() time.Duration { return p.bound() / 20 }

// hotSet is the descriptors that were active lately, and how far the sweep of the
// others has come.
type hotSet struct {
	rows
	slots []int32
	stale bool // rows are not those of slots

	next  int           // slot that the sweep comes to next
	swept time.Duration // when it came there
}

// fullPolls is what polls of everything cost.
type fullPolls struct {
	cost     time.Duration // the least that was measured
	measured int           // times
	size     int           // registrations at the first time
	at       time.Duration // the last time
}

// took notes how long a full poll took: what it cost, if it did not wait, and more
// than that otherwise.
func (f *fullPolls) took(d time.Duration, probe bool) {
	if f.measured == 0 || d < f.cost {
		f.cost = d
	}
	if probe {
		f.measured++
	}
}

// rate tells bursts of events from single ones.
type rate struct {
	burst int           // polls that brought something, without a silence between them
	last  time.Duration // the latest of them
}

// silent tells whether the last event is longer ago than a sweep of cold descriptors is
// worth: about twice the bound on latency.
func (r *rate) silent(now, bound time.Duration) bool { return now-r.last > 2*bound }

func (r *rate) ready(now, bound time.Duration) {
	if r.silent(now, bound) {
		r.burst /= 4
	}
	r.burst = min(r.burst+1, maxBurst)
	r.last = now
}

type plan int

const (
	planFull  plan = iota // wait for every descriptor
	planHot               // wait for the hot ones, for a while
	planProbe             // ask about every descriptor without waiting, to measure that
)

// plan decides how to poll next.
func (p *Poll) plan() plan {
	f := &p.full
	n := len(p.byFD)
	if p.ColdLatency < 0 || n < minSplit {
		return planFull
	}
	if n >= 2*f.size || 2*n <= f.size {
		f.size, f.measured = n, 0
	}
	if f.measured < samples {
		f.at = p.now
		return planProbe
	}
	if f.cost < dear {
		return p.planAgain()
	}
	hot := p.rate.burst >= minBurst && !p.rate.silent(p.now, p.bound()) && 2*len(p.hot.slots) <= n
	p.sweep(hot)
	if hot {
		// To poll the clock alone would make WasmEdge forget every registration.
		if p.fillHot(); len(p.hot.subs) > 0 {
			return planHot
		}
	}
	return p.planAgain()
}

// planAgain is a full poll, and a measurement first if the last is old: the host may
// have become dearer, or cheaper, since.
func (p *Poll) planAgain() plan {
	if f := &p.full; p.now-f.at > measureEvery {
		f.measured, f.at = 0, p.now
		return planProbe
	}
	return planFull
}

// sweep goes on as far as it should have come by now. Hot descriptors that were
// silent for two sweeps cool down; cold ones are asked, if ask.
func (p *Poll) sweep(ask bool) {
	h := &p.hot
	all, whole := int64(len(p.slots)), p.bound()-p.quiet()
	steps := int64(min(p.now-h.swept, whole)) * all / int64(whole)
	if steps < all {
		h.swept += time.Duration(steps * int64(whole) / all)
	} else {
		steps, h.swept = all, p.now
	}
	for range steps {
		if h.next++; h.next >= len(p.slots) {
			h.next = 0
		}
		i := int32(h.next)
		switch s := &p.slots[i]; {
		case s.fd < 0:
		case s.hotAt == 0:
			if ask {
				p.peek(i)
			}
		case s.active < p.now-2*whole && p.mayCool(i):
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

// mayCool tells whether to peek notices all that slot i waits for, and does no harm:
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
