// Package hotcold decides which descriptors a poller asks the host about, where polling all of
// them is expensive. The poller waits for the hot ones, which were active lately, and sweeps the
// cold ones. Then each cold one is asked once per sweep whether there is anything to read, by
// receiving without taking (RI_PEEK). That is cheaper than to begin and cease watching it, is
// spread over the whole sweep, and leaves the set of watched descriptors as it is. After a
// silence the next poll waits for every descriptor, and takes no processor time.
//
// Package poll has it, and the poller of Go's runtime, into which stdnet copies it. The latter
// calls it without a P: nothing here allocates, has pointers or interfaces, or asks for the
// time. All times are nanoseconds of one clock.
package hotcold

const (
	// MinSplit is how many rows are never worth splitting.
	MinSplit = 64

	// Costly is the cost of a full poll, in nanoseconds, above which splitting pays. A host that
	// keeps its interest set stays below it at 9,500 descriptors; WasmEdge reaches it
	// at about 150.
	Costly = 150e3

	// Samples is of how many measurements the least counts, because the machine may
	// have done something else during the others, and Stale how old they become.
	Samples = 3
	Stale   = 10e9

	// MinBurst is how many polls in a row must have brought something: for fewer,
	// changing what the host watches costs more than it saves. maxBurst is enough for a
	// burst to go on after one silence, as a stall of the client or of the machine is, but not
	// after two.
	MinBurst = 3
	maxBurst = 4 * MinBurst

	// A sweep takes longer than it should where it would take more than one part in
	// sweepShare of the processor's time. minTimed is how many steps of it are worth timing.
	sweepShare = 4
	minTimed   = 64
)

// A Split holds a poller's measurements of its polls. The zero Split has none.
type Split struct {
	// Bound is how late a cold descriptor may be noticed, above 0.
	Bound int64

	cost     int64 // of a row of a full poll, the least that was measured
	measured int   // times
	at       int64 // the last time
	size     int   // rows when Resize was called

	burst int   // polls that brought something, without a silence between them
	last  int64 // the latest of them

	next  int   // slot that the sweep visits next
	swept int64 // when it came there
	step  int64 // the cost of a step, about
}

// A Plan is how to poll next.
type Plan uint8

const (
	PlanFull  Plan = iota // wait for every descriptor
	PlanProbe             // ask about every descriptor without waiting, to measure that
	PlanHot               // sweep, asking the cold ones, and wait for the hot ones, for Quiet
	PlanCool              // sweep, asking nobody, and poll by Again
)

// Quiet is for how long hot descriptors alone are waited for at most. A sweep takes the rest of
// Bound.
func (s *Split) Quiet() int64 { return s.Bound / 20 }

func (s *Split) whole() int64 { return s.Bound - s.Quiet() }

// Cost returns what a full poll of n rows costs, about.
func (s *Split) Cost(n int) int64 { return s.cost * int64(n) }

// Took notes how long a full poll of n rows took: what it cost, if it did not wait,
// and more than that otherwise. probe means that it was one of PlanProbe.
func (s *Split) Took(d int64, n int, probe bool) {
	if n == 0 {
		return
	}
	if cost := d / int64(n); s.measured == 0 || cost < s.cost {
		s.cost = cost
	}
	if probe {
		s.measured++
	}
}

// Resize forgets what polls cost if there are at least twice as many rows as then, or half.
func (s *Split) Resize(n int) {
	if n >= 2*s.size || 2*n <= s.size {
		s.size, s.measured = n, 0
	}
}

// silent reports whether the last event is longer ago than a sweep of cold descriptors is
// worth.
func (s *Split) silent(now int64) bool { return now-s.last > 2*s.Bound }

// Ready notes that a poll has brought something.
func (s *Split) Ready(now int64) {
	if s.silent(now) {
		s.burst /= 4
	}
	s.burst = min(s.burst+1, maxBurst)
	s.last = now
}

// Decide returns how to poll n rows, with so many hot ones. busy means that polls bring
// something for another reason than Ready knows.
func (s *Split) Decide(now int64, n, hot int, busy bool) Plan {
	switch {
	case n < MinSplit:
		return PlanFull
	case s.measured < Samples:
		s.at = now
		return PlanProbe
	case s.Cost(n) < Costly:
		return s.Again(now)
	case 2*hot <= n && (busy || s.burst >= MinBurst && !s.silent(now)):
		return PlanHot
	}
	return PlanCool
}

// Again returns PlanFull, or PlanProbe if the last measurement is old: the host may have become
// dearer, or cheaper, since.
func (s *Split) Again(now int64) Plan {
	if now-s.at > Stale {
		s.measured, s.at = 0, now
		return PlanProbe
	}
	return PlanFull
}

// Steps returns how far a sweep of so many slots has to go on, to be as far as it should have
// come by now.
func (s *Split) Steps(now int64, slots int) int64 {
	all := int64(slots)
	whole := max(s.whole(), sweepShare*s.step*all)
	steps := min(now-s.swept, whole) * all / whole
	if steps < all {
		s.swept += steps * whole / all
	} else {
		s.swept = now
	}
	return steps
}

// Next returns the slot that the sweep visits next, from first on and below slots.
func (s *Split) Next(first, slots int) int {
	if s.next++; s.next >= slots {
		s.next = first
	}
	return s.next
}

// Timed reports whether so many steps are worth timing, for Stepped.
func Timed(steps int64) bool { return steps >= minTimed }

// Stepped notes that so many steps, in which cold ones were asked, have taken d.
func (s *Split) Stepped(steps, d int64) { s.step = (3*s.step + d/steps) / 4 }

// Idle reports whether a hot descriptor that was last active then has been silent for two
// sweeps, and may cool down.
func (s *Split) Idle(active, now int64) bool { return active < now-2*s.whole() }
