package poll

import (
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// A model is a host that behaves as WasmEdge does, on a clock of its own.
type model struct {
	t       *testing.T
	fds     map[int32]*modelFD
	time    time.Duration
	set     map[int32]bool // what the last call watched
	perRow  time.Duration  // what a call costs for each subscription, and for each change of the set
	signals int            // calls that a signal interrupts from now on
	exists  bool           // the call after an interrupted one

	calls, rows, clockOnly, peeks int
	at                            []action
}

type modelFD struct {
	filetype          uint8
	read, write       bool
	hangup, reset     bool
	options           map[int32]int32
	closed, earlyExit bool // earlyExit: ends every call that watches it for one direction, without an event
}

type action struct {
	at time.Duration
	do func()
}

func newModel(t *testing.T) (*model, *Poll) {
	m := &model{t: t, fds: map[int32]*modelFD{}, set: map[int32]bool{}}
	return m, &Poll{os: m}
}

func (m *model) socket(fd int32) *modelFD {
	s := &modelFD{filetype: sockabi.FILETYPE_SOCKET_STREAM, options: map[int32]int32{sockabi.SO_TYPE: sockabi.SOCK_STREAM}}
	m.fds[fd] = s
	return s
}

func (m *model) after(d time.Duration, do func()) { m.at = append(m.at, action{m.time + d, do}) }

func (m *model) now() time.Duration { return m.time }

func (m *model) fdstat(fd int32, stat *sockabi.FDStat) sockabi.Errno {
	s := m.fds[fd]
	if s == nil || s.closed {
		return sockabi.EBADF
	}
	stat.Filetype = s.filetype
	return 0
}

func (m *model) option(fd, name int32) (int32, sockabi.Errno) {
	s := m.fds[fd]
	if s == nil || s.closed {
		return 0, sockabi.EBADF
	}
	return s.options[name], 0
}

func (m *model) peek(fd int32) sockabi.Errno {
	m.peeks++
	m.time += m.perRow / 2
	s := m.fds[fd]
	switch {
	case s == nil || s.closed:
		return sockabi.EBADF
	case s.reset:
		s.reset = false
		return sockabi.ECONNRESET
	case s.read:
		return 0
	}
	return sockabi.EAGAIN
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
	set := map[int32]bool{}
	seen := map[[2]uint32]bool{}
	until := time.Duration(-1)
	for _, s := range subs {
		if s.Tag == sockabi.EVENTTYPE_CLOCK {
			until = m.time + time.Duration(s.Timeout)
			continue
		}
		key := [2]uint32{s.Target, uint32(s.Tag)}
		if seen[key] {
			m.t.Fatalf("descriptor %d is subscribed twice", s.Target)
		}
		seen[key] = true
		set[int32(s.Target)] = true
	}
	if len(set) == 0 {
		m.clockOnly++
	}
	cost := len(set)
	for fd := range m.set {
		if !set[fd] {
			cost++
		}
	}
	m.set = set
	m.time += time.Duration(cost) * m.perRow

	if m.signals > 0 {
		m.signals--
		m.exists = true
		return m.failAll(subs, events, sockabi.EINTR)
	}
	if m.exists {
		m.exists = false
		return m.failAll(subs, events, sockabi.EEXIST)
	}
	for {
		n, early := 0, false
		for _, s := range subs {
			ev := sockabi.Event{Userdata: s.Userdata, Type: s.Tag}
			if s.Tag == sockabi.EVENTTYPE_CLOCK {
				if m.time >= until {
					events[n] = ev
					n++
				}
				continue
			}
			fd := m.fds[int32(s.Target)]
			switch {
			case fd == nil || fd.closed:
				ev.Errno = sockabi.EBADF
			case s.Tag == sockabi.EVENTTYPE_FD_READ && fd.read, s.Tag == sockabi.EVENTTYPE_FD_WRITE && fd.write:
				if fd.hangup {
					ev.Flags = sockabi.EVENTRW_HANGUP
				}
			default:
				early = early || fd.earlyExit
				continue
			}
			events[n] = ev
			n++
		}
		bad := 0
		for _, ev := range events[:n] {
			if ev.Errno != 0 {
				bad++
			}
		}
		if n > bad || early {
			return n, 0
		}
		next := until
		for k := 0; k < len(m.at); k++ {
			if next < 0 || m.at[k].at < next {
				next = m.at[k].at
			}
		}
		if next < 0 {
			m.t.Fatal("poll_oneoff would wait for ever")
		}
		m.time = max(m.time, next)
		for k := 0; k < len(m.at); {
			if a := m.at[k]; a.at <= m.time {
				m.at = append(m.at[:k], m.at[k+1:]...)
				a.do()
			} else {
				k++
			}
		}
	}
}

func (m *model) failAll(subs []sockabi.Subscription, events []sockabi.Event, e sockabi.Errno) (int, sockabi.Errno) {
	for k, s := range subs {
		events[k] = sockabi.Event{Userdata: s.Userdata, Type: s.Tag, Errno: e}
	}
	return len(subs), 0
}
