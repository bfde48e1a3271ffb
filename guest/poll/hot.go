package poll

import (
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

const (
	// minSplit is how many registrations are never worth watching apart.
	minSplit = 64

	// dear is the cost of a full poll from which on splitting pays. A host that
	// keeps its interest set stays below it at 9,500 descriptors, and one that does
	// not exceeds it at about 150.
	dear = 150 * time.Microsecond

	// share is the part of the time, as its inverse, that full polls may take. A
	// full poll after a hot one makes the host forget and learn every descriptor,
	// which costs as much again.
	share = 20

	// samples is of how many full polls the cheapest counts, because the machine may
	// have done something else during the others.
	samples = 3

	// probeEvery is how many cheap polls go by before the cost is measured again.
	probeEvery = 256

	// busy is how many polls in quick succession make a burst: for less, changing
	// what the host watches costs more than it saves.
	busy = 3
)

// costs is what decides whether to watch the active descriptors alone.
type costs struct {
	hot   []int32 // slots active lately
	stale bool    // the hot rows are not those of hot

	measured [samples]time.Duration // of the latest full polls, by turns
	taken    int                    // measurements since the number of registrations doubled
	size     int                    // registrations then
	wait     int                    // polls until the next measurement

	lastFull time.Duration // when all descriptors were last asked about
	lastPoll time.Duration
	burst    int // polls without a pause of a period
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

// period is the time between full polls while the active descriptors are watched
// alone.
func (p *Poll) period() time.Duration {
	limit := p.ColdLatency
	if limit == 0 {
		limit = DefaultColdLatency
	}
	return min(share*p.cost.full(), limit)
}

type plan int

const (
	planFull  plan = iota // wait for every descriptor
	planHot               // wait for the active ones, until the period ends
	planProbe             // ask about every descriptor, without waiting, and measure that
)

// plan decides how to poll next.
func (p *Poll) plan(now time.Duration) plan {
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
	c.burst++
	if now-c.lastPoll > p.period() {
		c.burst = 0
	}
	c.lastPoll = now
	if c.burst < busy || 2*len(c.hot) > n {
		return planFull
	}
	if now-c.lastFull >= p.period() {
		return planProbe
	}
	if p.fillHot(); len(p.hot.subs) == 1 {
		return planFull // to poll the clock alone would make WasmEdge forget the rest
	}
	return planHot
}

// asked notes a full poll that ended now. Descriptors that were not active for two
// periods cool down.
func (p *Poll) asked(now time.Duration) {
	c := &p.cost
	c.lastFull = now
	if len(p.byFD) < minSplit {
		return
	}
	limit := now - max(2*p.period(), 10*time.Millisecond)
	for k := len(c.hot) - 1; k >= 0; k-- {
		i := c.hot[k]
		s := &p.slots[i]
		if s.active < limit {
			if p.kindOf(i) == kindListener {
				s.active = now
			} else {
				p.cool(i)
			}
		}
	}
}

// measure notes what a full poll without waiting cost.
func (p *Poll) measure(d time.Duration) {
	c := &p.cost
	c.measured[c.taken%samples] = d
	c.taken++
	c.wait = probeEvery
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
	if s.kind == kindUnknown {
		s.kind = kindOther
		if v, e := p.os.option(s.fd, sockabi.SO_TYPE); e == 0 && v == sockabi.SOCK_DGRAM {
			s.kind = kindDatagram
		} else if v, e := p.os.option(s.fd, sockabi.SO_ACCEPTCONN); e == 0 && v != 0 {
			s.kind = kindListener
		}
	}
	return s.kind
}
