//go:build !wasip1

package poll

import (
	"slices"
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// A model is a host that behaves as WasmEdge does, slips included, on a clock of its
// own. Its poller is WasmEdge's: an epoll set, what it was told to watch in this call
// and in the one before, and for each of these where the events go.
type model struct {
	t    testing.TB
	fds  map[int32]*modelFD
	time time.Duration
	plan []action

	perCall time.Duration // the price of a system call
	keeps   bool          // a host that keeps its interest set: only changes cost
	signals int           // waits that a signal interrupts from now on

	extended         bool   // a host that has signals for guests
	handled, arrived uint64 // of them

	epoll     map[int32]bool // what the kernel watches
	data, old map[int32]*watched
	timers    []timer
	last      []sockabi.Subscription

	calls, rows, clockOnly, peeks, systemCalls int
}

// modelFD is a descriptor. One that is stuck ends each poll at once, with no event of
// its own unless it is ready.
type modelFD struct {
	filetype            uint8
	flags               uint16
	options             map[int32]int32
	read, write, hangup bool
	stuck, closed       bool
	reset               sockabi.Errno // for the next peek
}

// watched is which event is whose: indices, where WasmEdge has pointers.
type watched struct{ event [2]int }

// timer is a clock's subscription, which outlives a call that was interrupted.
type timer struct {
	until time.Duration
	event int
}

type action struct {
	at time.Duration
	do func()
}

func newModel(t testing.TB) (*model, *Poll) {
	m := &model{t: t, fds: map[int32]*modelFD{}, epoll: map[int32]bool{}, data: map[int32]*watched{}, old: map[int32]*watched{}}
	return m, &Poll{sys: m}
}

// socket is a new connection that is not ready.
func (m *model) socket(fd int32) *modelFD {
	s := &modelFD{
		filetype: sockabi.FILETYPE_SOCKET_STREAM,
		flags:    sockabi.FDFLAG_NONBLOCK,
		options:  map[int32]int32{sockabi.SO_TYPE: sockabi.SOCK_STREAM, sockabi.SO_ACCEPTCONN: 0},
	}
	m.fds[fd] = s
	return s
}

func (m *model) datagram(fd int32) *modelFD {
	s := m.socket(fd)
	s.options[sockabi.SO_TYPE] = sockabi.SOCK_DGRAM
	return s
}

func (m *model) listener(fd int32) *modelFD {
	s := m.socket(fd)
	s.options[sockabi.SO_ACCEPTCONN] = 1
	return s
}

func (m *model) close(fd int32) {
	m.fds[fd].closed = true
	delete(m.epoll, fd)
	delete(m.data, fd)
	delete(m.old, fd)
}

func (m *model) after(d time.Duration, do func()) { m.plan = append(m.plan, action{m.time + d, do}) }

func (m *model) now() time.Duration { return m.time }

func (m *model) open(fd int32) *modelFD {
	if s := m.fds[fd]; s != nil && !s.closed {
		return s
	}
	return nil
}

func (m *model) fdstat(fd int32, stat *sockabi.FDStat) sockabi.Errno {
	s := m.open(fd)
	if s == nil {
		return sockabi.EBADF
	}
	stat.Filetype, stat.Flags = s.filetype, s.flags
	return 0
}

func (m *model) option(fd, name int32) (int32, sockabi.Errno) {
	s := m.open(fd)
	if s == nil {
		return 0, sockabi.EBADF
	}
	v, ok := s.options[name]
	if !ok {
		return 0, sockabi.ENOTSOCK
	}
	return v, 0
}

func (m *model) peek(fd int32) sockabi.Errno {
	m.peeks++
	m.time += m.perCall / 2
	s := m.open(fd)
	switch {
	case s == nil:
		return sockabi.EBADF
	case s.flags&sockabi.FDFLAG_NONBLOCK == 0:
		m.t.Fatalf("peek at %d blocks the module", fd)
	case s.options[sockabi.SO_TYPE] != sockabi.SOCK_STREAM || s.options[sockabi.SO_ACCEPTCONN] != 0:
		m.t.Fatalf("peek at %d, which is not a connection", fd)
	case s.reset != 0:
		e := s.reset
		s.reset = 0
		return e
	case s.read:
		return 0
	}
	return sockabi.EAGAIN
}

func (m *model) systemCall() {
	m.systemCalls++
	m.time += m.perCall
}

func (m *model) oneoff(subs []sockabi.Subscription, events []sockabi.Event) (int, sockabi.Errno) {
	if len(subs) == 0 {
		m.t.Fatal("poll_oneoff with no subscriptions")
	}
	if len(events) < len(subs) {
		m.t.Fatalf("%d events for %d subscriptions", len(events), len(subs))
	}
	m.calls++
	m.rows += len(subs)
	if len(subs) == 1 && subs[0].Tag == sockabi.EVENTTYPE_CLOCK {
		m.clockOnly++
	}
	told := make([]sockabi.Event, len(subs))
	valid := make([]bool, len(subs))
	fail := func(i int, e sockabi.Errno) { told[i].Errno, valid[i] = e, true }
	clocks := 0
	for i, sub := range subs {
		told[i] = sockabi.Event{Userdata: sub.Userdata, Type: sub.Tag}
		if sub.Tag == sockabi.EVENTTYPE_CLOCK {
			if clocks++; clocks > 1 {
				m.t.Fatal("two clocks")
			}
			m.timers = append(m.timers, timer{m.time + time.Duration(sub.Timeout), i})
			continue
		}
		if sub.Tag == sockabi.EVENTTYPE_SIGNAL {
			if !m.extended {
				fail(i, sockabi.EINVAL)
			}
			m.handled = sub.Timeout
			m.arrived &= m.handled
			continue
		}
		fd, direction := int32(sub.Target), sub.Tag-sockabi.EVENTTYPE_FD_READ
		if !m.keeps || i >= len(m.last) || m.last[i] != sub {
			m.systemCall()
		}
		if m.open(fd) == nil {
			fail(i, sockabi.EBADF)
			continue
		}
		w := m.data[fd]
		added := w == nil
		if added {
			w = &watched{[2]int{-1, -1}}
			m.data[fd] = w
		}
		if w.event[direction] >= 0 {
			fail(i, sockabi.EEXIST)
			continue
		}
		w.event[direction] = i
		if added && m.old[fd] == nil {
			m.epoll[fd] = true
		} else if !m.epoll[fd] {
			fail(i, sockabi.ENOENT)
		}
	}
	m.last = append(m.last[:0], subs...)
	for fd := range m.old {
		if m.data[fd] == nil {
			m.systemCall()
			delete(m.epoll, fd)
		}
	}
	if m.signals > 0 {
		m.signals-- // and what was to be forgotten is not
		for i := range subs {
			fail(i, sockabi.EINTR)
		}
		return m.result(told, valid, events), 0
	}
	m.wait(told, valid)
	m.data, m.old = m.old, m.data
	clear(m.data)
	m.timers = m.timers[:0]
	return m.result(told, valid, events), 0
}

// wait lets time pass until something is ready.
func (m *model) wait(told []sockabi.Event, valid []bool) {
	happen := func(i int, kinds ...uint8) bool {
		if i < 0 || i >= len(told) {
			return i >= 0 // WasmEdge writes where nobody looks, if all goes well
		}
		if !slices.Contains(kinds, told[i].Type) {
			m.t.Fatalf("WasmEdge aborts: event %d is of type %d, not %d", i, told[i].Type, kinds)
		}
		told[i].Errno, valid[i] = 0, true
		return true
	}
	for {
		over, next := false, never
		for fd, w := range m.data {
			s := m.fds[fd]
			if !m.epoll[fd] {
				continue
			}
			over = over || s.stuck
			if s.read && happen(w.event[0], sockabi.EVENTTYPE_FD_READ, sockabi.EVENTTYPE_CLOCK) {
				over = true
			}
			if s.write && happen(w.event[1], sockabi.EVENTTYPE_FD_WRITE) {
				over = true
			}
			for _, i := range w.event {
				if s.hangup && i >= 0 && i < len(told) && valid[i] {
					told[i].Flags = sockabi.EVENTRW_HANGUP
				}
			}
		}
		for i := range told {
			if told[i].Type == sockabi.EVENTTYPE_SIGNAL && m.extended && m.arrived != 0 {
				told[i].NBytes, valid[i], over = m.arrived, true, true
				m.arrived = 0
			}
		}
		for _, t := range m.timers {
			if m.time < t.until {
				next = min(next, t.until)
			} else if happen(t.event, sockabi.EVENTTYPE_FD_READ, sockabi.EVENTTYPE_CLOCK) {
				over = true
			}
		}
		if over {
			return
		}
		for _, a := range m.plan {
			next = min(next, a.at)
		}
		if next == never {
			m.t.Fatal("poll_oneoff would wait forever")
		}
		m.pass(next)
	}
}

// pass lets time pass, until a moment, and does what is planned until then.
func (m *model) pass(until time.Duration) {
	m.time = max(m.time, until)
	for k := 0; k < len(m.plan); {
		if a := m.plan[k]; a.at <= m.time {
			m.plan = append(m.plan[:k], m.plan[k+1:]...)
			a.do()
		} else {
			k++
		}
	}
}

func (m *model) result(told []sockabi.Event, valid []bool, events []sockabi.Event) int {
	n := 0
	for i, ev := range told {
		if valid[i] {
			events[n] = ev
			n++
		}
	}
	return n
}
