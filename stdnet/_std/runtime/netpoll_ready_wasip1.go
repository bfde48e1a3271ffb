//go:build wasip1

package runtime

import (
	"internal/sockabi"
	_ "unsafe" // for go:linkname
)

// netpollReadable asks the host whether fd can be read without waiting. What cannot be
// polled, as a regular file, can.
//
//go:linkname netpollReadable syscall.readable
func netpollReadable(fd int) (ready bool) {
	netpollGenericInit()
	p := &netpolls
	lock(&p.lock)
	p.now = hostNanotime()
	row := p.n
	p.rows[row] = sockabi.Subscription{Userdata: pollClock - 1, Tag: sockabi.EVENTTYPE_FD_READ, Target: uint32(fd)}
	p.n++
	events, _ := p.settle(row, p.now)
	for k := range p.events[:events] {
		ready = ready || p.events[k].Userdata == pollClock-1
	}
	p.n--
	unlock(&p.lock)
	return ready
}

// netpollPipe makes goroutines that wait for fd, an end of a pipe, try again.
//
//go:linkname netpollPipe syscall.pipeReady
func netpollPipe(fd int) {
	systemstack(func() {
		p := &netpolls
		lock(&p.lock)
		for i := p.firstOf(int32(fd)); i != 0; i = p.slots[i].next {
			if s := &p.slots[i]; s.fd == int32(fd) {
				p.ready(i, 'r'+'w')
			}
		}
		toRun, delta := p.take()
		unlock(&p.lock)
		injectglist(&toRun)
		netpollAdjustWaiters(delta)
	})
}

// firstOf is the first slot of those that fd may be in, 0 if there is none.
func (p *netpollState) firstOf(fd int32) int32 {
	if len(p.chains) == 0 {
		return 0
	}
	return *p.chain(fd)
}
