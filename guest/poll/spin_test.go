//go:build !wasip1

package poll

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

func TestSignals(t *testing.T) {
	for name, test := range map[string]func(*testing.T, *model, *Poll){
		"a signal does not end Wait": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			must(t, p.Register(5, 7, Readable))
			m.signals = 1
			m.after(time.Second, func() { s.read = true })
			expect(t, p, -1, Event{Token: 7, Ready: Readable})
		},
		"nor do three in a row": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			must(t, p.Register(5, 7, Readable|Writable))
			m.signals = 3
			m.after(time.Second, func() { s.write = true })
			expect(t, p, -1, Event{Token: 7, Ready: Writable})
		},
		"nor does one shorten a timeout": func(t *testing.T, m *model, p *Poll) {
			m.socket(5)
			must(t, p.Register(5, 7, Readable))
			m.signals = 1
			expect(t, p, time.Second)
			if m.time != time.Second {
				t.Fatal(m.time)
			}
		},
		"what happens meanwhile is told": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			m.socket(6)
			must(t, p.Register(5, 7, Readable))
			must(t, p.Register(6, 8, Readable))
			s.read = true
			m.signals = 1
			expect(t, p, 0, Event{Token: 7, Ready: Readable})
		},
		// Between the two, WasmEdge remembers the first call's events, and writes to
		// those of the second.
		"registering after a signal does not abort WasmEdge": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			w := m.socket(6)
			must(t, p.Register(5, 7, Readable))
			m.signals = 1
			expect(t, p, 0)
			must(t, p.Deregister(5))
			must(t, p.Register(6, 8, Writable))
			s.read, w.write = true, true
			expect(t, p, 0, Event{Token: 8, Ready: Writable})
		},
		"a signal while nothing is watched does not abort WasmEdge": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.stuck = true
			must(t, p.Register(5, 7, Writable))
			expect(t, p, 20*time.Millisecond)
			m.signals = 1
			expect(t, p, 100*time.Millisecond)
			s.write = true
			expect(t, p, maxMute, Event{Token: 7, Ready: Writable})
		},
		"a signal while the watched set changes loses no descriptor": func(t *testing.T, m *model, p *Poll) {
			m.perCall = time.Microsecond
			s := crowd(t, m, p, 500)
			serve(t, m, p, s, 20*time.Microsecond, 10000)
			if len(p.hot.slots) == len(p.byFD) || len(m.old) > 2 {
				t.Fatal("everything is hot")
			}
			must(t, p.Modify(1500-1, 1, Readable)) // an idle one becomes hot
			m.signals = 1
			serve(t, m, p, s, 20*time.Microsecond, 10)
			m.after(time.Hour, func() { m.fds[1300].read = true })
			expect(t, p, -1, Event{Token: 1300, Ready: Readable})
			m.fds[1300].read = false
			serve(t, m, p, s, time.Second, 10)
		},
		// Go's runtime polls the clock alone for time.Sleep. WasmEdge then takes what
		// is watched no longer for watched still.
		"a signal during another poll of the module loses no descriptor": func(t *testing.T, m *model, p *Poll) {
			for _, rest := range []time.Duration{time.Minute, 0} {
				s := m.socket(5)
				m.socket(6)
				must(t, p.Register(5, 7, Readable))
				must(t, p.Register(6, 8, Readable))
				expect(t, p, 0)
				sleep := []sockabi.Subscription{{Target: sockabi.CLOCK_MONOTONIC, Timeout: uint64(rest)}}
				m.signals = 1
				m.oneoff(sleep, make([]sockabi.Event, 1))
				n, err := p.Wait(make([]Event, 2), 0)
				if n > 1 || err != nil { // the end of the sleep passes for an event
					t.Fatal(n, err)
				}
				start := m.time
				m.after(time.Second, func() { s.read = true })
				expect(t, p, -1, Event{Token: 7, Ready: Readable})
				if m.time < start+time.Second {
					t.Error("told before it was ready")
				}
				must(t, p.Deregister(5))
				must(t, p.Deregister(6))
			}
		},
		"a host that does nothing else is an error": func(t *testing.T, m *model, p *Poll) {
			m.socket(5)
			must(t, p.Register(5, 7, Readable))
			m.signals = 1 << 30
			if _, err := p.Wait(make([]Event, 1), 0); !errors.Is(err, syscall.EINTR) {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, p := newModel(t)
			test(t, m, p)
		})
	}
}

func TestPollsThatEndWithNothing(t *testing.T) {
	for name, test := range map[string]func(*testing.T, *model, *Poll){
		"a full buffer of a half-closed peer does not spin": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.stuck = true
			m.socket(6)
			must(t, p.Register(5, 1, Writable))
			must(t, p.Register(6, 2, Readable))
			m.after(time.Second, func() { s.write = true })
			expect(t, p, -1, Event{Token: 1, Ready: Writable})
			if m.calls > 100 || m.clockOnly > 0 {
				t.Errorf("%d calls, %d of the clock alone", m.calls, m.clockOnly)
			}
			if m.time > time.Second+maxMute {
				t.Errorf("told %v late", m.time-time.Second)
			}
		},
		"nor does it alone": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.stuck = true
			must(t, p.Register(5, 1, Writable))
			m.after(time.Second, func() { s.write = true })
			expect(t, p, -1, Event{Token: 1, Ready: Writable})
			if m.calls > 100 || m.time > time.Second+maxMute {
				t.Errorf("%d calls, told %v late", m.calls, m.time-time.Second)
			}
		},
		"it does not keep others waiting": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).stuck = true
			other := m.socket(6)
			must(t, p.Register(5, 1, Writable))
			must(t, p.Register(6, 2, Readable))
			expect(t, p, 30*time.Millisecond)
			start := m.time
			m.after(time.Millisecond, func() { other.read = true })
			expect(t, p, -1, Event{Token: 2, Ready: Readable})
			if m.time != start+time.Millisecond {
				t.Errorf("told %v late", m.time-start-time.Millisecond)
			}
		},
		"it does not make datagram sockets seem ready": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).stuck = true
			m.datagram(6)
			must(t, p.Register(5, 1, Writable))
			must(t, p.Register(6, 2, Readable))
			expect(t, p, time.Second)
		},
		"a modified interest ends being left out": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.stuck = true
			must(t, p.Register(5, 1, Writable))
			expect(t, p, 20*time.Millisecond)
			s.read = true
			must(t, p.Modify(5, 2, Readable))
			expect(t, p, 0, Event{Token: 2, Ready: Readable})
			must(t, p.Deregister(5))
			s.stuck = false
			must(t, p.Register(5, 3, Writable))
			s.write = true
			expect(t, p, 0, Event{Token: 3, Ready: Writable})
		},
		"and may begin again": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).stuck = true
			m.socket(6)
			must(t, p.Register(5, 1, Writable))
			must(t, p.Register(6, 6, Readable))
			expect(t, p, 20*time.Millisecond)
			must(t, p.Modify(5, 2, Writable))
			m.calls = 0
			expect(t, p, time.Second)
			if m.calls > 100 || m.clockOnly > 0 {
				t.Errorf("%d calls in a second, %d of the clock alone", m.calls, m.clockOnly)
			}
		},
		"the time of being left out begins small after an event": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.stuck = true
			must(t, p.Register(5, 1, Writable))
			expect(t, p, time.Second)
			s.write = true
			expect(t, p, maxMute, Event{Token: 1, Ready: Writable})
			s.write = false
			start := m.time
			m.after(minMute/2, func() { s.write = true })
			expect(t, p, time.Second, Event{Token: 1, Ready: Writable})
			if late := m.time - start; late > minMute {
				t.Errorf("told after %v", late)
			}
		},
		"deregistering ends being left out": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).stuck = true
			m.socket(6).stuck = true
			must(t, p.Register(5, 1, Writable))
			must(t, p.Register(6, 2, Writable))
			expect(t, p, 20*time.Millisecond)
			must(t, p.Deregister(5))
			expect(t, p, time.Second)
			must(t, p.Deregister(6))
			if len(p.muted) != 0 || len(p.all.subs) != 0 {
				t.Errorf("%d left out, %d rows", len(p.muted), len(p.all.subs))
			}
		},
		"a pending error of a datagram socket is told as readable": func(t *testing.T, m *model, p *Poll) {
			m.datagram(5).stuck = true
			m.socket(6)
			must(t, p.Register(5, 1, Readable))
			must(t, p.Register(6, 2, Readable))
			expect(t, p, -1, Event{Token: 1, Ready: Readable})
			if m.calls != 1 {
				t.Errorf("%d calls", m.calls)
			}
		},
		"though something waits for writing, too": func(t *testing.T, m *model, p *Poll) {
			m.datagram(5).stuck = true
			m.socket(6)
			must(t, p.Register(5, 1, Readable))
			must(t, p.Register(6, 2, Writable))
			expect(t, p, -1, Event{Token: 1, Ready: Readable})
		},
		"a reason unknown does not burn the processor": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).stuck = true
			must(t, p.Register(5, 1, Readable))
			expect(t, p, time.Second)
			if m.calls > 100 {
				t.Errorf("%d calls in a second", m.calls)
			}
		},
		"nor beside one that is left out": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).stuck = true
			m.socket(6).stuck = true
			must(t, p.Register(5, 1, Readable))
			must(t, p.Register(6, 1, Writable))
			expect(t, p, time.Second)
			if m.calls > 200 {
				t.Errorf("%d calls in a second", m.calls)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, p := newModel(t)
			test(t, m, p)
		})
	}
}
