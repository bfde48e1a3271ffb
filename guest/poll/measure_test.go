//go:build !wasip1

package poll

import (
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/hotcold"
	"github.com/wasisock/wasisock/sockabi"
)

// TestAHostThatKeepsItsInterestSet is polled as if nothing here existed.
func TestAHostThatKeepsItsInterestSet(t *testing.T) {
	for name, timeouts := range map[string][]time.Duration{
		"waiting forever":                {-1},
		"with and without a timeout":     {-1, time.Second},
		"asking first, and waiting then": {0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			m, p := newModel(t)
			m.perCall, m.keeps = time.Microsecond, true
			s := crowd(t, m, p, 500)
			serve(t, m, p, s, 20*time.Microsecond, 10)
			m.calls, m.systemCalls = 0, 0
			for i := range 1000 {
				m.after(20*time.Microsecond, func() { s.read = true })
				for n := 0; n == 0; i++ {
					var err error
					n, err = p.Wait(make([]Event, 1), timeouts[i%len(timeouts)])
					must(t, err)
				}
				s.read = false
			}
			if m.calls > 1000*len(timeouts) || m.systemCalls > 0 {
				t.Errorf("%d calls and %d system calls for 1000 events", m.calls, m.systemCalls)
			}
			if len(m.old) != 501 || m.peeks > 0 {
				t.Errorf("%d descriptors watched, %d peeks", len(m.old), m.peeks)
			}
		})
	}
}

// TestAMeasurementIsMadeAnew: the machine may have stalled just when it was made.
func TestAMeasurementIsMadeAnew(t *testing.T) {
	m, p := newModel(t)
	s := dearCrowd(t, m, p)
	m.keeps = true
	serve(t, m, p, s, hotcold.Stale, 1)
	serve(t, m, p, s, time.Millisecond, 100)
	serve(t, m, p, s, time.Second, 1) // a silence, when the measurement is old enough
	serve(t, m, p, s, time.Millisecond, 100)
	if p.split.Cost(len(p.byFD)) >= hotcold.Costly || len(m.old) != 1001 {
		t.Errorf("a full poll costs %v, %d descriptors are watched", time.Duration(p.split.Cost(len(p.byFD))), len(m.old))
	}
}

// TestACrowdThatComesAgain: what polls of the few cost, while the crowd is away, says
// nothing about polls of the crowd.
func TestACrowdThatComesAgain(t *testing.T) {
	const away = 1000 - hotcold.MinSplit/2 // so few stay that each poll is a full one
	m, p := newModel(t)
	s := dearCrowd(t, m, p)
	for fd := 1000; fd < 1000+away; fd++ {
		must(t, p.Deregister(fd))
	}
	serve(t, m, p, s, 20*time.Microsecond, 1000)
	for fd := 1000; fd < 1000+away; fd++ {
		must(t, p.Register(fd, Token(fd), Readable))
	}
	serve(t, m, p, s, 20*time.Microsecond, 10000)
	if len(p.hot.slots) > 2 || len(m.old) > 3 {
		t.Errorf("%d descriptors are hot, %d watched", len(p.hot.slots), len(m.old))
	}
}

// TestToTellMuchIsNotTakenForDear: a host that keeps its interest set takes its time
// for events, too.
func TestToTellMuchIsNotTakenForDear(t *testing.T) {
	m, p := newModel(t)
	m.keeps = true
	crowd(t, m, p, 500)
	for fd := range int32(100) {
		m.fds[1000+fd].read = true
	}
	p.sys = slowTeller{m}
	for range 1000 {
		if n, err := p.Wait(make([]Event, 500), -1); n != 100 || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(m.old) != 501 {
		t.Errorf("%d descriptors are watched", len(m.old))
	}
}

type slowTeller struct{ *model }

func (h slowTeller) oneoff(subs []sockabi.Subscription, events []sockabi.Event) (int, sockabi.Errno) {
	n, e := h.model.oneoff(subs, events)
	h.time += time.Duration(n) * 2 * time.Microsecond
	return n, e
}

func TestNothingIsAllocated(t *testing.T) {
	m, p := newModel(t)
	crowd(t, m, p, 100)
	fast := &fastHost{model: m}
	p.sys = fast
	m.fds[1000].flags = 0
	var buf [8]Event
	at := func(cost time.Duration, waits int) {
		fast.cost = cost
		for range waits {
			p.Wait(buf[:], time.Second)
		}
	}
	at(0, 10)
	if n := testing.AllocsPerRun(100, func() {
		p.Wait(buf[:], 0)
		p.Modify(1, 1, Readable|Writable)
		p.Wait(buf[:], time.Second)
		p.Modify(1, 1, Readable)
		p.Deregister(1)
		p.Register(1, 1, Readable)
		p.Modify(1, 1, Writable)
		fast.nothing = true
		p.Wait(buf[:], time.Millisecond) // leaves 1 out
		fast.nothing = false
		p.Modify(1, 1, Readable)
		p.split = hotcold.Split{}
		p.split.Resize(100)
		at(time.Millisecond, 1000) // cools most
		if len(p.hot.slots) > 10 {
			t.Fatalf("%d hot", len(p.hot.slots))
		}
		m.time += time.Second
		at(0, 2)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// fastHost says without allocating that the last descriptor is ready, or nothing.
type fastHost struct {
	*model
	cost    time.Duration
	nothing bool
}

func (h *fastHost) oneoff(subs []sockabi.Subscription, events []sockabi.Event) (int, sockabi.Errno) {
	h.time += h.cost
	if h.nothing {
		h.time += 100 * time.Microsecond
		return 0, 0
	}
	last := subs[len(subs)-1]
	if last.Tag == sockabi.EVENTTYPE_CLOCK && len(subs) > 1 {
		last = subs[len(subs)-2]
	}
	events[0] = sockabi.Event{Userdata: last.Userdata, Type: last.Tag}
	return 1, 0
}
