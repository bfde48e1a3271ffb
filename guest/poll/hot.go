package poll

import (
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// Where a poll of every descriptor is dear, the host is asked about the hot ones
// alone, those active lately, and the cold ones are swept: each is asked once per
// sweep whether there is anything to read, by receiving without taking (RI_PEEK).
// That is cheaper than to begin and cease watching it, it is spread over the whole
// sweep, and the set of watched descriptors stays as it is. When the hot ones stay
// silent, the next poll waits for every descriptor, and takes no processor time.

const (
	// minSplit is how many registrations are never worth watching apart.
	minSplit = 64

	// dear is the cost of a full poll from which on splitting pays. A host that
	// keeps its interest set stays below it at 9,500 descriptors, and one that does
	// not exceeds it at about 150.
	dear = 150 * time.Microsecond

	// samples is of how many full polls the cheapest counts, because the machine may
	// have done something else during the others.
	samples = 3

	// probeEvery is how many cheap polls go by before the cost is measured again.
	probeEvery = 256

	// patience is how many times in a row the hot descriptors may stay silent before
	// everything is waited for: a busy machine stalls clients for longer than that.
	patience = 20

	// busy is how many polls in quick succession make a burst: for less, changing
	// what the host watches costs more than it saves.
	busy = 3
)

// costs is what decides whether to watch the hot descriptors alone.
type costs struct {
	hot   []int32 // slots
	stale bool    // the hot rows are not those of hot

	measured [samples]time.Duration // of the latest full polls, by turns
	taken    int                    // measurements since the number of registrations changed much
	size     int                    // registrations then
	wait     int                    // polls until the next measurement

	next     int           // slot that the sweep comes to next
	swept    time.Duration // when it came there
	lastPoll time.Duration
	burst    int // polls without a pause
	silent   int // polls of the hot descriptors that ended with nothing, in a row
	spins    int // polls that ended early with nothing, in a row
}

// full is the cost of a full poll.
func (c *costs) full() time.Duration {
	least := c.measured[0]
	for _, d := range c.measured[1:] {
		least = min(least, d)
	}
	return least
}

// split is how the bound on latency is shared out: a sweep takes the first part, and
// the hot descriptors alone are waited for no longer than the second.
func (p *Poll) split() (sweep, quiet time.Duration) {
	bound := p.ColdLatency
	if bound == 0 {
		bound = DefaultColdLatency
	}
	quiet = bound / 10
	return bound - quiet, quiet
}

type plan int

const (
	planFull  plan = iota // wait for every descriptor
	planHot               // wait for the hot ones, for a while
	planProbe             // ask about every descriptor, without waiting, and measure that
)

// plan decides how to poll next.
func (p *Poll) plan() plan {
	c := &p.cost
	n := len(p.byFD)
	if p.ColdLatency < 0 || n < minSplit {
		return planFull
	}
	if n >= 2*c.size || 4*n < c.size {
		c.size, c.taken = n, 0
	}
	if c.taken < samples {
		return planProbe
	}
	if c.full() < dear {
		if c.wait--; c.wait <= 0 {
			return planProbe
		}
		return planFull
	}
	_, quiet := p.split()
	c.burst++
	if p.now-c.lastPoll > patience*quiet {
		c.burst = 0
	}
	c.lastPoll = p.now
	asks := c.burst >= busy && 2*len(c.hot) <= n
	if p.sweep(asks); !asks {
		return planFull
	}
	if p.fillHot(); len(p.hot.subs) == 1 {
		return planFull // to poll the clock alone would make WasmEdge forget the rest
	}
	return planHot
}

// measure notes what a full poll without waiting cost.
func (p *Poll) measure(d time.Duration) {
	c := &p.cost
	c.measured[c.taken%samples] = d
	c.taken++
	c.wait = probeEvery
}

// sweep goes on as far as it should have come by now. Hot descriptors that were
// silent for two sweeps cool down; cold ones are asked, if asks.
func (p *Poll) sweep(asks bool) {
	c := &p.cost
	whole, _ := p.split()
	steps := int64(p.now-c.swept) * int64(len(p.slots)) / int64(whole)
	if steps == 0 {
		return
	}
	c.swept = p.now
	for range min(steps, int64(len(p.slots))) {
		if c.next++; c.next >= len(p.slots) {
			c.next = 0
		}
		i := int32(c.next)
		switch s := &p.slots[i]; {
		case s.fd < 0:
		case s.hotAt == 0:
			if asks {
				p.ask(i)
			}
		case s.active < p.now-2*whole && p.mayCool(i):
			p.cool(i)
		}
	}
}

// ask queues slot i if there is something to read. An error that is found so is used
// up, so it is told.
func (p *Poll) ask(i int32) {
	s := &p.slots[i]
	e := p.os.peek(s.fd)
	switch e {
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

// mayCool tells whether ask would notice all that slot i waits for.
func (p *Poll) mayCool(i int32) bool {
	s := &p.slots[i]
	k := p.kindOf(i)
	return s.interest == Readable && (k == kindStream || k == kindDatagram)
}

func (p *Poll) heat(i int32) {
	s := &p.slots[i]
	s.active = p.now
	if s.hotAt == 0 {
		p.cost.hot = append(p.cost.hot, i)
		s.hotAt = int32(len(p.cost.hot))
		p.cost.stale = true
	}
}

func (p *Poll) cool(i int32) {
	c := &p.cost
	at := p.slots[i].hotAt
	if at == 0 {
		return
	}
	last := c.hot[len(c.hot)-1]
	c.hot[at-1] = last
	p.slots[last].hotAt = at
	p.slots[i].hotAt = 0
	c.hot = c.hot[:len(c.hot)-1]
	c.stale = true
}

func (p *Poll) kindOf(i int32) kind {
	s := &p.slots[i]
	if s.kind != kindUnknown {
		return s.kind
	}
	socktype, e := p.os.option(s.fd, sockabi.SO_TYPE)
	switch {
	case e != 0:
		s.kind = kindOther
	case socktype == sockabi.SOCK_DGRAM:
		s.kind = kindDatagram
	default:
		s.kind = kindStream
		if listens, e := p.os.option(s.fd, sockabi.SO_ACCEPTCONN); e != 0 || listens != 0 {
			s.kind = kindListener
		}
	}
	return s.kind
}
