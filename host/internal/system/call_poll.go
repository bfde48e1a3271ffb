//go:build linux || darwin

package system

import (
	"bytes"
	"strconv"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

// Offsets in subscriptions and events, which are read and written by hand: at
// thousands a call, package binary's reflection would be most of its time.
const (
	subUserdata = unsafe.Offsetof(sockabi.Subscription{}.Userdata)
	subTag      = unsafe.Offsetof(sockabi.Subscription{}.Tag)
	subTarget   = unsafe.Offsetof(sockabi.Subscription{}.Target)
	subTimeout  = unsafe.Offsetof(sockabi.Subscription{}.Timeout)
	subPrecise  = unsafe.Offsetof(sockabi.Subscription{}.Precision)
	subFlags    = unsafe.Offsetof(sockabi.Subscription{}.Flags)

	eventUserdata = unsafe.Offsetof(sockabi.Event{}.Userdata)
	eventErrno    = unsafe.Offsetof(sockabi.Event{}.Errno)
	eventType     = unsafe.Offsetof(sockabi.Event{}.Type)
	eventNBytes   = unsafe.Offsetof(sockabi.Event{}.NBytes)
	eventFlags    = unsafe.Offsetof(sockabi.Event{}.Flags)
)

const (
	subSize = sockabi.SubscriptionSize

	// chunk is how many subscriptions are compared at once.
	chunk = 64

	// moreSubscriptions is how many a guest can have beside two for each socket
	// that it may open: what this package keeps for them must not be the guest's
	// to choose. Go's runtime stops at 65,535.
	moreSubscriptions = 1 << 16
)

// poll_oneoff: EINVAL for no subscriptions and for more than a guest has use
// for, EFAULT and EADDRNOTAVAIL for pointers, EINTR once interrupted. All other
// trouble is told in events, and then the call returns at once.
//
// NBytes is 1 for what is ready, save 0 for a listener: to tell how much there
// is would be a system call per event.
func (g *guest) pollOneoff(c call) sockabi.Errno {
	if !c.aligned(8, 0, 1) || !c.aligned(4, 3) {
		return sockabi.EADDRNOTAVAIL
	}
	n := uint64(c.u32(2))
	subs, ok1 := c.at(0, n*subSize)
	events, ok2 := c.at(1, n*sockabi.EventSize)
	nevents, ok3 := c.at(3, 4)
	if !ok1 || !ok2 || !ok3 {
		return sockabi.EFAULT
	}
	if n == 0 || n > moreSubscriptions+2*uint64(g.account.Limits.Sockets) {
		return sockabi.EINVAL
	}
	if g.closed {
		return sockabi.EINTR
	}
	g.subscribe(c, subs)
	defer g.settle()
	if !g.wait() {
		return sockabi.EINTR
	}
	told := g.tell(events)
	le.PutUint32(nevents, uint32(told))
	return 0
}

// subscribe makes the guest's subscriptions those that wait waits for. Of those
// whose bytes are the same as in the last call, nothing is done.
func (g *guest) subscribe(c call, subs []byte) {
	in := &g.interest
	n, old := len(subs)/subSize, len(in.rows)
	in.resize(n)
	g.snapshot = append(g.snapshot[:min(old, n)*subSize], subs[min(old, n)*subSize:]...)

	changed := g.changed[:0]
	for from := 0; from < min(old, n); from += chunk {
		to := min(from+chunk, old, n)
		if bytes.Equal(subs[from*subSize:to*subSize], g.snapshot[from*subSize:to*subSize]) {
			continue
		}
		for i := from; i < to; i++ {
			if sub, was := subs[i*subSize:(i+1)*subSize], g.snapshot[i*subSize:(i+1)*subSize]; !bytes.Equal(sub, was) {
				copy(was, sub)
				in.unlink(i)
				changed = append(changed, int32(i))
			}
		}
	}
	for i := old; i < n; i++ {
		changed = append(changed, int32(i))
	}
	// All old ones are unlinked by now, so that one which moved is not taken for
	// a second one of its kind.
	for _, i := range changed {
		b := g.snapshot[int(i)*subSize:]
		g.link(c, int(i), &sockabi.Subscription{
			Tag:       b[subTag],
			Target:    le.Uint32(b[subTarget:]),
			Timeout:   le.Uint64(b[subTimeout:]),
			Precision: le.Uint64(b[subPrecise:]),
			Flags:     le.Uint16(b[subFlags:]),
		})
	}
	for _, i := range changed {
		g.arm(int(i))
	}
	g.changed = changed
	g.account.Rec.Argf(0, func() string { return listed(n, g.subscriptionText) })
}

// tell writes what happened, in the order of the subscriptions, and returns how
// many events that is.
func (g *guest) tell(events []byte) int {
	in := &g.interest
	told := 0
	var text []string
	for a, b := in.done.next(0), in.errors.next(0); a >= 0 || b >= 0; told++ {
		i := a
		if a < 0 || b >= 0 && b < a {
			i = b
		}
		r := &in.rows[i]
		ev := events[told*sockabi.EventSize : (told+1)*sockabi.EventSize]
		clear(ev)
		copy(ev[eventUserdata:], g.snapshot[i*subSize:][subUserdata:][:8])
		le.PutUint16(ev[eventErrno:], uint16(r.errno))
		ev[eventType] = r.tag
		switch {
		case r.errno != 0 || r.tag == sockabi.EVENTTYPE_CLOCK:
		case r.tag == sockabi.EVENTTYPE_SIGNAL:
			le.PutUint64(ev[eventNBytes:], g.signals.take())
		default:
			if r.s == nil || !r.s.listener {
				ev[eventNBytes] = 1
			}
			if in.hungup.has(i) {
				ev[eventFlags] = sockabi.EVENTRW_HANGUP
			}
		}
		if g.account.Rec != nil && told < mostListed {
			text = append(text, g.eventText(i))
		}
		if a == i {
			a = in.done.next(i + 1)
		}
		if b == i {
			b = in.errors.next(i + 1)
		}
	}
	g.account.Rec.Succeeded(func() string {
		return strconv.Itoa(told) + " " + listed(told, func(i int) string { return text[i] })
	})
	return told
}

// settle ends a poll: what was told is forgotten, and rows that held for this
// poll only will not be found the same again.
func (g *guest) settle() {
	in := &g.interest
	in.done.clear()
	in.hungup.clear()
	for _, i := range in.stale {
		g.invalidate(int(i))
	}
	in.stale, in.low, in.lowFDs = in.stale[:0], in.low[:0], in.lowFDs[:0]
}

// invalidate makes row i stand for bytes that no subscription has, or none that
// means anything: if a guest wrote them they would be EINVAL, and so is the row.
func (g *guest) invalidate(i int) {
	was := g.snapshot[i*subSize : (i+1)*subSize]
	for k := range was {
		was[k] = 0xff
	}
	g.interest.fail(i, was[subTag], sockabi.EINVAL)
}
