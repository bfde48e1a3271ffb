package poll

import "github.com/wasisock/wasisock/sockabi"

// clockUserdata marks the clock's subscription: no slot has this number.
const clockUserdata = 1<<64 - 1

// rows is an array of subscriptions for the host. The first is the clock's, left
// out of a poll that has no deadline.
type rows struct {
	subs []sockabi.Subscription
}

func (r *rows) init() {
	if len(r.subs) == 0 {
		r.subs = append(r.subs, sockabi.Subscription{
			Userdata: clockUserdata,
			Tag:      sockabi.EVENTTYPE_CLOCK,
			Target:   sockabi.CLOCK_MONOTONIC,
		})
	}
}

func (r *rows) add(s *slot, i int32, direction int) int32 {
	r.subs = append(r.subs, sockabi.Subscription{
		Userdata: uint64(s.generation)<<32 | uint64(uint32(i)),
		Tag:      uint8(sockabi.EVENTTYPE_FD_READ + direction),
		Target:   uint32(s.fd),
	})
	return int32(len(r.subs) - 1)
}

// watch makes the rows of slot i those of an interest. A row that goes is replaced
// by the last.
func (p *Poll) watch(i int32, interest Interest) {
	s := &p.slots[i]
	s.interest = interest
	for direction := range s.row {
		p.setRow(i, direction, interest&(1<<direction) != 0)
	}
}

func (p *Poll) setRow(i int32, direction int, want bool) {
	s := &p.slots[i]
	row := s.row[direction]
	switch {
	case want && row == 0:
		s.row[direction] = p.all.add(s, i, direction)
	case !want && row != 0:
		last := int32(len(p.all.subs) - 1)
		moved := p.all.subs[last]
		p.all.subs[row] = moved
		p.slots[uint32(moved.Userdata)].row[moved.Tag-sockabi.EVENTTYPE_FD_READ] = row
		p.all.subs = p.all.subs[:last]
		s.row[direction] = 0
	default:
		return
	}
	if s.hotAt != 0 {
		p.cost.stale = true
	}
}

// fillHot makes the hot rows anew if they changed.
func (p *Poll) fillHot() {
	if !p.cost.stale {
		return
	}
	p.cost.stale = false
	p.hot.init()
	p.hot.subs = p.hot.subs[:1]
	for _, i := range p.cost.hot {
		s := &p.slots[i]
		for direction, row := range s.row {
			if row != 0 {
				p.hot.add(s, i, direction)
			}
		}
	}
}
