//go:build wasip1

package runtime

import (
	"internal/sockabi"
	"unsafe"
)

// Where a poll of every row costs much, the host is asked about the hot ones alone, those
// armed lately, and the cold ones are swept, as package hotcold has it.

// pollBound is how late a cold row may be noticed.
const pollBound = 50e6

// plan decides how to poll next, and sweeps.
func (p *netpollState) plan() sockabi.Plan {
	plan := p.split.Decide(p.now, p.n, p.n-p.cold, p.busy.polls >= sockabi.MinBurst)
	if plan == sockabi.PlanHot || plan == sockabi.PlanCool {
		p.sweep(plan == sockabi.PlanHot)
		// To poll the clock alone would make WasmEdge forget every row.
		if plan == sockabi.PlanCool || p.cold == p.n {
			plan = p.split.Again(p.now)
		}
	}
	return plan
}

// sweep goes on as far as it should have come by now. Hot rows that were silent for
// two sweeps cool down; cold ones are asked, if ask.
func (p *netpollState) sweep(ask bool) {
	steps := p.split.Steps(p.now, p.used)
	begin := p.now
	for range steps {
		i := int32(p.split.Next(1, p.used))
		switch s := &p.slots[i]; {
		case s.row[pollReading] == 0:
		case int(s.row[pollReading]) <= p.cold:
			if ask {
				p.peek(i)
			}
		case p.split.Idle(s.active, p.now) && p.mayCool(i):
			p.cool(int(s.row[pollReading] - 1))
		}
	}
	if ask && sockabi.Timed(steps) {
		p.now = hostNanotime()
		p.split.Stepped(steps, p.now-begin)
	}
}

// cool makes a hot row the last cold one.
func (p *netpollState) cool(k int) {
	row := p.rows[k]
	p.put(k, &p.rows[p.cold])
	p.put(p.cold, &row)
	p.cold++
}

const (
	pollKindUnknown = iota
	pollKindStream  // non-blocking, no listener
	pollKindDatagram
	pollKindOther
)

// mayCool reports whether to peek notices all that slot i waits for, and does no harm:
// it must not block, and must not take the errors of a datagram socket, which goes on
// after them.
func (p *netpollState) mayCool(i int32) bool {
	s := &p.slots[i]
	return s.row[pollWriting] == 0 && s.mutedUntil == 0 && s.kindIs(pollKindStream)
}

// kindIs asks the host once for each descriptor.
func (s *pollSlot) kindIs(kind uint8) bool {
	if s.kind == pollKindUnknown {
		s.kind = pollKindOf(s.fd)
	}
	return s.kind == kind
}

func pollKindOf(fd int32) uint8 {
	if socktype, ok := pollOption(fd, sockabi.SO_TYPE); !ok {
		return pollKindOther
	} else if socktype == sockabi.SOCK_DGRAM {
		return pollKindDatagram
	}
	listens, ok := pollOption(fd, sockabi.SO_ACCEPTCONN)
	if !ok || listens != 0 || fd_fdstat_get(fd, &pollScratch.stat) != 0 || pollScratch.stat.Flags&sockabi.FDFLAG_NONBLOCK == 0 {
		return pollKindOther
	}
	return pollKindStream
}

// peek makes slot i ready if there is something to read. An error that is found so is
// used up, and so is kept for whoever reads.
func (p *netpollState) peek(i int32) {
	s := &p.slots[i]
	switch e := peekAt(s.fd); e {
	case sockabi.EAGAIN, sockabi.EINTR:
		return
	case 0:
	default:
		if s.err == 0 {
			p.errs++
		}
		s.err = uint16(e)
	}
	p.ready(i, 'r')
}

// peekAt receives a byte from fd without taking it. An error is used up.
func peekAt(fd int32) sockabi.Errno {
	c := &pollScratch
	c.iov = sockabi.IOVec{Buf: uint32(uintptr(unsafe.Pointer(&c.data))), Len: 1}
	return sockabi.Errno(sock_recv(fd, &c.iov, 1, sockabi.RI_PEEK, &c.n, &c.flags))
}

// pollScratch is where the host reads and writes.
var pollScratch struct {
	stat     sockabi.FDStat
	iov      sockabi.IOVec
	n, flags uint32
	data     uint32
	option   int32
	size     uint32
}

func pollOption(fd, name int32) (int32, bool) {
	pollScratch.size = 4
	e := sock_getsockopt(fd, sockabi.SOL_SOCKET, name, &pollScratch.option, &pollScratch.size)
	return pollScratch.option, e == 0
}

//go:wasmimport wasi_snapshot_preview1 fd_fdstat_get
//go:noescape
func fd_fdstat_get(fd int32, stat *sockabi.FDStat) errno

//go:wasmimport wasi_snapshot_preview1 sock_getsockopt
//go:noescape
func sock_getsockopt(fd, level, name int32, value *int32, size *uint32) errno

//go:wasmimport wasi_snapshot_preview1 sock_recv_v2
//go:noescape
func sock_recv(fd int32, iovs *sockabi.IOVec, iovslen, flags uint32, nread *uint32, roflags *uint32) errno
