package poll

import "time"

// WasmEdge has two states in which a poll ends at once with nothing to report, and
// would do so forever: a descriptor watched for writing alone whose buffer is full
// and whose peer has half-closed, and a datagram socket watched for reading alone
// that holds an ICMP error. Which descriptor it is, it does not say.

const (
	minMute = time.Millisecond
	maxMute = 50 * time.Millisecond
)

// spinning breaks the loop after a poll that ended with nothing. What is watched for
// writing alone is left out for a while, twice as long each time. If there is no such
// descriptor, datagram sockets are reported readable, so that their owners read the
// error. If there is none either, the reason is unknown, and all there is to do is not
// to burn the processor.
func (p *Poll) spinning() error {
	if p.muteWriters() || p.tellDatagrams() {
		return nil
	}
	if p.spins++; p.spins == 1 {
		return nil // once is an accident
	}
	return p.sleep(p.now + min(minMute<<min(p.spins-2, 10), maxMute))
}

func (p *Poll) muteWriters() (any bool) {
	for i := range p.slots {
		s := &p.slots[i]
		if s.fd >= 0 && s.interest == Writable && s.mutedUntil == 0 {
			s.mute = min(max(2*s.mute, minMute), maxMute)
			s.mutedUntil = p.now + s.mute
			p.muted = append(p.muted, int32(i))
			p.setRow(int32(i), writing, false)
			any = true
		}
	}
	return any
}

func (p *Poll) tellDatagrams() (any bool) {
	for i := range p.slots {
		s := &p.slots[i]
		if s.fd >= 0 && s.interest == Readable && p.kindOf(int32(i)) == kindDatagram {
			s.pending.Ready |= Readable
			p.enqueue(int32(i))
			p.heat(int32(i))
			any = true
		}
	}
	return any
}

// unmuteDue watches again what has been left out for long enough, and is when that
// must be done next, or never.
func (p *Poll) unmuteDue() time.Duration {
	next := never
	for k := len(p.muted) - 1; k >= 0; k-- {
		i := p.muted[k]
		if s := &p.slots[i]; s.mutedUntil > p.now {
			next = min(next, s.mutedUntil)
		} else {
			s.mutedUntil = 0
			p.setRow(i, writing, true)
			p.muted[k] = p.muted[len(p.muted)-1]
			p.muted = p.muted[:len(p.muted)-1]
		}
	}
	return next
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
