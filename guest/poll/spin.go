package poll

import "time"

// WasmEdge has two states in which a poll ends at once with nothing to tell, and
// would do so for ever: a descriptor watched for writing alone whose buffer is full
// and whose peer has half-closed, and a datagram socket watched for reading alone
// that holds an ICMP error. Which descriptor it is, it does not say.

const (
	minMute = time.Millisecond
	maxMute = 50 * time.Millisecond
)

// spinning breaks the loop after a poll that ended early with nothing: what is
// watched for writing alone is left out for a while, twice as long each time, and
// datagram sockets are reported readable, so that their owner meets the error.
func (p *Poll) spinning(now time.Duration) {
	p.cost.spins++
	suspects := false
	for i := range p.slots {
		s := &p.slots[i]
		switch {
		case s.fd < 0:
		case s.interest == Writable:
			if s.mutedUntil == 0 {
				s.mute = min(max(2*s.mute, minMute), maxMute)
				s.mutedUntil = now + s.mute
				p.muted = append(p.muted, int32(i))
				p.setRow(int32(i), 1, false)
			}
			suspects = true
		case s.interest&Readable != 0 && p.kindOf(int32(i)) == kindDatagram:
			s.pending.Ready |= Readable
			p.enqueue(int32(i))
			suspects = true
		}
	}
	if !suspects && p.cost.spins > 3 {
		p.sleep(minMute) // unknown to us: at least do not burn the processor
	}
}

// unmuteDue watches again what has been left out for long enough.
func (p *Poll) unmuteDue(now time.Duration) {
	for k := len(p.muted) - 1; k >= 0; k-- {
		if i := p.muted[k]; p.slots[i].mutedUntil <= now {
			p.slots[i].mutedUntil = 0
			p.setRow(i, 1, true)
			p.muted[k] = p.muted[len(p.muted)-1]
			p.muted = p.muted[:len(p.muted)-1]
		}
	}
}

// unmute forgets that slot i is left out, without watching it again.
func (p *Poll) unmute(i int32) {
	s := &p.slots[i]
	if s.mutedUntil == 0 {
		return
	}
	s.mutedUntil, s.mute = 0, 0
	for k, j := range p.muted {
		if i == j {
			p.muted[k] = p.muted[len(p.muted)-1]
			p.muted = p.muted[:len(p.muted)-1]
			return
		}
	}
}

// nextUnmute is when the next descriptor is to be watched again, or below 0.
func (p *Poll) nextUnmute() time.Duration {
	var next time.Duration = -1
	for _, i := range p.muted {
		next = earlier(next, p.slots[i].mutedUntil)
	}
	return next
}
