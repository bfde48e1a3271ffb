package poll

import (
	"os"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/internal/hotcold"
	"github.com/wasisock/wasisock/sockabi"
)

// Wait waits until a registered descriptor is ready or a signal of Notify arrives, fills events
// and returns how many it filled. A timeout below 0 waits forever, and 0 returns at once;
// otherwise Wait returns 0 when the timeout has passed, never earlier. Events that do not fit
// are returned by the next Wait, before it asks the host. With nothing registered Wait sleeps
// for the timeout, or returns ErrIdle if there is none.
//
// A signal to the host's process does not end Wait, unless Notify asked for it. Wait fails with
// EINVAL if events is empty. Any other error comes from the host's poll_oneoff, and usually
// persists.
func (p *Poll) Wait(events []Event, timeout time.Duration) (int, error) {
	if len(events) == 0 {
		return 0, os.NewSyscallError("poll_oneoff", syscall.EINVAL)
	}
	p.init()
	if n := p.deliver(events); n > 0 {
		return n, nil
	}
	if len(p.byFD) == 0 && !p.signals.on && timeout < 0 {
		return 0, ErrIdle
	}
	p.now = p.sys.now()
	deadline := never
	if timeout >= 0 && p.now+timeout >= p.now {
		deadline = p.now + timeout
	}
	for {
		if err := p.poll(deadline); err != nil {
			return 0, err
		}
		if n := p.deliver(events); n > 0 {
			return n, nil
		}
		if p.now >= deadline {
			return 0, nil
		}
	}
}

// poll asks the host, until deadline at the latest, and queues what is ready. It may
// queue nothing and be back before the deadline.
func (p *Poll) poll(deadline time.Duration) error {
	p.split.Bound = int64(p.bound())
	until := min(deadline, p.unmuteDue())
	if len(p.all.subs) == 0 {
		return p.sleep(until) // nothing is registered, or all of it is left out for a while
	}
	begin, plan := p.now, p.plan()
	switch plan {
	case hotcold.PlanHot: // what the sweep found is hot now, and ready
		_, err := p.ask(&p.hot.rows, min(until, p.now+time.Duration(p.split.Quiet())))
		return err
	case hotcold.PlanProbe:
		until = p.now
	}
	known, err := p.ask(&p.all, until)
	if known && 8*len(p.ready) <= len(p.byFD) { // to report many costs much on any host
		p.split.Took(int64(p.now-begin), len(p.byFD), plan == hotcold.PlanProbe)
	}
	return err
}

// ask asks the host about rows, waiting until a moment at most, and queues what is
// ready. It is false if nothing is known afterwards.
func (p *Poll) ask(r *rows, until time.Duration) (bool, error) {
	a, err := p.settle(r, until)
	if a.nothing && len(p.ready) == 0 && err == nil {
		return false, p.spinning()
	}
	p.spins = 0
	if len(p.ready) > 0 {
		p.split.Ready(int64(p.now))
	}
	return !a.interrupted && err == nil, err
}

// interruptions is how many in a row are absorbed, so that a host that knows no
// other answer does not keep Wait forever.
const interruptions = 100

// settle is oneoff, and leaves the host's poller in order.
//
// A signal to the host's process makes WasmEdge report to every subscription that it was
// interrupted (EINTR), and every one of the next call that it is there already
// (EEXIST). In between its poller points into the events of the interrupted call, and
// takes registrations for made that are not: only a call with the very same rows puts
// that right, and another ends in ENOENT for good, or aborts WasmEdge. So the same
// rows are submitted again, without waiting. ENOENT nevertheless, because it was a
// poll of Go's runtime that was interrupted, is cured by a poll of the clock alone,
// after which WasmEdge forgets every registration.
func (p *Poll) settle(r *rows, until time.Duration) (answer, error) {
	cured := false
	a, err := p.oneoff(r, until, cured)
	if !a.interrupted && !a.lost {
		return a, err
	}
	for try := 0; err == nil && (a.interrupted || a.lost); try++ {
		if try == interruptions {
			return a, os.NewSyscallError("poll_oneoff", syscall.EINTR)
		}
		if a.lost {
			cured = true
			if _, err = p.oneoff(&p.none, 0, cured); err != nil {
				break
			}
		}
		a, err = p.oneoff(r, 0, cured)
	}
	return answer{interrupted: true}, err
}

// answer is the result of a call of the host, besides what is ready.
type answer struct {
	interrupted bool // EINTR or EEXIST
	lost        bool // ENOENT, not yet cured
	nothing     bool // no event, not even the clock's
}

func (p *Poll) oneoff(r *rows, until time.Duration, cured bool) (a answer, err error) {
	timeout := until
	if until != never {
		timeout = until - p.now
	}
	subs := r.with(&p.signals, timeout)
	if len(p.events) < len(subs) {
		p.events = make([]sockabi.Event, 2*len(subs))
	}
	n, e := p.sys.oneoff(subs, p.events)
	p.now = p.sys.now()
	switch e {
	case 0:
	case sockabi.EINTR:
		return answer{interrupted: true}, nil
	default:
		return a, failure("poll_oneoff", e)
	}
	a.nothing = n == 0
	for k := range p.events[:n] {
		event := &p.events[k]
		switch {
		case event.Userdata == signalUserdata:
			p.signalled(event)
		case event.Errno == 0:
			p.queue(event)
		case event.Errno == sockabi.EINTR || event.Errno == sockabi.EEXIST:
			a.interrupted = true
		case event.Errno == sockabi.ENOENT && !cured:
			a.lost = true
		case event.Userdata == clockUserdata:
			return a, failure("poll_oneoff", event.Errno)
		default:
			p.queue(event)
		}
	}
	return a, nil
}

// queue adds an event of the host's to the events to report. One of a registration that is
// no more, is dropped.
func (p *Poll) queue(event *sockabi.Event) {
	i := uint32(event.Userdata)
	if event.Userdata == clockUserdata || int(i) >= len(p.slots) {
		return
	}
	s := &p.slots[i]
	if s.fd < 0 || s.generation != uint32(event.Userdata>>32) {
		return
	}
	if event.Errno != 0 {
		s.pending.Err = failure("poll_oneoff", event.Errno)
	} else {
		s.pending.Ready |= Interest(event.Type) & s.interest
		s.pending.Hangup = s.pending.Hangup || event.Flags&sockabi.EVENTRW_HANGUP != 0
		if event.Type == sockabi.EVENTTYPE_FD_WRITE {
			s.mute = 0
		}
		p.heat(int32(i))
	}
	p.enqueue(int32(i))
}

func (p *Poll) enqueue(i int32) {
	if s := &p.slots[i]; !s.queued {
		s.queued = true
		p.ready = append(p.ready, i)
	}
}

// deliver moves what is queued to events.
func (p *Poll) deliver(events []Event) int {
	n, taken := p.signals.deliver(events), 0
	for _, i := range p.ready {
		if n == len(events) {
			break
		}
		taken++
		s := &p.slots[i]
		s.queued = false
		if s.pending.Ready != 0 || s.pending.Err != nil {
			s.pending.Token = s.token
			events[n] = s.pending
			n++
		}
		s.pending = Event{}
	}
	p.ready = p.ready[:copy(p.ready, p.ready[taken:])]
	return n
}

// sleep waits until a moment, or less, without watching anything. After this WasmEdge
// forgets every registration, and learns them again at the next poll.
func (p *Poll) sleep(until time.Duration) error {
	_, err := p.settle(&p.none, min(until, p.now+time.Hour))
	return err
}
