//go:build wasip1

package runtime

import (
	"internal/sockabi"
	"unsafe"
)

// pollTries is how many interruptions in a row are taken for what they seem to be.
const pollTries = 100

// settle asks about the rows from first on, and leaves the host's poller in order. It
// returns how many events there are, and whether nothing disturbed the poll.
//
// A signal to the host's process makes WasmEdge report to every subscription that it was
// interrupted (EINTR), and every one of the next call that it is there already
// (EEXIST). In between its poller points into the events of the interrupted call, and
// takes registrations for made that are not: only a call with the very same rows puts
// that right, and another ends in ENOENT for good, or aborts WasmEdge. So the same
// rows are submitted again, without waiting. ENOENT nevertheless is cured by a poll of
// the clock alone, after which WasmEdge forgets every registration.
func (p *netpollState) settle(first int, until int64) (events int, undisturbed bool) {
	events, trouble := p.oneoff(first, until)
	if trouble == 0 {
		return events, true
	}
	cured := false
	for range pollTries {
		if trouble == sockabi.ENOENT && !cured {
			cured = true
			p.oneoff(p.n, 0)
		}
		events, trouble = p.oneoff(first, 0)
		if trouble == 0 || trouble == sockabi.ENOENT && cured {
			return events, false
		}
	}
	if trouble == sockabi.EINTR {
		return 0, false
	}
	return events, false // a descriptor that is there twice
}

// oneoff asks about the rows from first on, and the clock, unless until is never. Of
// what may be wrong with the host's poller it returns the first to be cured.
func (p *netpollState) oneoff(first int, until int64) (events int, trouble sockabi.Errno) {
	n := p.n - first + p.putRows(until)
	var nevents size
	e := poll_oneoff((*subscription)(unsafe.Pointer(&p.rows[first])), (*event)(unsafe.Pointer(&p.events[0])), size(n), &nevents)
	p.now = hostNanotime()
	switch e {
	case 0:
	case errno(sockabi.EINTR):
		return 0, sockabi.EINTR
	default:
		println("runtime: poll_oneoff of", n, "subscriptions failed with errno", e)
		throw("poll_oneoff failed")
	}
	for k := range p.events[:nevents] {
		if p.events[k].Userdata == pollSignal {
			p.signalled(&p.events[k])
		}
		switch e := p.events[k].Errno; e {
		case sockabi.EINTR:
			trouble = e
		case sockabi.EEXIST:
			if trouble != sockabi.EINTR {
				trouble = e
			}
		case sockabi.ENOENT:
			if trouble == 0 {
				trouble = e
			}
		}
	}
	return int(nevents), trouble
}
