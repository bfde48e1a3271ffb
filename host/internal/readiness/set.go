//go:build linux || darwin

// Package readiness waits for the descriptors, clocks and signals that a guest subscribes to
// with poll_oneoff. It keeps the subscriptions from call to call, so that a guest that subscribes
// to the same again costs no system calls.
package readiness

import (
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// Directions of subscriptions and of the poller's watches. The bit of a direction is
// 1 << direction.
const (
	Reading, Writing  = 0, 1
	canRead, canWrite = 1 << Reading, 1 << Writing
)

// A Source is a socket that a guest can subscribe to.
type Source interface {
	// Queue returns the descriptor to watch.
	Queue() int

	// Waits reports whether that direction may be watched now.
	Waits(direction int) bool

	// Listens reports whether the socket accepts connections. Its events then report 0 bytes.
	Listens() bool
}

// A Watched is a Set's record of a socket.
type Watched struct {
	source   Source
	interest [2]int32 // the rows that subscribe to read and to write, or -1
	armed    uint8    // what the poller watches for: canRead, canWrite
	slot     int      // for the poller's use
}

// Of makes w the record of s, without subscriptions.
func (w *Watched) Of(s Source) { w.source, w.interest = s, [2]int32{-1, -1} }

// Armed reports whether the operating system watches that direction.
func (w *Watched) Armed(direction int) bool { return w.armed&(1<<direction) != 0 }

// A Guest answers a Set's questions about a guest while the guest polls.
type Guest interface {
	// Number returns the number of the descriptor for which fd is another name, or fd.
	Number(fd uint32) uint32

	// Socket returns the open socket with a number from FirstSocket on, or nil. The caller then
	// watches it in that direction.
	Socket(fd uint32, direction int) *Watched

	// File returns the operating system's descriptor for an open descriptor of the engine, or -1
	// if that is always ready.
	File(fd uint32) (int, sockabi.Errno)

	// Handle records the signals that the guest handles and ignores, as bits. Take returns the
	// signals that have arrived, and forgets them.
	Handle(handled, ignored uint64)
	Take() uint64

	// Now returns the time of one of the guest's clocks, in nanoseconds.
	Now(clock uint32) int64

	// Heed is called before the guest sleeps. It calls Announce and AnnounceSignals for events
	// that the operating system does not report.
	Heed()
}

// A row is the state of one subscription. It lives from poll to poll as long as the guest
// repeats the bytes of the subscription.
type row struct {
	tag   uint8         // sockabi.EVENTTYPE_*, or an invalid number of the guest's
	errno sockabi.Errno // reported at once, if not 0

	w *Watched // the socket to read or to write

	clock    uint32 // sockabi.CLOCK_*
	abstime  bool
	timeout  uint64
	deadline int64 // in this poll
}

func (r *row) direction() int { return int(r.tag) - sockabi.EVENTTYPE_FD_READ }

// A Set holds the guest's subscriptions, as rows by subscription number.
//
// A socket and its row of each direction refer to each other. The poller is changed when a row
// wants more than it watches, but not when a row is removed: only if it then reports a
// direction that no row wants. So a guest that subscribes to the same again, or to a part of it
// and later to all, costs no system calls.
type Set struct {
	first   uint32 // lowest number of a socket
	guest   Guest
	account *account.Account
	wake    *Wake
	poller  poller

	snapshot []byte  // the subscriptions of rows, as the guest wrote them
	changed  []int32 // scratch space of subscribe

	rows    []row
	done    rowSet // rows with an event to report in this poll
	hungup  rowSet // rows of done with a hang-up
	errors  rowSet // rows with an errno
	clocks  rowSet
	signals int           // the row of signals, or -1
	low     []lowRow      // for this poll: subscriptions to descriptors of the engine
	lowFDs  []unix.PollFd // parallel to low
	stale   []int32       // rows that are valid for this poll only
}

// A lowRow is a subscription to a descriptor of the engine.
type lowRow struct {
	row int
	fd  uint32 // the guest's number
	tag uint8
}

// Open makes a set for a guest whose sockets have numbers from first on. wake must be open. It
// returns an error if the poller cannot be created.
func (in *Set) Open(first uint32, g Guest, a *account.Account, wake *Wake) error {
	in.first, in.guest, in.account, in.wake, in.signals = first, g, a, wake, -1
	return in.poller.open(wake.r)
}

// Close closes the poller's descriptors. Sockets are no longer watched.
func (in *Set) Close() { in.poller.close() }

// resize sets the number of rows to n. It unlinks the rows beyond; new rows are zero.
func (in *Set) resize(n int) {
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

// unlink clears row i.
func (in *Set) unlink(i int) {
	r := &in.rows[i]
	if r.w != nil {
		r.w.interest[r.direction()] = -1
	}
	in.errors.remove(i)
	in.clocks.remove(i)
	if in.signals == i {
		in.signals = -1
	}
	*r = row{}
}

// fail makes row i report errno.
func (in *Set) fail(i int, tag uint8, errno sockabi.Errno) {
	in.unlink(i)
	in.rows[i] = row{tag: tag, errno: errno}
	in.errors.add(i)
}

// link makes row i, which must be clear, the row of sub.
func (in *Set) link(i int, sub *sockabi.Subscription) {
	switch sub.Tag {
	case sockabi.EVENTTYPE_CLOCK:
		if sub.Target > sockabi.CLOCK_MONOTONIC || sub.Flags&^sockabi.SUBCLOCK_ABSTIME != 0 {
			in.fail(i, sub.Tag, sockabi.EINVAL)
			return
		}
		in.rows[i] = row{tag: sub.Tag, clock: sub.Target, timeout: sub.Timeout, abstime: sub.Flags != 0}
		in.clocks.add(i)
	case sockabi.EVENTTYPE_FD_READ, sockabi.EVENTTYPE_FD_WRITE:
		if fd := in.guest.Number(sub.Target); fd < in.first {
			in.linkLow(i, sub)
		} else if w := in.guest.Socket(fd, (&row{tag: sub.Tag}).direction()); w != nil {
			in.linkSocket(i, sub.Tag, w)
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
		in.guest.Handle(sub.Timeout, sub.Precision)
	default:
		in.fail(i, sub.Tag, sockabi.EINVAL)
	}
}

// linkSocket makes row i that of w in the direction of tag. If another row has this direction of
// w, row i reports EEXIST.
func (in *Set) linkSocket(i int, tag uint8, w *Watched) {
	direction := (&row{tag: tag}).direction()
	if other := int(w.interest[direction]); other >= 0 {
		second := max(i, other)
		in.fail(second, tag, sockabi.EEXIST)
		in.stale = append(in.stale, int32(second))
		if second == i {
			return
		}
	}
	in.rows[i] = row{tag: tag, w: w}
	w.interest[direction] = int32(i)
}

// linkLow makes row i that of a descriptor of the engine. It asks the guest about the descriptor
// in every poll: this package does not see when the descriptor is closed or replaced.
func (in *Set) linkLow(i int, sub *sockabi.Subscription) {
	in.stale = append(in.stale, int32(i))
	fd, errno := in.guest.File(sub.Target)
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

// wants returns the bits of the directions of w that a row wants.
func (w *Watched) wants() uint8 {
	var want uint8
	for direction, i := range w.interest {
		if i >= 0 && w.source.Waits(direction) {
			want |= 1 << direction
		}
	}
	return want
}

// arm makes the poller watch for everything that row i wants. If the operating system refuses,
// the row reports the errno.
func (in *Set) arm(i int) {
	w := in.rows[i].w
	if w == nil {
		return
	}
	if want := w.wants(); want&^w.armed != 0 {
		if err := in.poller.arm(w, want); err != nil {
			errno := in.errno(err)
			in.fail(i, in.rows[i].tag, errno)
			in.stale = append(in.stale, int32(i))
		}
	}
}

// Rearm watches w in a direction that becomes watchable, if a row wants it.
func (in *Set) Rearm(w *Watched, direction int) {
	if i := w.interest[direction]; i >= 0 {
		in.arm(int(i))
	}
}

// Disarm stops watching w until a new subscription or Rearm.
func (in *Set) Disarm(w *Watched) { in.poller.arm(w, 0) }

// Forget removes w from the poller and from the subscriptions. Call it before w's descriptor or
// number gets another meaning.
func (in *Set) Forget(w *Watched) {
	for _, i := range w.interest {
		if i >= 0 {
			in.invalidate(int(i))
		}
	}
	in.poller.arm(w, 0)
}

// Announce makes this poll report that w is ready in a direction, if a row wants that.
func (in *Set) Announce(w *Watched, direction int) {
	if i := w.interest[direction]; i >= 0 {
		in.done.add(int(i))
	}
}

// AnnounceSignals makes this poll report that signals have arrived, if a row wants that.
func (in *Set) AnnounceSignals() {
	if in.signals >= 0 {
		in.done.add(in.signals)
	}
}

// report is called by the poller for each socket with an event. An error or a hang-up makes both
// directions ready.
func (in *Set) report(w *Watched, ready uint8, hungup bool) {
	wanted := w.wants()
	if ready&wanted == 0 {
		in.poller.arm(w, wanted) // for fewer directions, which cannot fail
		return
	}
	for direction, i := range w.interest {
		if i >= 0 && ready&(1<<direction) != 0 {
			in.done.add(int(i))
			if hungup {
				in.hungup.add(int(i))
			}
		}
	}
}

// wait waits until a row has something to report, and is in done or errors. It returns false if
// it is interrupted before.
func (in *Set) wait() bool {
	start := netos.Clock()
	first := int64(netos.Never)
	for i := in.clocks.next(0); i >= 0; i = in.clocks.next(i + 1) {
		r := &in.rows[i]
		r.deadline = netos.After(start, in.duration(r))
		first = min(first, r.deadline)
	}
	for {
		in.guest.Heed()
		if in.errors.n+in.done.n > 0 {
			first = min(first, start)
		}
		timeout := netos.Remaining(first)
		err := in.poller.wait(timeout, in.lowFDs, in.report)
		if timeout != 0 {
			in.account.Wakeups.Add(1)
		}
		if err != nil {
			// The poller itself has failed, which the guest can neither cause nor wait for: all
			// subscriptions report the error.
			errno := in.errno(err)
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
		if in.wake.Interrupted() {
			return false
		}
	}
}

// duration returns the time until the clock of r expires, in nanoseconds.
func (in *Set) duration(r *row) int64 {
	timeout := int64(min(r.timeout, netos.Never))
	if !r.abstime {
		return timeout
	}
	return max(0, timeout-in.guest.Now(r.clock))
}

// errno returns the guest's errno for an error of the operating system.
func (in *Set) errno(err error) sockabi.Errno {
	errno, known := netos.Errno(err)
	if !known {
		in.account.Rec.Failed(err)
	}
	return errno
}
