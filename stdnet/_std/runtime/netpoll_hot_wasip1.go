//go:build wasip1

package runtime

import (
	"internal/sockabi"
	"unsafe"
)

// Where a poll of every row is dear, the host is asked about the hot ones alone, those
// armed lately, and the cold ones are swept: each is asked once per sweep whether
// there is anything to read, by receiving without taking. That is cheaper than to
// begin and cease watching it, is spread over the whole sweep, and leaves the set of
// watched descriptors as it is. After a silence the next poll waits for every row, and
// takes no processor time.

const (
	// pollBound is how late a cold row may be noticed. The hot ones alone are waited
	// for no longer than pollQuiet, and a sweep takes the rest of it: longer where it
	// would take more than one part in pollSweepShare of the processor's time.
	pollBound      = 50e6
	pollQuiet      = pollBound / 20
	pollWhole      = pollBound - pollQuiet
	pollSweepShare = 4

	// pollMinTimed is how many steps of a sweep are worth timing.
	pollMinTimed = 64

	// pollMinSplit is how many rows are never worth splitting.
	pollMinSplit = 64

	// pollDear is the cost of a full poll from which on splitting pays. A host that
	// keeps its interest set stays below it at thousands of rows; WasmEdge reaches it
	// at about 150.
	pollDear = 150e3

	// pollSamples is of how many measurements the least counts, because the machine
	// may have done something else during the others, and pollStale how old they
	// become.
	pollSamples = 3
	pollStale   = 10e9

	// pollMinBurst is how many polls in a row must have brought something: for fewer,
	// changing what the host watches costs more than it saves. pollMaxBurst is enough
	// for a burst to go on after one silence, but not after two.
	pollMinBurst = 3
	pollMaxBurst = 4 * pollMinBurst
)

// fullPolls is what polls of everything cost.
type fullPolls struct {
	cost     int64 // of a row, the least that was measured
	measured int   // times
	at       int64 // the last time
}

// took notes how long a full poll of n rows took: what it cost, if it did not wait,
// and more than that otherwise.
func (f *fullPolls) took(d int64, n int, probe bool) {
	if n == 0 {
		return
	}
	if cost := d / int64(n); f.measured == 0 || cost < f.cost {
		f.cost = cost
	}
	if probe {
		f.measured++
	}
}

// pollRate tells bursts of events from single ones.
type pollRate struct {
	burst int   // polls that brought something, without a silence between them
	last  int64 // the latest of them
}

func (r *pollRate) silent(now int64) bool { return now-r.last > 2*pollBound }

func (r *pollRate) ready(now int64) {
	if r.silent(now) {
		r.burst /= 4
	}
	r.burst = min(r.burst+1, pollMaxBurst)
	r.last = now
}

type pollPlan int

const (
	pollPlanFull  pollPlan = iota // wait for every row
	pollPlanHot                   // wait for the hot ones, for a while
	pollPlanProbe                 // ask about every row without waiting, to measure that
)

// plan decides how to poll next.
func (p *netpollState) plan() pollPlan {
	f := &p.full
	if p.n < pollMinSplit {
		return pollPlanFull
	}
	if f.measured < pollSamples {
		f.at = p.now
		return pollPlanProbe
	}
	if f.cost*int64(p.n) >= pollDear {
		hot := 2*(p.n-p.cold) <= p.n && (p.busy.polls >= pollMinBurst ||
			p.rate.burst >= pollMinBurst && !p.rate.silent(p.now))
		p.sweep(hot)
		if hot && p.cold < p.n { // to poll the clock alone would make WasmEdge forget every row
			return pollPlanHot
		}
	}
	if p.now-f.at > pollStale {
		f.measured, f.at = 0, p.now
		return pollPlanProbe
	}
	return pollPlanFull
}

// pollSweep is how far the sweep has come.
type pollSweep struct {
	next int   // slot that comes next
	at   int64 // when it came there
	cost int64 // of a step, about
}

// sweep goes on as far as it should have come by now. Hot rows that were silent for
// two sweeps cool down; cold ones are asked, if ask.
func (p *netpollState) sweep(ask bool) {
	h := &p.hot
	all := int64(p.used)
	whole := max(pollWhole, pollSweepShare*h.cost*all)
	steps := min(p.now-h.at, whole) * all / whole
	if steps < all {
		h.at += steps * whole / all
	} else {
		h.at = p.now
	}
	begin := p.now
	for range steps {
		if h.next++; h.next >= p.used {
			h.next = 1
		}
		i := int32(h.next)
		switch s := &p.slots[i]; {
		case s.row[pollReading] == 0:
		case int(s.row[pollReading]) <= p.cold:
			if ask {
				p.peek(i)
			}
		case s.active < p.now-2*pollWhole && p.mayCool(i):
			p.cool(int(s.row[pollReading] - 1))
		}
	}
	if ask && steps >= pollMinTimed {
		p.now = hostNanotime()
		h.cost = (3*h.cost + (p.now-begin)/steps) / 4
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

// mayCool tells whether to peek notices all that slot i waits for, and does no harm:
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
