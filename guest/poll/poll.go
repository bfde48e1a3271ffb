// Package poll reports which descriptors are ready, for wasip1 programs that are one
// thread and one loop.
//
// While [Poll.Wait] waits, the whole module waits, every goroutine. A program that
// uses goroutines for its connections wants Go's own poller instead, not this one.
//
// What to rely on:
//
//   - Readiness is told for as long as it lasts. Draining a descriptor until it
//     would block saves a wake-up, but is not required.
//   - An event may be spurious: a descriptor reported ready can still answer that
//     it would block. One that is not reported within a Wait may be in the next.
//   - Deregister before closing. A closed descriptor that is still registered is an
//     Event with Err at some later Wait, or, if the host has given its number to
//     another socket meanwhile, that socket's events.
//   - A Poll allocates nothing once it has seen as many descriptors as it will.
//   - A Poll is not for several goroutines.
//
// # Many idle descriptors
//
// WasmEdge spends about a microsecond on every descriptor of every poll. So a Poll
// times the host's polls, and where watching all descriptors costs much, it watches
// those that were active lately, and asks the others once in a while whether there is
// something to read. They may then be noticed late, by [Poll.ColdLatency] at the
// most, and by nothing at all when no other descriptor is busy. Only connections
// that are non-blocking and awaited for reading alone are treated so, and never in
// the first moments after Register or Modify. A host that keeps its interest set from
// poll to poll, as wasisock's does, is polled plainly.
package poll

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/internal/hotcold"
	"github.com/wasisock/wasisock/sockabi"
)

// A Token is the caller's name for a registration: any value, which comes back in
// its events.
type Token uint64

// An Interest is a set of readiness kinds.
type Interest uint8

// The kinds of readiness. A listener with a connection to accept is Readable; a
// connection that has been made, or not made, is Writable.
const (
	Readable Interest = 1 << iota
	Writable
)

// An Event reports that a registered descriptor is ready.
type Event struct {
	Token Token
	Ready Interest

	// Hangup is a hint that both directions of the connection are over, or that it
	// was never made. A peer that only stops sending is not that.
	Hangup bool

	// Err is why the host cannot watch this descriptor, such as EBADF for a closed
	// one, or an error of the connection, such as ECONNRESET, that was used up by
	// finding out. Close what has one. Other descriptors are unaffected.
	Err error

	// Signal is a signal that has arrived, and 0 in events of descriptors: see
	// [Poll.Notify].
	Signal syscall.Signal
}

// DefaultColdLatency is used where Poll.ColdLatency is 0.
const DefaultColdLatency = 50 * time.Millisecond

// ErrIdle is returned by Wait if it would wait for nothing forever.
var ErrIdle = errors.New("poll: nothing is registered, and there is no timeout")

// A Poll watches descriptors. The zero Poll watches none and is ready for use; it
// must not be copied after that.
type Poll struct {
	// ColdLatency bounds how late an idle descriptor is noticed while others are
	// busy; see the package comment. 0 means DefaultColdLatency, less than 0 that
	// every poll watches every descriptor.
	ColdLatency time.Duration

	sys   host
	now   time.Duration   // when the host was last asked for the time
	byFD  map[int32]int32 // slot of each descriptor
	slots []slot
	free  []int32
	ready []int32 // slots with an event to report

	all    rows // every registration
	hot    hotSet
	none   rows
	events []sockabi.Event // room for what the host reports
	stat   sockabi.FDStat  // the same

	signals signals

	split hotcold.Split
	muted []int32 // slots whose Writable is left out for a while; see spin.go
	spins int     // polls that ended with nothing for no known reason, in a row
}

// A slot is one registration.
type slot struct {
	fd         int32  // -1 in a free slot
	generation uint32 // distinguishes events of earlier registrations in this slot
	token      Token
	interest   Interest

	row    [2]int32      // in all, of reading and writing, plus 1; 0 means none
	hotAt  int32         // in hot.slots, plus 1; 0 is cold
	active time.Duration // when it was last active

	kind kind

	queued  bool // in ready
	pending Event

	mutedUntil time.Duration // 0 is not muted
	mute       time.Duration // for how long the last time
}

// kind is the kind of a descriptor: asked when it first matters, and kept.
type kind uint8

const (
	kindUnknown kind = iota
	kindStream
	kindDatagram
	kindListener
	kindOther // no socket
)

// Register begins to watch fd. The zero Interest, and a bit that has no name, are
// EINVAL. fs.ErrExist is a descriptor that is registered already; EBADF one that the
// host does not know; EPERM a file or directory, which is always ready and cannot be
// watched.
func (p *Poll) Register(fd int, token Token, interest Interest) error {
	if err := valid(interest); err != nil {
		return err
	}
	if _, ok := p.slotOf(fd); ok {
		return fs.ErrExist
	}
	if fd < 0 || int(int32(fd)) != fd {
		return os.NewSyscallError("fd_fdstat_get", syscall.EBADF)
	}
	p.init()
	if e := p.sys.fdstat(int32(fd), &p.stat); e != 0 {
		return failure("fd_fdstat_get", e)
	}
	switch p.stat.Filetype {
	case sockabi.FILETYPE_REGULAR_FILE, sockabi.FILETYPE_DIRECTORY, sockabi.FILETYPE_SYMBOLIC_LINK:
		return os.NewSyscallError("poll_oneoff", syscall.EPERM)
	}
	i := p.newSlot()
	s := &p.slots[i]
	*s = slot{fd: int32(fd), generation: s.generation + 1, token: token}
	p.byFD[s.fd] = i
	p.watch(i, interest)
	p.heat(i)
	return nil
}

// Modify changes the token and the interest of a descriptor. fs.ErrNotExist is one
// that is not registered. Events not yet told are forgotten.
func (p *Poll) Modify(fd int, token Token, interest Interest) error {
	if err := valid(interest); err != nil {
		return err
	}
	i, ok := p.slotOf(fd)
	if !ok {
		return fs.ErrNotExist
	}
	s := &p.slots[i]
	s.token, s.pending = token, Event{}
	p.unmute(i)
	p.watch(i, interest)
	p.heat(i)
	return nil
}

// Deregister ends watching fd: no event of it is told any more. fs.ErrNotExist is a
// descriptor that is not registered.
func (p *Poll) Deregister(fd int) error {
	i, ok := p.slotOf(fd)
	if !ok {
		return fs.ErrNotExist
	}
	p.unmute(i)
	p.watch(i, 0)
	p.cool(i)
	delete(p.byFD, int32(fd))
	s := &p.slots[i]
	s.fd, s.pending = -1, Event{}
	s.generation++
	p.free = append(p.free, i)
	return nil
}

func valid(interest Interest) error {
	if interest == 0 || interest&^(Readable|Writable) != 0 {
		return os.NewSyscallError("poll_oneoff", syscall.EINVAL)
	}
	return nil
}

func (p *Poll) init() {
	if p.byFD == nil {
		p.byFD = make(map[int32]int32)
		if p.sys == nil {
			p.sys = wasi
		}
		p.now = p.sys.now()
	}
}

func (p *Poll) slotOf(fd int) (int32, bool) {
	if int(int32(fd)) != fd {
		return 0, false
	}
	i, ok := p.byFD[int32(fd)]
	return i, ok
}

func (p *Poll) newSlot() int32 {
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		return i
	}
	p.slots = append(p.slots, slot{})
	return int32(len(p.slots) - 1)
}

func failure(call string, e sockabi.Errno) error { return os.NewSyscallError(call, errno(e)) }
