package poll

import (
	"os"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// Wait waits until a registered descriptor is ready, fills events and returns how
// many it filled. A timeout below 0 waits for ever; 0 asks and returns at once;
// otherwise Wait returns 0 when it has passed, never earlier, and later by what the
// host's clock and scheduling add. What does not fit into events is told by the next
// Wait, before anything else. No events to fill are EINVAL. With nothing registered
// Wait sleeps for the timeout, or answers ErrIdle if there is none.
func (p *Poll) Wait(events []Event, timeout time.Duration) (int, error) {
	if len(events) == 0 {
		return 0, os.NewSyscallError("poll_oneoff", syscall.EINVAL)
	}
	p.init()
	if len(p.byFD) == 0 {
		if timeout < 0 {
			return 0, ErrIdle
		}
		p.sleep(timeout)
		return 0, nil
	}
	if n := p.tell(events); n > 0 {
		return n, nil
	}
	var deadline time.Duration = -1
	now := p.os.now()
	if timeout >= 0 {
		if deadline = now + timeout; deadline < now {
			deadline = -1 // beyond the clock's end: for ever
		}
	}
	for {
		if err := p.poll(now, deadline); err != nil {
			return 0, err
		}
		if n := p.tell(events); n > 0 {
			return n, nil
		}
		if now = p.os.now(); deadline >= 0 && now >= deadline {
			return 0, nil
		}
	}
}

// poll asks the host, until deadline at the latest, for ever if it is negative, and
// queues what is ready. It may queue nothing before the deadline.
func (p *Poll) poll(now, deadline time.Duration) error {
	p.now = now
	p.unmuteDue(now)
	until := earlier(deadline, p.nextUnmute())
	if len(p.all.subs) == 1 {
		p.sleep(until - now) // all there is to watch is left out for a while
		return nil
	}
	switch p.plan() {
	case planProbe:
		_, err := p.oneoff(&p.all, now, now)
		p.measure(p.os.now() - now)
		return err
	case planHot:
		if len(p.ready) > 0 {
			return nil
		}
		_, quiet := p.split()
		n, err := p.oneoff(&p.hot, now, earlier(until, now+quiet))
		if n > 0 || err != nil {
			p.cost.silent = 0
			return err
		}
		if p.cost.silent++; p.cost.silent < patience {
			return nil
		}
		if now = p.os.now(); until >= 0 && now >= until {
			return nil
		}
		p.cost.silent, p.cost.burst = 0, 0
	}
	n, err := p.oneoff(&p.all, now, until)
	if err != nil {
		return err
	}
	if now = p.os.now(); n == 0 && (until < 0 || now < until) {
		p.spinning(now)
	} else {
		p.cost.spins = 0
	}
	return nil
}

func earlier(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// oneoff asks the host about rows, until a moment, for ever if it is negative. It
// queues the slots that have an event, and returns how many subscriptions had one.
func (p *Poll) oneoff(r *rows, now, until time.Duration) (int, error) {
	subs := r.subs[1:]
	if until >= 0 {
		subs = r.subs
		subs[0].Timeout = uint64(max(0, until-now))
	}
	if len(p.events) < len(subs) {
		p.events = make([]sockabi.Event, 2*len(subs))
	}
	n, e := p.os.oneoff(subs, p.events)
	switch e {
	case 0:
	case sockabi.EINTR:
		return 0, nil
	default:
		return 0, failure("poll_oneoff", e)
	}
	told := 0
	for k := range p.events[:n] {
		if p.queue(&p.events[k]) {
			told++
		}
	}
	return told, nil
}

// queue adds one event of the host's to what is to tell.
func (p *Poll) queue(ev *sockabi.Event) bool {
	i := uint32(ev.Userdata)
	if ev.Userdata == clockUserdata || int(i) >= len(p.slots) {
		return false
	}
	s := &p.slots[i]
	if s.fd < 0 || s.generation != uint32(ev.Userdata>>32) {
		return false
	}
	switch ev.Errno {
	case 0:
	case sockabi.EINTR, sockabi.EEXIST:
		// A signal to the host's process: WasmEdge tells every subscription of the
		// call that it was interrupted, and of the next that it exists already. The
		// one after that is right.
		p.cost.spins = 0
		return true
	default:
		s.pending.Err = failure("poll_oneoff", ev.Errno)
		p.enqueue(int32(i))
		return true
	}
	s.pending.Ready |= Interest(ev.Type) & s.interest
	if ev.Flags&sockabi.EVENTRW_HANGUP != 0 {
		s.pending.Hangup = true
	}
	if ev.Type == sockabi.EVENTTYPE_FD_WRITE {
		s.mute = 0
	}
	p.enqueue(int32(i))
	p.heat(int32(i))
	return true
}

// An EVENTTYPE is the Interest it is about.
var (
	_ [sockabi.EVENTTYPE_FD_READ]byte  = [Readable]byte{}
	_ [sockabi.EVENTTYPE_FD_WRITE]byte = [Writable]byte{}
)

func (p *Poll) enqueue(i int32) {
	if s := &p.slots[i]; !s.queued {
		s.queued = true
		p.ready = append(p.ready, i)
	}
}

// tell moves what is queued to events.
func (p *Poll) tell(events []Event) int {
	n, taken := 0, 0
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

// sleep waits without watching anything.
func (p *Poll) sleep(d time.Duration) {
	now := p.os.now()
	p.all.init()
	if len(p.events) == 0 {
		p.events = make([]sockabi.Event, 1)
	}
	for until := now + d; now < until; now = p.os.now() {
		p.all.subs[0].Timeout = uint64(until - now)
		p.os.oneoff(p.all.subs[:1], p.events[:1])
	}
}
