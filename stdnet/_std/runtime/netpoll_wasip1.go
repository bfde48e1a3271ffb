//go:build wasip1

package runtime

import (
	"internal/sockabi"
	"unsafe"
)

// The network poller of wasip1, over poll_oneoff, which is level-triggered. A
// subscription, a row here, stands for one direction of a descriptor while a goroutine
// waits for it: it is added by netpollarm, and goes when its event is told.
//
//   - This file keeps the rows and finds whose events came.
//   - netpoll_settle_wasip1.go asks the host, again where a signal came between.
//   - netpoll_busy_wasip1.go asks it while goroutines stay runnable.
//   - netpoll_past_wasip1.go asks it before timers fire, and before reads and writes.
//   - netpoll_hot_wasip1.go spares a host on which many rows cost much.
//   - netpoll_signal_wasip1.go has signals from it.
//   - netpoll_gather_wasip1.go lets small writes leave together, where that is wanted.
//   - netpoll_spin_wasip1.go ends polls that return at once with nothing forever.
//
// netpoll runs without a P, and so must not allocate: netpollopen makes all the room
// that a descriptor will ever need. There is one thread.

const (
	pollReading = iota
	pollWriting
)

// pollNever is a moment that does not come.
const pollNever int64 = 1<<63 - 1

// pollIdle is for how long to sleep where nothing can end the sleep.
const pollIdle = 3600e9

// pollClock is the userdata of the clock's row: no slot has this number.
const pollClock = 1<<64 - 1

// A pollSlot is an open descriptor. It is bound to its pollDesc, which keeps its
// number in user, forever.
type pollSlot struct {
	pd         *pollDesc
	next       int32 // slot in the same chain, 0 means none
	fd         int32
	open       bool
	kind       uint8
	err        uint16   // that a peek has used up, for the next read
	generation uint32   // distinguishes the descriptors of this slot
	row        [2]int32 // of reading and writing, plus 1; 0 means none
	active     int64    // when it was last active
	looked     int64    // when a goroutine has last asked about it alone
	mute       int64    // for how long writing is or was left out
	mutedUntil int64    // 0 is not muted
	unsent     uint16   // an error of what was kept back, for the next call
	direct     bool     // nothing is kept back
}

// netpollState is the poller. rows[:cold] are cold ones, rows[cold:n] hot ones, and those
// of signals and the clock go behind: so the others stay where they are, with or
// without them, and a host that compares them with those of the last poll finds them
// unchanged.
type netpollState struct {
	lock    mutex
	rows    []sockabi.Subscription
	events  []sockabi.Event
	n, cold int

	slots  []pollSlot // slot 0 means none
	used   int        // slots
	chains []int32    // first slot of each, by descriptor
	muted  []int32    // slots whose writing is left out
	nmuted int

	now   int64 // when the host was last asked for the time
	spins int   // polls that ended with nothing for no known reason, in a row
	errs  int   // slots that have err

	split sockabi.Split
	busy  pollBusy
	past  pollPast

	signals pollSignals
	gather  pollGather

	toRun gList // what this poll has found
	delta int32
}

var netpolls netpollState

// netpollFirst polls the clock. WasmEdge makes its poller at the first poll of the
// process, and if no descriptor is free at that moment keeps a dead one forever.
func netpollFirst() {
	sub := sockabi.Subscription{Tag: sockabi.EVENTTYPE_CLOCK, Target: sockabi.CLOCK_MONOTONIC}
	var ev sockabi.Event
	var n size
	poll_oneoff((*subscription)(unsafe.Pointer(&sub)), (*event)(unsafe.Pointer(&ev)), 1, &n)
}

func netpollinit() {
	p := &netpolls
	p.used = 1
	p.split.Bound = pollBound
	p.grow(64)
	p.tellSignals()
}

// grow makes room for so many slots, and for their rows and events.
func (p *netpollState) grow(size int) {
	slots := make([]pollSlot, size)
	copy(slots, p.slots)
	rows := make([]sockabi.Subscription, 2*size+2)
	copy(rows, p.rows)
	muted := make([]int32, size)
	copy(muted, p.muted)
	p.slots, p.rows, p.muted = slots, rows, muted
	p.events = make([]sockabi.Event, 2*size+2)
	p.chains = make([]int32, size)
	for i := 1; i < p.used; i++ {
		if slots[i].open {
			p.link(int32(i))
		}
	}
}

// chain is the first slot of those that fd may be in. The number of chains is a power
// of 2.
func (p *netpollState) chain(fd int32) *int32 {
	hash := uint32(fd) * 0x9e3779b9
	return &p.chains[(hash>>16^hash)&uint32(len(p.chains)-1)]
}

func (p *netpollState) link(i int32) {
	first := p.chain(p.slots[i].fd)
	p.slots[i].next, *first = *first, i
}

func (p *netpollState) unlink(i int32) {
	for at := p.chain(p.slots[i].fd); *at != 0; at = &p.slots[*at].next {
		if *at == i {
			*at = p.slots[i].next
			return
		}
	}
}

func netpollIsPollDescriptor(fd uintptr) bool { return false }

func netpollopen(fd uintptr, pd *pollDesc) int32 {
	p := &netpolls
	lock(&p.lock)
	if pd.user == 0 {
		if p.used == len(p.slots) {
			p.grow(2 * p.used)
		}
		pd.user = uint32(p.used)
		p.slots[p.used].pd = pd
		p.used++
	}
	i := int32(pd.user)
	p.shut(i)
	s := &p.slots[i]
	s.fd, s.open, s.kind, s.mute = int32(fd), true, pollKindUnknown, 0
	s.generation++
	p.link(i)
	unlock(&p.lock)
	return 0
}

// netpollclose closes the slot of fd. Where a program has closed a descriptor behind
// the back of Go's file, and the host has used its number again, there are two: it is
// the one that is about to be freed.
func netpollclose(fd uintptr) int32 {
	p := &netpolls
	lock(&p.lock)
	for i := *p.chain(int32(fd)); i != 0; i = p.slots[i].next {
		if s := &p.slots[i]; s.fd == int32(fd) && s.pd.closing {
			p.shut(i)
			break
		}
	}
	unlock(&p.lock)
	return 0
}

// shut forgets the descriptor of slot i, if it has one.
func (p *netpollState) shut(i int32) {
	s := &p.slots[i]
	if !s.open {
		return
	}
	p.unmute(i)
	p.drop(i, pollReading)
	p.drop(i, pollWriting)
	if s.err != 0 {
		s.err = 0
		p.errs--
	}
	p.unlink(i)
	s.open = false
	p.gatherClosed(i)
}

func netpollarm(pd *pollDesc, mode int) {
	p := &netpolls
	lock(&p.lock)
	i := int32(pd.user)
	s := &p.slots[i]
	switch {
	case s.fd < 0: // of a pipe, which says itself when it is ready
	case mode == 'w' && s.mutedUntil == 0:
		p.add(i, pollWriting)
		if s.row[pollReading] != 0 {
			p.add(i, pollReading) // or the hot rows would have it for writing alone
		}
	case mode == 'r':
		p.add(i, pollReading)
		if s.mutedUntil != 0 {
			// It is not awaited for writing alone any more.
			p.unmute(i)
			p.add(i, pollWriting)
		}
	}
	unlock(&p.lock)
}

// add makes a row one of the hot ones, where it may be already: a deadline ends the
// wait, and leaves the row.
func (p *netpollState) add(i int32, direction int) {
	s := &p.slots[i]
	s.active = p.now
	if int(s.row[direction]) > p.cold {
		return
	}
	p.drop(i, direction)
	p.put(p.n, &sockabi.Subscription{
		Userdata: uint64(s.generation)<<32 | uint64(uint32(i)),
		Tag:      uint8(sockabi.EVENTTYPE_FD_READ + direction),
		Target:   uint32(s.fd),
	})
	p.n++
}

// put makes row k what sub is.
func (p *netpollState) put(k int, sub *sockabi.Subscription) {
	p.rows[k] = *sub
	p.slots[uint32(sub.Userdata)].row[sub.Tag-sockabi.EVENTTYPE_FD_READ] = int32(k + 1)
}

// drop removes a row, if it is there. The last of its kind takes its place.
func (p *netpollState) drop(i int32, direction int) {
	s := &p.slots[i]
	if s.row[direction] == 0 {
		return
	}
	hole := int(s.row[direction] - 1)
	if hole < p.cold {
		p.cold--
		p.put(hole, &p.rows[p.cold])
		hole = p.cold
	}
	if p.n--; hole != p.n {
		p.put(hole, &p.rows[p.n])
	}
	s.row[direction] = 0
}

func netpollBreak() {}

// netpoll asks again at once for nothing that it has just asked: findRunnable does so
// before every call that waits. It counts delay from the time that nanotime1 has told it.
func netpoll(delay int64) (gList, int32) {
	p := &netpolls
	if delay == 0 && gcBlackenEnabled == 0 && hostNanotime()-p.now < pollMinEvery {
		return gList{}, 0
	}
	if delay > 0 {
		delay = max(0, delay-p.past.behind)
	}
	return p.wait(delay, false)
}

// wait polls until something is ready, for delay at most; forever if it is below 0.
func (p *netpollState) wait(delay int64, busy bool) (gList, int32) {
	lock(&p.lock)
	p.now = hostNanotime()
	deadline := pollNever
	if delay >= 0 && p.now+delay >= p.now {
		deadline = p.now + delay
	}
	p.busy.note(busy)
	for {
		until := min(deadline, p.unmuteDue())
		switch {
		case p.n > 0 || p.signals.on:
			p.poll(until)
		case until != pollNever:
			p.sleep(until)
		default:
			p.sleep(p.now + pollIdle) // all that waits, waits for pipes or signals
		}
		if !p.toRun.empty() || p.now >= deadline || p.n == 0 && p.nmuted == 0 && deadline == pollNever {
			break
		}
	}
	if pp := getg().m.p.ptr(); pp != nil {
		p.past.tick = pp.schedtick
	}
	toRun, delta := p.take()
	unlock(&p.lock)
	return toRun, delta
}

// take returns the goroutines that have become ready, for the caller to make runnable.
func (p *netpollState) take() (gList, int32) {
	toRun, delta := p.toRun, p.delta
	p.toRun, p.delta = gList{}, 0
	if !toRun.empty() {
		p.past.found = p.now
	}
	return toRun, delta
}

// sleep waits until a moment without watching anything. After this WasmEdge forgets
// every registration, and learns them again at the next poll.
func (p *netpollState) sleep(until int64) {
	if until > p.now {
		p.settle(p.n, until)
	}
}

// poll asks the host, until a moment at the latest, and makes runnable who is served.
// It may be back before, with nothing.
func (p *netpollState) poll(until int64) {
	begin, first := p.now, 0
	plan := p.plan()
	if p.n == 0 && !p.signals.on {
		return // the sweep has found something for every row
	}
	if plan == sockabi.PlanHot {
		first = p.cold
		until = min(until, p.now+p.split.Quiet())
	}
	if plan == sockabi.PlanProbe || !p.toRun.empty() {
		until = p.now
	}
	events, undisturbed := p.settle(first, until)
	if events == 0 && undisturbed {
		p.spinning()
		return
	}
	p.spins = 0
	found := p.deliver(events)
	if found > 0 {
		p.split.Ready(p.now)
	}
	if plan != sockabi.PlanHot && undisturbed && 8*found <= p.n {
		p.split.Took(p.now-begin, p.n, plan == sockabi.PlanProbe)
	}
}

// deliver makes ready the goroutines of so many events, and returns how many goroutines that is.
func (p *netpollState) deliver(events int) (found int) {
	for k := range p.events[:events] {
		e := &p.events[k]
		i := int32(e.Userdata)
		if e.Userdata == pollClock || int(uint32(i)) >= p.used || p.slots[i].generation != uint32(e.Userdata>>32) {
			continue
		}
		var mode int32
		both := e.Errno != 0 || e.Flags&sockabi.EVENTRW_HANGUP != 0
		if both || e.Type == sockabi.EVENTTYPE_FD_READ {
			mode += 'r'
		}
		if both || e.Type == sockabi.EVENTTYPE_FD_WRITE {
			mode += 'w'
			p.unmute(i)
			p.slots[i].mute = 0
		}
		p.slots[i].pd.setEventErr(e.Errno != 0, 0)
		p.ready(i, mode)
		found++
	}
	return found
}

// ready wakes the goroutines that wait for slot i.
func (p *netpollState) ready(i int32, mode int32) {
	if mode != 'w' {
		p.drop(i, pollReading)
	}
	if mode != 'r' {
		p.drop(i, pollWriting)
		p.gatherReady(i)
	}
	p.delta += netpollready(&p.toRun, p.slots[i].pd, mode)
}
