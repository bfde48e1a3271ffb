//go:build linux || darwin

package readiness

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

// Offsets in subscriptions and events, which are read and written by hand: with thousands in a
// call, the reflection of package binary would take most of the time.
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

	// chunk is the number of subscriptions that are compared at once.
	chunk = 64
)

var le = binary.LittleEndian

// Poll waits until an event occurs to which subs subscribes, an array of sockabi.Subscription in
// the guest's memory. It writes the events to events, which has room for as many sockabi.Event,
// and returns their number. The errno is EINTR once the guest is interrupted. All other errors
// are reported in events, and then Poll returns at once.
func (in *Set) Poll(subs, events []byte) (n int, errno sockabi.Errno) {
	in.subscribe(subs)
	defer in.finish()
	if !in.wait() {
		return 0, sockabi.EINTR
	}
	return in.writeEvents(events), 0
}

// subscribe makes subs the subscriptions that wait waits for. It does nothing for those whose
// bytes are the same as in the last call.
func (in *Set) subscribe(subs []byte) {
	n, old := len(subs)/subSize, len(in.rows)
	in.resize(n)
	in.snapshot = append(in.snapshot[:min(old, n)*subSize], subs[min(old, n)*subSize:]...)

	changed := in.changed[:0]
	for from := 0; from < min(old, n); from += chunk {
		to := min(from+chunk, old, n)
		if bytes.Equal(subs[from*subSize:to*subSize], in.snapshot[from*subSize:to*subSize]) {
			continue
		}
		for i := from; i < to; i++ {
			if sub, was := subs[i*subSize:(i+1)*subSize], in.snapshot[i*subSize:(i+1)*subSize]; !bytes.Equal(sub, was) {
				copy(was, sub)
				in.unlink(i)
				changed = append(changed, int32(i))
			}
		}
	}
	for i := old; i < n; i++ {
		changed = append(changed, int32(i))
	}
	// All old rows are unlinked by now, so that a subscription that moved is not taken for a
	// second one to the same socket.
	for _, i := range changed {
		b := in.snapshot[int(i)*subSize:]
		in.link(int(i), &sockabi.Subscription{
			Tag:       b[subTag],
			Target:    le.Uint32(b[subTarget:]),
			Timeout:   le.Uint64(b[subTimeout:]),
			Precision: le.Uint64(b[subPrecise:]),
			Flags:     le.Uint16(b[subFlags:]),
		})
	}
	for _, i := range changed {
		in.arm(int(i))
	}
	in.changed = changed
	in.account.Rec.Argf(0, func() string { return listed(n, in.subscriptionText) })
}

// writeEvents writes the events in the order of the subscriptions, and returns their number.
func (in *Set) writeEvents(events []byte) int {
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
		copy(ev[eventUserdata:], in.snapshot[i*subSize:][subUserdata:][:8])
		le.PutUint16(ev[eventErrno:], uint16(r.errno))
		ev[eventType] = r.tag
		switch {
		case r.errno != 0 || r.tag == sockabi.EVENTTYPE_CLOCK:
		case r.tag == sockabi.EVENTTYPE_SIGNAL:
			le.PutUint64(ev[eventNBytes:], in.guest.Take())
		default:
			if r.w == nil || !r.w.source.Listens() {
				ev[eventNBytes] = 1
			}
			if in.hungup.has(i) {
				ev[eventFlags] = sockabi.EVENTRW_HANGUP
			}
		}
		if in.account.Rec != nil && told < mostListed {
			text = append(text, in.eventText(i))
		}
		if a == i {
			a = in.done.next(i + 1)
		}
		if b == i {
			b = in.errors.next(i + 1)
		}
	}
	in.account.Rec.Succeeded(func() string {
		return strconv.Itoa(told) + " " + listed(told, func(i int) string { return text[i] })
	})
	return told
}

// finish ends a poll: it forgets the events, and invalidates the rows that are valid for this
// poll only.
func (in *Set) finish() {
	in.done.clear()
	in.hungup.clear()
	for _, i := range in.stale {
		in.invalidate(int(i))
	}
	in.stale, in.low, in.lowFDs = in.stale[:0], in.low[:0], in.lowFDs[:0]
}

// invalidate gives row i bytes that no valid subscription has. If a guest writes the same bytes,
// the row reports EINVAL, as it must.
func (in *Set) invalidate(i int) {
	was := in.snapshot[i*subSize : (i+1)*subSize]
	for k := range was {
		was[k] = 0xff
	}
	in.fail(i, was[subTag], sockabi.EINVAL)
}

// mostListed is how many subscriptions and events of a poll the trace lists.
const mostListed = 8

// listed returns a list of n texts, cut after mostListed.
func listed(n int, text func(i int) string) string {
	var texts []string
	for i := range min(n, mostListed) {
		texts = append(texts, text(i))
	}
	if n > mostListed {
		texts = append(texts, "…")
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// subscriptionText describes subscription i.
func (in *Set) subscriptionText(i int) string {
	r := &in.rows[i]
	target := strconv.FormatUint(uint64(le.Uint32(in.snapshot[i*subSize:][subTarget:])), 10)
	switch {
	case r.tag == sockabi.EVENTTYPE_CLOCK && r.errno == 0:
		return "clock " + time.Duration(in.duration(r)).String()
	case r.tag == sockabi.EVENTTYPE_CLOCK:
		return "clock"
	case r.tag == sockabi.EVENTTYPE_FD_READ:
		return "read " + target
	case r.tag == sockabi.EVENTTYPE_FD_WRITE:
		return "write " + target
	case r.tag == sockabi.EVENTTYPE_SIGNAL:
		return "signal"
	}
	return target
}

// eventText describes the event of subscription i.
func (in *Set) eventText(i int) string {
	r := &in.rows[i]
	text := "clock"
	if r.tag != sockabi.EVENTTYPE_CLOCK {
		text = in.subscriptionText(i)
	}
	if r.errno != 0 {
		return text + " " + r.errno.Name()
	}
	if in.hungup.has(i) {
		return text + " hangup"
	}
	return text
}
