//go:build wasip1

package runtime

import (
	"internal/sockabi"
	"unsafe" // also for go:linkname
)

// Signals come from wasisock's host through a row of the poller's own, which also says
// which of them the program handles. Another host answers EINVAL to that row: it is left
// out then, and a program that waits for nothing but signals waits for a clock that is
// far away.

const _NSIG = sockabi.MaxSignal + 1

func signame(uint32) string { return "" }

// pollSignal is the userdata of the row of signals: no slot has this number.
const pollSignal = 1<<64 - 3

type pollSignals struct {
	on      bool // the host has them
	wanted  uint64
	ignored uint64
	waiting guintptr // the goroutine of os/signal, in notetsleepg

	drain   bool     // SIGDRAIN has come
	drainer guintptr // waits for it
}

// signalsByDefault are those that the runtime handles itself.
const signalsByDefault = 1 << sockabi.SIGQUIT

func sigenable(s uint32)  { netpolls.setSignal(s, true, false) }
func sigdisable(s uint32) { netpolls.setSignal(s, false, signal_ignored(s)) }
func sigignore(s uint32)  { netpolls.setSignal(s, false, true) }

func (p *netpollState) setSignal(s uint32, wanted, ignored bool) {
	if s < _NSIG {
		p.handle(s, wanted, ignored)
	}
}

// handle is setSignal, of SIGDRAIN too.
func (p *netpollState) handle(s uint32, wanted, ignored bool) {
	netpollGenericInit()
	h := &p.signals
	bit := uint64(1) << s
	h.wanted, h.ignored = h.wanted&^bit, h.ignored&^bit
	if wanted {
		h.wanted |= bit
	}
	if ignored {
		h.ignored |= bit
	}
	if h.on {
		systemstack(func() {
			lock(&p.lock)
			p.tellSignals()
			toRun, delta := p.take()
			unlock(&p.lock)
			injectglist(&toRun)
			netpollAdjustWaiters(delta)
		})
	}
}

// tellSignals passes to the host which signals are wanted, and learns whether it has any.
func (p *netpollState) tellSignals() {
	p.now = hostNanotime()
	p.signals.on = true
	p.settle(p.n, p.now)
}

func (p *netpollState) signalRow() sockabi.Subscription {
	h := &p.signals
	return sockabi.Subscription{
		Userdata:  pollSignal,
		Tag:       sockabi.EVENTTYPE_SIGNAL,
		Timeout:   h.wanted | signalsByDefault&^h.ignored,
		Precision: h.ignored,
	}
}

// signalled handles the event of the row of signals.
func (p *netpollState) signalled(e *sockabi.Event) {
	if e.Errno != 0 {
		if e.Errno == sockabi.EINVAL {
			p.signals.on = false
		}
		return
	}
	for s := uint32(1); s < _NSIG; s++ {
		if e.NBytes&(1<<s) != 0 {
			p.raise(s)
		}
	}
	if e.NBytes&(1<<sockabi.SIGDRAIN) != 0 {
		p.signals.drain = true
		if gp := p.signals.drainer.ptr(); gp != nil {
			p.signals.drainer = 0
			p.toRun.push(gp)
		}
	}
}

// raise delivers a signal to os/signal. Without its wanting it, SIGQUIT ends the program
// with the stacks of its goroutines.
func (p *netpollState) raise(s uint32) {
	if sigsend(s) {
		p.wakeSignals()
	} else if s == sockabi.SIGQUIT && !signal_ignored(s) {
		dumpQuit()
	}
}

// wakeSignals makes the goroutine of os/signal ready if sigsend has woken it.
func (p *netpollState) wakeSignals() {
	if gp := p.signals.waiting.ptr(); gp != nil && sig.note.key != 0 {
		p.signals.waiting = 0
		p.toRun.push(gp)
		p.delta--
	}
}

func dumpQuit() {
	print("SIGQUIT: quit\n\n")
	if level, _, _ := gotraceback(); level > 0 {
		tracebackothers(getg())
	}
	exit(2)
}

// notetsleepg waits for the note of os/signal in the poller. Others wait as Go's own
// function does, which keeps the processor busy.
func notetsleepg(n *note, ns int64) bool {
	if n != &sig.note || ns >= 0 {
		return notetsleepgBusy(n, ns)
	}
	netpollGenericInit()
	for n.key == 0 {
		gopark(awaitSignal, nil, waitReasonIOWait, traceBlockGeneric, 1)
	}
	return true
}

// awaitSignal is called when gp has parked, and reports whether it may stay so.
func awaitSignal(gp *g, _ unsafe.Pointer) bool {
	if sig.note.key != 0 {
		return false
	}
	netpolls.signals.waiting.set(gp)
	netpollAdjustWaiters(1)
	return true
}

// netpollOnDrain has f called when the host wants the program to end what it has in work,
// until when it waits for netpollDrained. The goroutine for that is the runtime's by its
// name, and so in no count of the program's; nor does it keep the program from having
// nothing left to wait for.
//
//go:linkname netpollOnDrain net/http.onDrain
func netpollOnDrain(f func()) { go netpollDrainer(f) }

func netpollDrainer(f func()) {
	netpolls.handle(sockabi.SIGDRAIN, true, false)
	for !netpolls.signals.drain {
		gopark(awaitDrain, nil, waitReasonIOWait, traceBlockGeneric, 1)
	}
	f()
}

// awaitDrain is called when gp has parked, and reports whether it may stay so.
func awaitDrain(gp *g, _ unsafe.Pointer) bool {
	if netpolls.signals.drain {
		return false
	}
	netpolls.signals.drainer.set(gp)
	return true
}

//go:linkname netpollDrained net/http.drained
func netpollDrained() { netpolls.handle(sockabi.SIGDRAIN, false, false) }

// netpollKill raises a signal of the program's own, and reports whether it goes on.
//
//go:linkname netpollKill syscall.raise
func netpollKill(s uint32) (goesOn bool) {
	systemstack(func() {
		p := &netpolls
		lock(&p.lock)
		switch {
		case s == 9: // SIGKILL
		case s == 0 || s >= _NSIG || signal_ignored(s) || signalHarmless&(1<<s) != 0 && !signalWanted(s):
			goesOn = true
		case signalWanted(s) || s == sockabi.SIGQUIT:
			p.raise(s)
			goesOn = true
		}
		toRun, delta := p.take()
		unlock(&p.lock)
		injectglist(&toRun)
		netpollAdjustWaiters(delta)
	})
	return goesOn
}

// signalHarmless are the signals that do nothing by default: SIGCHLD, SIGCONT, SIGURG and
// SIGWINCH.
const signalHarmless = 1<<16 | 1<<17 | 1<<22 | 1<<sockabi.SIGWINCH

func signalWanted(s uint32) bool { return sig.wanted[s/32]&(1<<(s&31)) != 0 }

// putRows puts the rows of signals and of the clock, unless until is never, behind those
// of descriptors, and returns how many these are.
func (p *netpollState) putRows(until int64) (n int) {
	if p.signals.on {
		p.rows[p.n] = p.signalRow()
		n++
	}
	if until != pollNever {
		p.rows[p.n+n] = sockabi.Subscription{
			Userdata: pollClock,
			Tag:      sockabi.EVENTTYPE_CLOCK,
			Target:   sockabi.CLOCK_MONOTONIC,
			Timeout:  uint64(max(0, until-p.now)),
		}
		n++
	}
	return n
}
