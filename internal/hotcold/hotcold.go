// Package hotcold decides which descriptors a poller polls, where polling all of them is
// expensive. The poller waits for the hot ones, which were active lately, and sweeps the cold
// ones: once per sweep, it checks each cold one for anything to read, by receiving without taking
// (RI_PEEK). That is cheaper than to start and stop watching it, is spread over the whole sweep,
// and leaves the set of watched descriptors as it is. After a silence, the next poll waits for
// every descriptor, and takes no CPU time.
//
// Package poll uses it, and so does the poller of Go's runtime, into which stdnet copies it. The
// runtime calls it without a P: nothing here allocates, has pointers or interfaces, or reads a
// clock. All times are nanoseconds of one clock.
package hotcold

const (
	// MinSplit is the number of rows below which splitting never pays.
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

	// A sweep is slowed down if it would take more than one part in sweepShare of the CPU time.
	// minTimed is the least number of steps that are worth timing.
	sweepShare = 4
	minTimed   = 64
)

// A Split holds a poller's measurements of its polls. The zero Split has none.
type Split struct {
	// Bound is how late a cold descriptor may be noticed, in nanoseconds, above 0.
	Bound int64

	cost     int64 // the least measured cost of a row in a full poll
	measured int   // number of measurements
	at       int64 // time of the last measurement
	size     int   // number of rows at the last Resize

	burst int   // number of polls with events, without a silence between them
	last  int64 // time of the latest of them

	next  int   // slot that the sweep visits next
	swept int64 // when the sweep reached next
	step  int64 // the approximate cost of a step
}

// A Plan says how to poll next.
type Plan uint8

const (
	PlanFull  Plan = iota // wait for every descriptor
	PlanProbe             // poll every descriptor without waiting, to measure the cost
	PlanHot               // sweep and check the cold ones, and wait for the hot ones, for Quiet
	PlanCool              // sweep without checking any, and poll by Again
)

// Quiet returns how long a poll may wait for hot descriptors only. A sweep takes the rest of
// Bound.
func (s *Split) Quiet() int64 { return s.Bound / 20 }

func (s *Split) whole() int64 { return s.Bound - s.Quiet() }

// Cost returns the approximate cost of a full poll of n rows.
func (s *Split) Cost(n int) int64 { return s.cost * int64(n) }

// Took records the time d of a full poll of n rows: its cost if it did not wait, and otherwise
// more. probe means that it was one of PlanProbe.
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

// Resize forgets the measurements if the number of rows is at least twice or at most half of that
// at the last Resize that did so.
func (s *Split) Resize(n int) {
	if n >= 2*s.size || 2*n <= s.size {
		s.size, s.measured = n, 0
	}
}

// silent reports whether the last event is so long ago that a sweep does not pay.
func (s *Split) silent(now int64) bool { return now-s.last > 2*s.Bound }

// Ready records that a poll had an event.
func (s *Split) Ready(now int64) {
	if s.silent(now) {
		s.burst /= 4
	}
	s.burst = min(s.burst+1, maxBurst)
	s.last = now
}

// Decide returns how to poll n rows, hot of which are hot. busy means that polls have events that
// were not reported to Ready.
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

// Again returns PlanFull, or PlanProbe if the last measurement is old: the cost may have changed
// since.
func (s *Split) Again(now int64) Plan {
	if now-s.at > Stale {
		s.measured, s.at = 0, now
		return PlanProbe
	}
	return PlanFull
}

// Steps returns the number of steps that a sweep of that many slots must take to be on time.
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

// Next returns the slot that the sweep visits next, at least first and below slots.
func (s *Split) Next(first, slots int) int {
	if s.next++; s.next >= slots {
		s.next = first
	}
	return s.next
}

// Timed reports whether that many steps are worth timing, for Stepped.
func Timed(steps int64) bool { return steps >= minTimed }

// Stepped records that checking cold descriptors took the time d for that many steps.
func (s *Split) Stepped(steps, d int64) { s.step = (3*s.step + d/steps) / 4 }

// Idle reports whether a hot descriptor that was last active at the time active has been silent
// for two sweeps, and so becomes cold.
func (s *Split) Idle(active, now int64) bool { return active < now-2*s.whole() }
