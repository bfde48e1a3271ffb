//go:build wasip1

package runtime

import _ "unsafe" // for go:linkname

// Between two polls the host's descriptors are unknown, and while a goroutine computes
// none is made. What became ready meanwhile, and what became due, would then be handled
// in the order in which the scheduler looks at them: timers first. A read would miss its
// deadline though its data came in time, and a write would use a connection that the
// peer has closed. So the scheduler polls before timers fire, and what that finds, and
// what could have run meanwhile, runs before them. Reads, writes and time.Now poll too,
// where the last poll is old.

// pollRounds is how many times the run queue passes before timers fire: once for what is
// in it, and for what is woken by that, and by that in turn.
const pollRounds = 3

// pollPast is how far the past is known, and handled.
type pollPast struct {
	settled int64 // up to this time, what became ready has run
	found   int64 // when a poll last found something
	asked   int64 // when the scheduler last asked for the time
	behind  int64 // what timersNow last subtracted from the time

	rounds int    // of the run queue that timers wait for; 0 means none
	until  uint32 // schedtick at which the first of them ends
	at     int64  // becomes settled when the last ends

	polling bool
	wall    int64  // the wall clock when time.Now last looked
	tick    uint32 // schedtick at the last poll
}

// nanotime1 returns the time of the host's monotonic clock. In the scheduler, which asks
// it which timers are due, it returns what they must wait for.
func nanotime1() int64 {
	now := hostNanotime()
	if mp := getg().m; mp.curg == nil && mp.locks == 0 && mp.p != 0 {
		now = netpolls.timersNow(mp.p.ptr(), now)
	}
	return now
}

// timersNow returns now, or an earlier time if the timers since then have to wait for
// goroutines in the run queue of pp.
func (p *netpollState) timersNow(pp *p, now int64) int64 {
	h := &p.past
	if h.polling {
		return now
	}
	away := now-h.asked >= pollMinEvery // a goroutine has computed
	h.asked, h.behind = now, 0
	if next := pp.timers.wakeTime(); next != 0 && next <= now {
		until := p.timersUntil(pp, next, now, away)
		h.behind = now - until
		return until
	}
	return now
}

func (p *netpollState) timersUntil(pp *p, next, now int64, away bool) int64 {
	h := &p.past
	if h.rounds > 0 {
		if !h.passed(pp) {
			return next - 1
		}
		h.settled = h.at
	}
	if next <= h.settled {
		return h.settled
	}
	if p.old(now, p.busy.took) {
		h.polling = true
		p.look(0)
		h.polling = false
	}
	if queued := queueLen(pp); queued > 0 && (away || h.found > h.settled) {
		h.rounds, h.until, h.at = pollRounds, pp.schedtick+queued, now
		return next - 1
	}
	h.settled = now
	return now
}

// passed reports whether the run queue has passed as often as timers wait for.
func (h *pollPast) passed(pp *p) bool {
	queued := queueLen(pp)
	if queued == 0 {
		h.rounds = 0
		return true
	}
	if int32(pp.schedtick-h.until) < 0 {
		return false
	}
	h.rounds--
	h.until = pp.schedtick + queued
	return h.rounds == 0
}

// queueLen returns how many goroutines are runnable.
func queueLen(pp *p) uint32 {
	n := pp.runqtail - pp.runqhead
	for gp := sched.runq.head.ptr(); gp != nil; gp = gp.schedlink.ptr() {
		n++
	}
	return n
}

// watches reports whether a poll can find anything.
func (p *netpollState) watches() bool { return p.n+p.nmuted > 0 || p.signals.waiting != 0 }

// old reports whether the last poll is older than a millisecond, and than least.
func (p *netpollState) old(now, least int64) bool {
	return p.watches() && now-p.now >= max(pollMinEvery, least) &&
		p.lock.key == mutex_unlocked && sched.lock.key == mutex_unlocked
}

// look makes runnable what is ready, or only who reads from slot i unless that is 0, and
// reports whether that is anyone. It must run on the system stack.
func (p *netpollState) look(i int32) bool {
	var toRun gList
	var delta int32
	if began := hostNanotime(); i == 0 {
		toRun, delta = p.wait(0, true)
		p.busy.took = p.now - began
	} else {
		lock(&p.lock)
		p.slots[i].looked = began
		p.peek(i)
		toRun, delta = p.take()
		unlock(&p.lock)
	}
	any := !toRun.empty()
	injectglist(&toRun)
	netpollAdjustWaiters(delta)
	return any
}

// pollSlice is for how long goroutines run that do not compute, at most, on average since
// the last poll. There is no need for a poll before that of checkTimeouts then.
const pollSlice = 250e3

//go:linkname netpollLookBefore
func netpollLookBefore(fd int) { netpolls.lookNow(hostNanotime(), int32(fd)) }

// lookNow is called by a goroutine that is about to use fd, or, if it is -1, asks for the
// time. If the last poll is old, it polls, or where that takes long asks about fd alone, and
// what is ready runs first.
func (p *netpollState) lookNow(now int64, fd int32) (ran bool) {
	if !p.old(now, 0) {
		return false
	}
	if age := now - p.now; age < pollMaxEvery && int64(getg().m.p.ptr().schedtick-p.past.tick)*pollSlice > age {
		return false
	}
	var i int32
	if !p.old(now, pollShare*p.busy.took) {
		if i = p.reader(fd); i == 0 || now-p.slots[i].looked < pollMinEvery {
			return false
		}
	}
	systemstack(func() { ran = p.look(i) })
	if ran {
		goyield() // behind them: from the queue that Gosched uses, every 61st goroutine is taken first
	}
	return ran
}

// reader returns the slot of a stream fd that a goroutine waits to read from, or 0.
func (p *netpollState) reader(fd int32) int32 {
	for i := p.firstOf(fd); i != 0; i = p.slots[i].next {
		if s := &p.slots[i]; s.fd == fd && s.row[pollReading] != 0 && s.kindIs(pollKindStream) {
			return i
		}
	}
	return 0
}

// walltime returns the time of the host's wall clock. A goroutine that computes for long
// may ask for it, and lets others run then: before it takes a connection that has ended
// meanwhile, for example.
func walltime() (sec int64, nsec int32) {
	sec, nsec = walltime1()
	gp := getg()
	mp := gp.m
	if gp != mp.curg || mp.locks != 0 || mp.mallocing != 0 || mp.preemptoff != "" {
		return sec, nsec
	}
	p := &netpolls
	wall := sec*1e9 + int64(nsec)
	if passed := wall - p.past.wall; passed >= 0 && passed < pollMinEvery {
		return sec, nsec
	}
	p.past.wall = wall
	if p.lookNow(hostNanotime(), -1) {
		return walltime1()
	}
	return sec, nsec
}
