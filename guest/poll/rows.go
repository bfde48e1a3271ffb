package poll

import (
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// clockUserdata marks the clock's subscription: no slot has this number.
const clockUserdata = 1<<64 - 1

// never is a moment that does not come.
const never time.Duration = 1<<63 - 1

// rows is an array of subscriptions for the host. It changes only where a
// registration does, because a host may compare it with the one before.
type rows struct {
	subs []sockabi.Subscription
}

// with is the subscriptions, and after them those to signals, if there is one, and of the
// clock, unless timeout is never.
func (r *rows) with(s *signals, timeout time.Duration) []sockabi.Subscription {
	subs := r.subs
	if s.on {
		subs = append(subs, s.row)
	}
	if timeout != never {
		subs = append(subs, sockabi.Subscription{
			Userdata: clockUserdata,
			Tag:      sockabi.EVENTTYPE_CLOCK,
			Target:   sockabi.CLOCK_MONOTONIC,
			Timeout:  uint64(max(0, timeout)),
		})
	}
	r.subs = subs[:len(r.subs)] // keeps the room
	return subs
}

func (r *rows) add(i int32, s *slot, direction int) {
	r.subs = append(r.subs, sockabi.Subscription{
		Userdata: uint64(s.generation)<<32 | uint64(uint32(i)),
		Tag:      uint8(sockabi.EVENTTYPE_FD_READ + direction),
		Target:   uint32(s.fd),
	})
}

// An EVENTTYPE is the Interest it is about, and one more than its direction.
var (
	_ [sockabi.EVENTTYPE_FD_READ]byte  = [Readable]byte{}
	_ [sockabi.EVENTTYPE_FD_WRITE]byte = [Writable]byte{}
)

// The directions, as indices of slot.row.
const (
	reading = iota
	writing
)

// watch makes the rows of slot i those of an interest.
func (p *Poll) watch(i int32, interest Interest) {
	p.slots[i].interest = interest
	p.setRow(i, reading, interest&Readable != 0)
	p.setRow(i, writing, interest&Writable != 0)
}

// setRow adds or removes a row. The last row takes the place of one that goes.
func (p *Poll) setRow(i int32, direction int, want bool) {
	s := &p.slots[i]
	row := s.row[direction]
	switch {
	case want == (row != 0):
		return
	case want:
		p.all.add(i, s, direction)
		s.row[direction] = int32(len(p.all.subs))
	default:
		end := len(p.all.subs) - 1
		last := p.all.subs[end]
		p.all.subs[row-1] = last
		p.slots[uint32(last.Userdata)].row[last.Tag-sockabi.EVENTTYPE_FD_READ] = row
		p.all.subs = p.all.subs[:end]
		s.row[direction] = 0
	}
	if s.hotAt != 0 {
		p.hot.stale = true
	}
}

// fillHot makes the hot rows anew if they changed, and returns how many there are.
func (p *Poll) fillHot() int {
	if !p.hot.stale {
		return len(p.hot.subs)
	}
	p.hot.stale = false
	p.hot.subs = p.hot.subs[:0]
	for _, i := range p.hot.slots {
		s := &p.slots[i]
		for direction, row := range s.row {
			if row != 0 {
				p.hot.add(i, s, direction)
			}
		}
	}
	return len(p.hot.subs)
}
