//go:build linux || darwin

package system

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// Directions, of subscriptions and of what the poller watches for. The bit of a
// direction is 1 << direction.
const (
	reading, writing  = 0, 1
	canRead, canWrite = 1 << reading, 1 << writing
)

// A row is what one subscription comes to. Rows live from poll to poll as long
// as the guest repeats their bytes.
type row struct {
	tag   uint8         // sockabi.EVENTTYPE_*, or what the guest wrote there
	errno sockabi.Errno // told at once, if not 0

	s *socket // to read or to write

	clock    uint32 // sockabi.CLOCK_*
	abstime  bool
	timeout  uint64
	deadline int64 // of this poll
}

func (r *row) direction() int { return int(r.tag) - sockabi.EVENTTYPE_FD_READ }

// interest is what the guest subscribed to, as rows by subscription number.
//
// A socket knows its row of each direction, and its row knows it. The poller is
// told of a socket when a row wants more than it watches for, and never when a
// row goes: it is corrected only if it then reports what nobody wants. So a
// guest that asks for the same again, or for a part of it and later for all,
// costs no system calls.
type interest struct {
	rows    []row
	done    rowSet // have happened, to be told by this poll
	hungup  rowSet // of those, with a hang-up
	errors  rowSet // have an errno
	clocks  rowSet
	signals int           // the row of signals, or -1
	low     []lowRow      // of this poll: what the operating system is asked about descriptors of the engine's
	lowFDs  []unix.PollFd // beside low
	stale   []int32       // rows that hold for this poll only
}

// A lowRow is a subscription to a descriptor of the engine's.
type lowRow struct {
	row int
	fd  uint32 // the guest's number
	tag uint8
}

// resize makes it n rows; those beyond are unlinked, new ones are zero.
func (in *interest) resize(n int) {
	for i := n; i < len(in.rows); i++ {
		in.unlink(i)
	}
	if n <= cap(in.rows) {
		old := len(in.rows)
		in.rows = in.rows[:n]
		if n > old {
			clear(in.rows[old:])
		}
	} else {
		in.rows = append(in.rows, make([]row, n-len(in.rows))...)
	}
	for _, set := range []*rowSet{&in.done, &in.hungup, &in.errors, &in.clocks} {
		set.resize(n)
	}
}

// unlink makes row i nothing.
func (in *interest) unlink(i int) {
	r := &in.rows[i]
	if r.s != nil {
		r.s.interest[r.direction()] = -1
	}
	in.errors.remove(i)
	in.clocks.remove(i)
	if in.signals == i {
		in.signals = -1
	}
	*r = row{}
}

// fail makes row i one that only tells errno.
func (in *interest) fail(i int, tag uint8, errno sockabi.Errno) {
	in.unlink(i)
	in.rows[i] = row{tag: tag, errno: errno}
	in.errors.add(i)
}

// link makes row i, which is nothing, what sub says.
func (g *guest) link(c call, i int, sub *sockabi.Subscription) {
	in := &g.interest
	switch sub.Tag {
	case sockabi.EVENTTYPE_CLOCK:
		if sub.Target > sockabi.CLOCK_MONOTONIC || sub.Flags&^sockabi.SUBCLOCK_ABSTIME != 0 {
			in.fail(i, sub.Tag, sockabi.EINVAL)
			return
		}
		in.rows[i] = row{tag: sub.Tag, clock: sub.Target, timeout: sub.Timeout, abstime: sub.Flags != 0}
		in.clocks.add(i)
	case sockabi.EVENTTYPE_FD_READ, sockabi.EVENTTYPE_FD_WRITE:
		if fd := g.number(sub.Target); fd < FirstSocket {
			g.linkLow(c, i, sub)
		} else if s := g.table.get(fd); s != nil {
			if in.linkSocket(i, sub.Tag, s); sub.Tag == sockabi.EVENTTYPE_FD_READ {
				g.judged(s)
			}
		} else {
			in.fail(i, sub.Tag, sockabi.EBADF)
			in.stale = append(in.stale, int32(i))
		}
	case sockabi.EVENTTYPE_SIGNAL:
		if in.signals >= 0 {
			in.fail(i, sub.Tag, sockabi.EEXIST)
			in.stale = append(in.stale, int32(i))
			return
		}
		in.rows[i] = row{tag: sub.Tag}
		in.signals = i
		g.signals.set(sub.Timeout, sub.Precision)
	default:
		in.fail(i, sub.Tag, sockabi.EINVAL)
	}
}

// linkSocket gives s to the first of the rows that want this direction of it;
// the others are EEXIST.
func (in *interest) linkSocket(i int, tag uint8, s *socket) {
	direction := (&row{tag: tag}).direction()
	if other := int(s.interest[direction]); other >= 0 {
		second := max(i, other)
		in.fail(second, tag, sockabi.EEXIST)
		in.stale = append(in.stale, int32(second))
		if second == i {
			return
		}
	}
	in.rows[i] = row{tag: tag, s: s}
	s.interest[direction] = int32(i)
}

// linkLow asks the engine about the descriptor, in every poll anew: it may have
// been closed or replaced in between, which this package does not see.
func (g *guest) linkLow(c call, i int, sub *sockabi.Subscription) {
	in := &g.interest
	in.stale = append(in.stale, int32(i))
	filetype, errno := g.fdstat(c, sub.Target)
	if errno != 0 {
		in.fail(i, sub.Tag, errno)
		return
	}
	for _, other := range in.low {
		if other.fd == sub.Target && other.tag == sub.Tag {
			in.fail(i, sub.Tag, sockabi.EEXIST)
			return
		}
	}
	in.rows[i] = row{tag: sub.Tag}
	fd := -1 // always ready
	if int(sub.Target) < len(g.stdio) && filetype != sockabi.FILETYPE_REGULAR_FILE && filetype != sockabi.FILETYPE_DIRECTORY {
		fd = g.stdio[sub.Target].fd
	}
	events := int16(unix.POLLIN)
	if sub.Tag == sockabi.EVENTTYPE_FD_WRITE {
		events = unix.POLLOUT
	}
	in.low = append(in.low, lowRow{i, sub.Target, sub.Tag})
	in.lowFDs = append(in.lowFDs, unix.PollFd{Fd: int32(fd), Events: events})
	if fd < 0 {
		in.done.add(i)
	}
}

// wants is the directions of s that some row wants.
func (s *socket) wants() uint8 {
	var want uint8
	if s.retired {
		return 0
	}
	for direction, i := range s.interest {
		if i >= 0 {
			want |= 1 << direction
		}
	}
	if s.full || s.unjudged && !s.stream() {
		want &^= canRead
	}
	return want
}

// arm makes the poller watch for all that row i wants. Where the operating
// system refuses, the row tells why.
func (g *guest) arm(i int) {
	s := g.interest.rows[i].s
	if s == nil {
		return
	}
	if want := s.wants(); want&^s.armed != 0 {
		if err := g.poller.arm(s, want); err != nil {
			g.interest.fail(i, g.interest.rows[i].tag, g.wire(err))
			g.interest.stale = append(g.interest.stale, int32(i))
		}
	}
}

// report is what the poller calls for each socket that has something: an error
// or a hang-up makes both directions ready.
func (g *guest) report(s *socket, ready uint8, hungup bool) {
	in := &g.interest
	wanted := s.wants()
	if ready&wanted == 0 {
		g.poller.arm(s, wanted) // to nothing or to less, which cannot fail
		return
	}
	for direction, i := range s.interest {
		if i >= 0 && ready&(1<<direction) != 0 {
			in.done.add(int(i))
			if hungup {
				in.hungup.add(int(i))
			}
		}
	}
}

// wait waits until a row has something to tell, which then is in done or in
// errors. It is false if interrupted before.
func (g *guest) wait() bool {
	in := &g.interest
	start := netos.Clock()
	first := int64(netos.Never)
	for i := in.clocks.next(0); i >= 0; i = in.clocks.next(i + 1) {
		r := &in.rows[i]
		r.deadline = netos.After(start, g.duration(r))
		first = min(first, r.deadline)
	}
	for {
		g.heed()
		g.announce()
		if in.errors.n+in.done.n > 0 {
			first = min(first, start)
		}
		timeout := netos.Remaining(first)
		err := g.poller.wait(timeout, in.lowFDs)
		if timeout != 0 {
			g.account.Wakeups.Add(1)
		}
		if err != nil {
			// Nothing that the guest could have caused or could wait for: all its
			// subscriptions have failed.
			errno := g.wire(err)
			for i := range in.rows {
				in.fail(i, in.rows[i].tag, errno)
				in.stale = append(in.stale, int32(i))
			}
			return true
		}
		for k, fd := range in.lowFDs {
			if fd.Revents != 0 {
				in.done.add(in.low[k].row)
				if fd.Revents&unix.POLLHUP != 0 {
					in.hungup.add(in.low[k].row)
				}
			}
		}
		if now := netos.Clock(); now >= first {
			for i := in.clocks.next(0); i >= 0; i = in.clocks.next(i + 1) {
				if in.rows[i].deadline <= now {
					in.done.add(i)
				}
			}
		}
		if in.done.n+in.errors.n > 0 {
			return true
		}
		if g.wake.set.Load() {
			return false
		}
	}
}

// duration is how long the clock of r has to run from now, in nanoseconds.
func (g *guest) duration(r *row) int64 {
	timeout := int64(min(r.timeout, netos.Never))
	if !r.abstime {
		return timeout
	}
	return max(0, timeout-g.now(r.clock))
}
