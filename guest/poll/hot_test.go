//go:build !wasip1

package poll

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/hotcold"
	"github.com/wasisock/wasisock/sockabi"
)

// crowd registers n idle connections, numbered from 1000, and one that will be busy, 1.
func crowd(t *testing.T, m *model, p *Poll, n int) *modelFD {
	t.Helper()
	for fd := range int32(n) {
		m.socket(1000 + fd)
		must(t, p.Register(1000+int(fd), Token(1000+fd), Readable))
	}
	s := m.socket(1)
	must(t, p.Register(1, 1, Readable))
	return s
}

// serve answers requests that come gap after the last answer.
func serve(t *testing.T, m *model, p *Poll, s *modelFD, gap time.Duration, times int) {
	t.Helper()
	for range times {
		m.after(gap, func() { s.read = true })
		expect(t, p, -1, Event{Token: 1, Ready: Readable})
		s.read = false
	}
}

// dearCrowd is a crowd whose idle ones have become cold.
func dearCrowd(t *testing.T, m *model, p *Poll) *modelFD {
	t.Helper()
	m.perCall = time.Microsecond
	s := crowd(t, m, p, 1000)
	serve(t, m, p, s, 20*time.Microsecond, 10000)
	if len(p.hot.slots) > 2 || len(m.old) > 3 {
		t.Fatalf("%d descriptors are hot, %d watched", len(p.hot.slots), len(m.old))
	}
	return s
}

// among serves until an event of another token than the busy one's comes, and how long
// that took.
func among(t *testing.T, m *model, p *Poll, s *modelFD, other Token) (Event, time.Duration) {
	t.Helper()
	var events [8]Event
	for start := m.time; m.time-start < time.Second; {
		m.after(20*time.Microsecond, func() { s.read = true })
		n, err := p.Wait(events[:], -1)
		must(t, err)
		s.read = false
		for _, ev := range events[:n] {
			if ev.Token == other {
				return ev, m.time - start
			}
		}
	}
	t.Fatal("never told")
	panic("unreachable")
}

func TestIdleConnectionsCostLittleWhileOthersAreBusy(t *testing.T) {
	m, p := newModel(t)
	s := dearCrowd(t, m, p)
	m.rows, m.peeks = 0, 0
	start := m.time
	serve(t, m, p, s, 20*time.Microsecond, 5000)
	took := m.time - start
	if m.rows > 2*5000+10 {
		t.Errorf("%d subscriptions for 5000 events", m.rows)
	}
	sweeps := float64(took) / float64(DefaultColdLatency*19/20)
	if got := float64(m.peeks) / 1000 / sweeps; got < 0.95 || got > 1.05 {
		t.Errorf("%d peeks in %v: %.2f of what it should be", m.peeks, took, got)
	}
}

func TestAColdConnectionIsNoticedInTime(t *testing.T) {
	for _, bound := range []time.Duration{0, 10 * time.Millisecond, 500 * time.Millisecond} {
		m, p := newModel(t)
		p.ColdLatency = bound
		s := dearCrowd(t, m, p)
		for _, fd := range []int32{1000, 1500, 1998} {
			m.fds[fd].read = true
			ev, late := among(t, m, p, s, Token(fd))
			if late > p.bound() || ev.Ready != Readable || ev.Err != nil {
				t.Errorf("ColdLatency %v: %v noticed after %v", bound, ev, late)
			}
			// It stays ready, and is hot now.
			if _, late := among(t, m, p, s, Token(fd)); late > 40*time.Microsecond {
				t.Errorf("ColdLatency %v: told again after %v", bound, late)
			}
			m.fds[fd].read = false
		}
	}
}

func TestAColdConnectionIsNoticedAtOnceInSilence(t *testing.T) {
	m, p := newModel(t)
	dearCrowd(t, m, p)
	expect(t, p, time.Second)
	start := m.time
	m.after(time.Minute, func() { m.fds[1500].read = true })
	expect(t, p, -1, Event{Token: 1500, Ready: Readable})
	if late := m.time - start - time.Minute; late > 0 {
		t.Errorf("noticed after %v", late)
	}
}

func TestAnErrorOfAColdConnectionIsTold(t *testing.T) {
	m, p := newModel(t)
	s := dearCrowd(t, m, p)
	m.fds[1500].reset, m.fds[1500].read = sockabi.ECONNRESET, true
	ev, _ := among(t, m, p, s, 1500)
	if !errors.Is(ev.Err, syscall.ECONNRESET) || ev.Ready != Readable {
		t.Errorf("told %+v", ev)
	}
	m.close(1501)
	if ev, _ := among(t, m, p, s, 1501); !errors.Is(ev.Err, syscall.EBADF) {
		t.Errorf("told %+v", ev)
	}
}

// TestWhatStaysHot has the descriptors that peeking would harm, or not find ready.
func TestWhatStaysHot(t *testing.T) {
	for name, test := range map[string]struct {
		make     func(*model, int32) *modelFD
		interest Interest
		stays    bool
	}{
		"a connection cools":                          {(*model).socket, Readable, false},
		"what is awaited for writing stays":           {(*model).socket, Writable, true},
		"what is awaited for both stays":              {(*model).socket, Readable | Writable, true},
		"a listener stays":                            {(*model).listener, Readable, true},
		"a datagram socket stays":                     {(*model).datagram, Readable, true},
		"a connection that blocks stays":              {func(m *model, fd int32) *modelFD { s := m.socket(fd); s.flags = 0; return s }, Readable, true},
		"what is not a socket, such as a pipe, stays": {func(m *model, fd int32) *modelFD { s := m.socket(fd); s.options = nil; return s }, Readable, true},
		"a connection that was closed does not stay":  {(*model).socket, Readable, false},
	} {
		t.Run(name, func(t *testing.T) {
			m, p := newModel(t)
			m.perCall = time.Microsecond
			s := crowd(t, m, p, 500)
			other := test.make(m, 2)
			must(t, p.Register(2, 2, test.interest))
			serve(t, m, p, s, 20*time.Microsecond, 10000)
			i, _ := p.slotOf(2)
			if stays := p.slots[i].hotAt != 0; stays != test.stays {
				t.Fatalf("hot: %v", stays)
			}
			other.read, other.write = true, true
			if _, late := among(t, m, p, s, 2); test.stays && late > 40*time.Microsecond {
				t.Errorf("noticed after %v", late)
			}
		})
	}
}

func TestANewRegistrationIsHot(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Hour} {
		m, p := newModel(t)
		s := dearCrowd(t, m, p)
		if pause > 0 {
			serve(t, m, p, s, pause, 1)
		}
		other := m.socket(2)
		must(t, p.Register(2, 2, Readable))
		must(t, p.Modify(1500, 1500, Readable))
		serve(t, m, p, s, 20*time.Microsecond, 100)
		for _, fd := range []int{2, 1500} {
			if i, _ := p.slotOf(fd); p.slots[i].hotAt == 0 {
				t.Errorf("after %v: %d is cold", pause, fd)
			}
		}
		must(t, p.Modify(1, 1, Readable|Writable)) // which is hot already
		m.after(20*time.Microsecond, func() { s.write = true })
		expect(t, p, -1, Event{Token: 1, Ready: Writable})
		must(t, p.Modify(1, 1, Readable))
		other.read = true
		if _, late := among(t, m, p, s, 2); late > 40*time.Microsecond {
			t.Errorf("after %v: noticed after %v", pause, late)
		}
	}
}

func TestSilenceIsOneWait(t *testing.T) {
	m, p := newModel(t)
	m.listener(2)
	must(t, p.Register(2, 2, Readable))
	s := dearCrowd(t, m, p)
	m.calls, m.peeks = 0, 0
	serve(t, m, p, s, 24*time.Hour, 1)
	// For twice the bound the hot ones alone are waited for, a twentieth of it at a time;
	// then, once, what a full poll costs is measured anew; then everything is waited for.
	if m.calls > 40+1+hotcold.Samples+1 || m.peeks > 3*1000 {
		t.Errorf("%d calls and %d peeks in a day of silence", m.calls, m.peeks)
	}
	// Then it was a stall, perhaps. After two there is no burst any more.
	serve(t, m, p, s, 24*time.Hour, 1)
	m.calls, m.peeks = 0, 0
	serve(t, m, p, s, 24*time.Hour, 1)
	if m.calls > hotcold.Samples+1 || m.peeks > 0 {
		t.Errorf("%d calls and %d peeks in another", m.calls, m.peeks)
	}
	if m.clockOnly > 0 {
		t.Errorf("%d polls of the clock alone", m.clockOnly)
	}
}

func TestNothingHotIsNoPollOfTheClockAlone(t *testing.T) {
	m, p := newModel(t)
	dearCrowd(t, m, p)
	must(t, p.Deregister(1))
	m.after(time.Millisecond, func() { m.fds[1500].read = true })
	expect(t, p, -1, Event{Token: 1500, Ready: Readable})
	if m.clockOnly > 0 {
		t.Errorf("%d polls of the clock alone", m.clockOnly)
	}
}

func TestWhatTheSweepFindsIsToldAtOnce(t *testing.T) {
	m, p := newModel(t)
	s := dearCrowd(t, m, p)
	for fd := range int32(1000) {
		m.fds[1000+fd].read = true
	}
	m.time += time.Millisecond
	start := m.time
	events := make([]Event, 1001)
	n, err := p.Wait(events, -1)
	must(t, err)
	if took := m.time - start; n < 1000/48 || n > 100 || took > time.Millisecond {
		t.Errorf("%d events after %v", n, took)
	}
	s.read = true
	m.time += time.Millisecond
	n, err = p.Wait(events, -1)
	must(t, err)
	if !slices.ContainsFunc(events[:n], func(ev Event) bool { return ev.Token == 1 }) {
		t.Error("the busy one has to wait")
	}
}

func TestAStallDoesNotEndABurst(t *testing.T) {
	m, p := newModel(t)
	s := dearCrowd(t, m, p)
	serve(t, m, p, s, 3*DefaultColdLatency, 1)
	m.systemCalls = 0
	serve(t, m, p, s, 20*time.Microsecond, 100)
	if m.systemCalls > 2*1001+300 { // to forget all but the busy one
		t.Errorf("%d system calls for 100 events", m.systemCalls)
	}
}

// TestRareEventsArePolledPlainly: changing the watched set twice for each event would
// cost more than it saves.
func TestRareEventsArePolledPlainly(t *testing.T) {
	m, p := newModel(t)
	m.perCall = time.Microsecond
	s := crowd(t, m, p, 1000)
	serve(t, m, p, s, time.Second, 10)
	m.calls, m.systemCalls = 0, 0
	serve(t, m, p, s, time.Second, 100)
	if m.calls > 100+20*hotcold.Samples || m.systemCalls > m.calls*1001 {
		t.Errorf("%d calls and %d system calls for 100 events", m.calls, m.systemCalls)
	}
}

func TestANegativeColdLatencyWatchesAll(t *testing.T) {
	m, p := newModel(t)
	p.ColdLatency = -1
	m.perCall = time.Microsecond
	s := crowd(t, m, p, 500)
	serve(t, m, p, s, 20*time.Microsecond, 1000)
	if m.calls != 1000 || m.peeks > 0 || len(m.old) != 501 {
		t.Errorf("%d calls, %d peeks, %d watched", m.calls, m.peeks, len(m.old))
	}
}

func TestACrowdOfWhichMostAreBusyIsPolledPlainly(t *testing.T) {
	m, p := newModel(t)
	m.perCall = time.Microsecond
	s := crowd(t, m, p, 200)
	serve(t, m, p, s, 20*time.Microsecond, 10)
	for fd := range int32(150) {
		m.fds[1000+fd].read = true
	}
	events := make([]Event, 200)
	for range 2000 {
		n, err := p.Wait(events, -1)
		if n != 150 || err != nil {
			t.Fatal(n, err)
		}
	}
	if p.split.Cost(len(p.byFD)) < hotcold.Costly || len(m.old) < 201 {
		t.Errorf("a full poll costs %v, %d are watched", time.Duration(p.split.Cost(len(p.byFD))), len(m.old))
	}
}

func TestNobodyStarves(t *testing.T) {
	m, p := newModel(t)
	m.perCall = time.Microsecond
	crowd(t, m, p, 300)
	told := map[Token]int{}
	for fd := range int32(100) {
		m.fds[1000+fd].read = true
	}
	var few [7]Event
	for range 1000 {
		n, err := p.Wait(few[:], -1)
		must(t, err)
		for _, ev := range few[:n] {
			told[ev.Token]++
		}
	}
	var counts []int
	for _, n := range told {
		counts = append(counts, n)
	}
	if len(counts) != 100 || slices.Max(counts)-slices.Min(counts) > 1 {
		t.Errorf("%d of 100 told, %d to %d times", len(counts), slices.Min(counts), slices.Max(counts))
	}
}
