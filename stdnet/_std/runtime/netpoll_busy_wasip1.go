//go:build wasip1

package runtime

import _ "unsafe" // for go:linkname

// The scheduler polls when no goroutine is runnable, and there is no thread to do so
// meanwhile, nor to preempt a goroutine. So goroutines that park or yield poll, once in
// a while, and those that do neither yield when they read or write.

const (
	// Between the polls of goroutines passes at least pollMinEvery and as long as a
	// poll takes, at most pollMaxEvery, and else pollShare times as long as a poll.
	pollMinEvery = 1e6
	pollMaxEvery = 10e6
	pollShare    = 32

	// ioEvery is of how many reads and writes one looks at the clock, and ioSlice
	// after how long it yields.
	ioEvery = 16
	ioSlice = 10e6
)

type pollBusy struct {
	polls int   // by goroutines, since the last that waited
	every int64 // between them
	took  int64 // the last of them

	skip   int32 // calls of checkTimeouts for which not to look at the clock
	skips  int32 // for how many the last time
	looked int64 // at the clock
	begun  bool  // the first poll has been made

	io      int32 // reads and writes since the last call of checkTimeouts
	ioSince int64 // when there were ioEvery of them
}

func (b *pollBusy) note(busy bool) {
	if busy {
		b.polls++
	} else {
		b.polls = 0
	}
}

// checkTimeouts is called by a goroutine that is about to park or to yield. It may
// hold locks of the runtime's.
func checkTimeouts() {
	b := &netpolls.busy
	b.io = 0
	if netpolls.gather.n > 0 {
		systemstack(func() { netpolls.flushMost() })
	}
	if b.skip--; b.skip < 0 {
		netpollBusy()
	}
}

// netpollBusy polls if it is time to. Between two looks at the clock pass about a
// fifth of pollMinEvery or one call.
func netpollBusy() {
	p := &netpolls
	b := &p.busy
	if !b.begun {
		b.begun = true
		netpollFirst()
	}
	now := hostNanotime()
	switch passed := now - b.looked; {
	case passed < pollMinEvery/8:
		b.skips = min(2*b.skips+1, 63)
	case passed > pollMinEvery/4:
		b.skips /= 4
	}
	b.skip, b.looked = b.skips, now
	if !p.watches() || now-p.now < max(b.every, pollMinEvery) {
		return
	}
	if p.lock.key != mutex_unlocked || sched.lock.key != mutex_unlocked {
		return // what is ready could not be made runnable
	}
	systemstack(func() { p.look(0) })
	b.every = max(b.took, min(pollShare*b.took, pollMaxEvery))
}

// netpollBeforeIO is called before a read of fd, and returns an error that it should end
// with, or 0; and before a write, with -1.
//
//go:linkname netpollBeforeIO syscall.beforeIO
func netpollBeforeIO(fd int) uint32 {
	p := &netpolls
	if p.busy.io++; p.busy.io%ioEvery == 0 {
		p.busy.yield()
	}
	if p.gather.n > 0 {
		p.flushBefore(int32(fd))
	}
	if p.errs > 0 {
		return p.takeError(int32(fd))
	}
	return 0
}

func (b *pollBusy) yield() {
	now := hostNanotime()
	if b.io == ioEvery {
		b.ioSince = now
	} else if now-b.ioSince > ioSlice {
		Gosched()
	}
}

// takeError is the error of fd that a peek has used up, once.
func (p *netpollState) takeError(fd int32) (e uint32) {
	for i := *p.chain(fd); i != 0; i = p.slots[i].next {
		if s := &p.slots[i]; s.fd == fd && s.err != 0 {
			e, s.err = uint32(s.err), 0
			p.errs--
			break
		}
	}
	return e
}
