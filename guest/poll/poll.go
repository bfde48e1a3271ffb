// Package poll reports which descriptors are ready, for wasip1 programs with an event loop.
//
// While [Poll.Wait] waits, the whole module waits, every goroutine. A program with goroutines
// for its connections uses Go's own poller instead: see wasisock build.
//
// Guarantees:
//
//   - Readiness is reported as long as it lasts: a poll is level-triggered. Reading until a
//     call would block saves a wake-up, but is not required.
//   - An event may be spurious: a call on a ready descriptor can still fail with EAGAIN. A
//     ready descriptor may be missing in one Wait and reported by the next.
//   - Deregister a descriptor before you close it. Otherwise a later Wait returns an Event
//     with Err, or, if the host has reused the number, the events of another socket.
//   - A Poll allocates nothing once it has held its greatest number of descriptors.
//   - A Poll must be used by one goroutine at a time.
//
// # Many idle descriptors
//
// WasmEdge spends about a microsecond on every descriptor of every poll. So a Poll times the
// host's polls. If watching all descriptors costs much, it watches those that were active
// lately, and asks the others now and then whether there is something to read. They may then be
// reported late: by [Poll.ColdLatency] at most, and not at all late while no other descriptor
// is busy. This concerns only non-blocking connections that are watched for reading alone, and
// not in the first moments after Register or Modify. It does not happen on a host that keeps
// its interest set from poll to poll, as wasisock's does.
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

// The kinds of readiness. A listener with a connection to accept is Readable. A connection is
// Writable when connecting has succeeded or failed.
const (
	Readable Interest = 1 << iota
	Writable
)

// An Event reports that a registered descriptor is ready.
type Event struct {
	Token Token
	Ready Interest

	// Hangup is a hint that both directions of the connection are over, or that it was never
	// made. It is not set when the peer only stops sending.
	Hangup bool

	// Err is the reason why the host cannot watch this descriptor, such as EBADF for a closed
	// one, or an error of the connection, such as ECONNRESET, that the poll has cleared. Close
	// the descriptor then. Other descriptors are unaffected.
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
	// ColdLatency bounds how late an idle descriptor is noticed while others are busy; see the
	// package comment. 0 means DefaultColdLatency. Below 0 every poll watches every descriptor.
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

// Register begins to watch fd. It fails with EINVAL for the zero Interest and for unknown bits,
// fs.ErrExist if fd is registered already, EBADF if it is not open, and EPERM if it is a file
// or directory, which is always ready and cannot be watched.
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

// Modify changes the token and the interest of a descriptor, and drops its events that Wait has
// not returned yet. It returns fs.ErrNotExist if fd is not registered.
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

// Deregister stops watching fd: Wait reports no more events of it. It returns fs.ErrNotExist if
// fd is not registered.
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
