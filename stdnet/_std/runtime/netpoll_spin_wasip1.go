//go:build wasip1

package runtime

// WasmEdge has two states in which a poll ends at once with nothing to report, not even
// the clock, and would do so forever: a descriptor watched for writing alone whose
// buffer is full and whose peer has half-closed, and a datagram socket watched for
// reading alone that holds an ICMP error. Which descriptor it is, it does not say.

const (
	pollMinMute int64 = 1e6
	pollMaxMute int64 = 50e6
)

// spinning breaks the loop after a poll that ended with nothing. What is watched for
// writing alone is left out for a while, twice as long each time. If there is no such
// descriptor, datagram sockets are made ready, so that their owners read the error. If
// there is none either, the reason is unknown, and all there is to do is not to burn
// the processor.
func (p *netpollState) spinning() {
	if p.muteWriters() || p.readyDatagrams() {
		return
	}
	if p.spins++; p.spins > 1 { // once is an accident
		p.sleep(p.now + min(pollMinMute<<min(p.spins-2, 10), pollMaxMute))
	}
}

func (p *netpollState) muteWriters() (any bool) {
	for i := int32(1); int(i) < p.used; i++ {
		s := &p.slots[i]
		if s.row[pollWriting] != 0 && s.row[pollReading] == 0 {
			s.mute = min(max(2*s.mute, pollMinMute), pollMaxMute)
			s.mutedUntil = p.now + s.mute
			p.muted[p.nmuted] = i
			p.nmuted++
			p.drop(i, pollWriting)
			any = true
		}
	}
	return any
}

func (p *netpollState) readyDatagrams() (any bool) {
	for i := int32(1); int(i) < p.used; i++ {
		s := &p.slots[i]
		if s.row[pollReading] != 0 && s.row[pollWriting] == 0 && s.kindIs(pollKindDatagram) {
			p.ready(i, 'r')
			any = true
		}
	}
	return any
}

// unmuteDue watches again what has been left out for long enough, and returns when that
// must be done next, or never.
func (p *netpollState) unmuteDue() int64 {
	next := pollNever
	for k := p.nmuted - 1; k >= 0; k-- {
		i := p.muted[k]
		if s := &p.slots[i]; s.mutedUntil > p.now {
			next = min(next, s.mutedUntil)
		} else {
			p.unmute(i)
			p.add(i, pollWriting)
		}
	}
	return next
}

// unmute forgets that slot i is left out, without watching it again.
func (p *netpollState) unmute(i int32) {
	if p.slots[i].mutedUntil == 0 {
		return
	}
	p.slots[i].mutedUntil = 0
	for k, j := range p.muted[:p.nmuted] {
		if i == j {
			p.nmuted--
			p.muted[k] = p.muted[p.nmuted]
			return
		}
	}
}
