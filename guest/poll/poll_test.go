package poll

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// expect waits and holds what comes against want.
func expect(t *testing.T, p *Poll, timeout time.Duration, want ...Event) {
	t.Helper()
	var buf [8]Event
	n, err := p.Wait(buf[:], timeout)
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	got := map[Token]Event{}
	for _, ev := range buf[:n] {
		got[ev.Token] = ev
	}
	if len(got) != len(want) || n != len(want) {
		t.Fatalf("got %v, want %v", buf[:n], want)
	}
	for _, ev := range want {
		if g := got[ev.Token]; g.Ready != ev.Ready || g.Hangup != ev.Hangup || !errors.Is(g.Err, ev.Err) {
			t.Fatalf("got %v, want %v", g, ev)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRegister(t *testing.T) {
	m, p := newModel(t)
	m.socket(5)
	m.socket(1<<31 - 1)
	m.socket(6).filetype = sockabi.FILETYPE_REGULAR_FILE
	m.socket(7).filetype = sockabi.FILETYPE_DIRECTORY
	m.socket(8).filetype = sockabi.FILETYPE_CHARACTER_DEVICE
	for _, test := range []struct {
		name string
		got  error
		want error
	}{
		{"a socket can be registered", p.Register(5, 1, Readable), nil},
		{"once", p.Register(5, 2, Writable), fs.ErrExist},
		{"the largest number is a descriptor", p.Register(1<<31-1, 2, Writable), nil},
		{"the terminal can be registered", p.Register(8, 3, Readable), nil},
		{"no interest is an error", p.Register(9, 1, 0), syscall.EINVAL},
		{"an unknown interest is an error", p.Register(9, 1, 4), syscall.EINVAL},
		{"an unknown descriptor is EBADF", p.Register(9, 1, Readable), syscall.EBADF},
		{"-1 is EBADF", p.Register(-1, 1, Readable), syscall.EBADF},
		{"1<<32+5 is EBADF", p.Register(1<<32+5, 1, Readable), syscall.EBADF},
		{"a file is EPERM", p.Register(6, 1, Readable), syscall.EPERM},
		{"a folder is EPERM", p.Register(7, 1, Readable), syscall.EPERM},
		{"a registration can be modified", p.Modify(5, 9, Readable|Writable), nil},
		{"modifying to nothing is an error", p.Modify(5, 9, 0), syscall.EINVAL},
		{"modifying what is not registered is an error", p.Modify(6, 1, Readable), fs.ErrNotExist},
		{"deregistering works", p.Deregister(5), nil},
		{"once", p.Deregister(5), fs.ErrNotExist},
		{"and not of a number that is none", p.Deregister(1<<32 + 8), fs.ErrNotExist},
	} {
		if !errors.Is(test.got, test.want) || test.want == nil && test.got != nil {
			t.Errorf("%s: got %v, want %v", test.name, test.got, test.want)
		}
	}
}

func TestZeroPollIsUnsupportedHere(t *testing.T) {
	if err := new(Poll).Register(1, 1, Readable); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func TestWait(t *testing.T) {
	for name, test := range map[string]func(*testing.T, *model, *Poll){
		"nothing registered and no timeout is ErrIdle": func(t *testing.T, m *model, p *Poll) {
			if _, err := p.Wait(make([]Event, 1), -1); err != ErrIdle {
				t.Fatal(err)
			}
		},
		"nothing registered sleeps for the timeout": func(t *testing.T, m *model, p *Poll) {
			expect(t, p, time.Second)
			if m.time != time.Second {
				t.Fatalf("slept %v", m.time)
			}
		},
		"no room for events is an error": func(t *testing.T, m *model, p *Poll) {
			if _, err := p.Wait(nil, 0); !errors.Is(err, syscall.EINVAL) {
				t.Fatal(err)
			}
		},
		"both directions come in one event": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.read, s.write = true, true
			must(t, p.Register(5, 7, Readable|Writable))
			expect(t, p, -1, Event{Token: 7, Ready: Readable | Writable})
		},
		"what stays ready is told again": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).read = true
			must(t, p.Register(5, 7, Readable))
			expect(t, p, -1, Event{Token: 7, Ready: Readable})
			expect(t, p, 0, Event{Token: 7, Ready: Readable})
		},
		"a timeout of 0 asks once": func(t *testing.T, m *model, p *Poll) {
			m.socket(5)
			must(t, p.Register(5, 7, Readable))
			expect(t, p, 0)
			if m.calls != 1 || m.time != 0 {
				t.Fatalf("%d calls, %v", m.calls, m.time)
			}
		},
		"a timeout passes in one call": func(t *testing.T, m *model, p *Poll) {
			m.socket(5)
			must(t, p.Register(5, 7, Readable))
			expect(t, p, time.Minute)
			if m.calls != 1 || m.time != time.Minute {
				t.Fatalf("%d calls, %v", m.calls, m.time)
			}
		},
		"a timeout beyond the clock's end is for ever": func(t *testing.T, m *model, p *Poll) {
			m.time = time.Hour
			s := m.socket(5)
			must(t, p.Register(5, 7, Readable))
			m.after(time.Hour, func() { s.read = true })
			expect(t, p, 1<<63-1, Event{Token: 7, Ready: Readable})
		},
		"a hang-up is told with what is ready": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.write, s.hangup = true, true
			must(t, p.Register(5, 7, Writable))
			expect(t, p, -1, Event{Token: 7, Ready: Writable, Hangup: true})
		},
		"a descriptor closed while registered is an error of its own": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			other := m.socket(6)
			must(t, p.Register(5, 1, Readable))
			must(t, p.Register(6, 2, Readable))
			s.closed, other.read = true, true
			expect(t, p, -1, Event{Token: 1, Err: syscall.EBADF}, Event{Token: 2, Ready: Readable})
			must(t, p.Deregister(5))
			expect(t, p, -1, Event{Token: 2, Ready: Readable})
		},
		"a modified token and interest hold at once": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.read, s.write = true, true
			must(t, p.Register(5, 1, Readable))
			must(t, p.Modify(5, 2, Writable))
			expect(t, p, -1, Event{Token: 2, Ready: Writable})
		},
		"a new registration of the same number is not told the old one's events": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).read = true
			m.socket(6).read = true
			must(t, p.Register(5, 1, Readable))
			must(t, p.Register(6, 2, Readable))
			var one [1]Event
			if n, err := p.Wait(one[:], -1); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			left := 11 - int(one[0].Token) - 4 // the one of 5 and 6 that was not told
			must(t, p.Deregister(left))
			m.fds[int32(left)].read = false
			must(t, p.Register(left, 9, Readable))
			m.fds[int32(11-left)].read = false
			expect(t, p, 0)
		},
		"more than fits is told in turn": func(t *testing.T, m *model, p *Poll) {
			for fd := range int32(10) {
				m.socket(fd).read = true
				must(t, p.Register(int(fd), Token(fd), Readable))
			}
			seen := map[Token]bool{}
			var three [3]Event
			for range 4 {
				n, err := p.Wait(three[:], 0)
				must(t, err)
				for _, ev := range three[:n] {
					seen[ev.Token] = true
				}
			}
			if len(seen) != 10 {
				t.Fatalf("told of %d of 10 in 4 times 3", len(seen))
			}
		},
		"signals are absorbed": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			must(t, p.Register(5, 7, Readable))
			m.signals = 3
			m.after(time.Second, func() { s.read = true })
			expect(t, p, -1, Event{Token: 7, Ready: Readable})
		},
		"signals do not shorten a timeout": func(t *testing.T, m *model, p *Poll) {
			m.socket(5)
			must(t, p.Register(5, 7, Readable))
			m.signals = 1
			expect(t, p, time.Second)
			if m.time != time.Second {
				t.Fatal(m.time)
			}
		},
		"a full buffer of a half-closed peer does not spin": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.earlyExit = true
			m.socket(6)
			must(t, p.Register(5, 1, Writable))
			must(t, p.Register(6, 2, Readable))
			m.after(time.Second, func() { s.write = true })
			expect(t, p, -1, Event{Token: 1, Ready: Writable})
			if m.calls > 100 || m.clockOnly > 0 {
				t.Fatalf("%d calls, %d of the clock alone", m.calls, m.clockOnly)
			}
			if m.time > time.Second+maxMute {
				t.Fatalf("told %v late", m.time-time.Second)
			}
		},
		"a pending error of a datagram socket is told as readable": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.earlyExit, s.options[sockabi.SO_TYPE] = true, sockabi.SOCK_DGRAM
			must(t, p.Register(5, 1, Readable))
			expect(t, p, -1, Event{Token: 1, Ready: Readable})
			if m.calls != 1 {
				t.Fatalf("%d calls", m.calls)
			}
		},
		"an unknown spin does not burn the processor": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).earlyExit = true
			must(t, p.Register(5, 1, Readable))
			expect(t, p, time.Second)
			if m.calls > 3000 {
				t.Fatalf("%d calls in a second", m.calls)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, p := newModel(t)
			test(t, m, p)
		})
	}
}

// crowd registers n idle connections, numbered from 1000, and one busy one, 1.
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

func TestIdleConnectionsCostLittleWhileOthersAreBusy(t *testing.T) {
	m, p := newModel(t)
	m.perRow = time.Microsecond
	s := crowd(t, m, p, 5000)
	serve(t, m, p, s, 20*time.Microsecond, 10000)
	m.rows = 0
	start := m.time
	serve(t, m, p, s, 20*time.Microsecond, 5000)
	if each := m.rows / 5000; each > 3 {
		t.Errorf("%d subscriptions for each event", each)
	}
	if took := m.time - start; took > 5000*30*time.Microsecond {
		t.Errorf("5000 events took %v", took)
	}
}

func TestAColdDescriptorIsNoticedInTime(t *testing.T) {
	m, p := newModel(t)
	m.perRow = time.Microsecond
	s := crowd(t, m, p, 5000)
	serve(t, m, p, s, 20*time.Microsecond, 10000)
	m.fds[1500].read = true
	start := m.time
	for {
		m.after(20*time.Microsecond, func() { s.read = true })
		var buf [8]Event
		n, err := p.Wait(buf[:], -1)
		must(t, err)
		s.read = false
		if n == 2 || buf[0].Token == 1500 {
			break
		}
		if m.time-start > time.Second {
			t.Fatal("never noticed")
		}
	}
	if late := m.time - start; late > DefaultColdLatency {
		t.Errorf("noticed after %v", late)
	}
}

func TestAnErrorOfAColdConnectionIsTold(t *testing.T) {
	m, p := newModel(t)
	m.perRow = time.Microsecond
	s := crowd(t, m, p, 5000)
	serve(t, m, p, s, 20*time.Microsecond, 10000)
	m.fds[1500].reset = true
	for range 10000 {
		m.after(20*time.Microsecond, func() { s.read = true })
		var buf [8]Event
		n, err := p.Wait(buf[:], -1)
		must(t, err)
		s.read = false
		for _, ev := range buf[:n] {
			if ev.Token == 1500 && errors.Is(ev.Err, syscall.ECONNRESET) {
				return
			}
		}
	}
	t.Error("never told")
}

func TestWhatIsAwaitedForWritingStaysHot(t *testing.T) {
	m, p := newModel(t)
	m.perRow = time.Microsecond
	s := crowd(t, m, p, 5000)
	must(t, p.Modify(1500, 1500, Writable))
	must(t, p.Modify(1501, 1501, Readable|Writable))
	serve(t, m, p, s, 20*time.Microsecond, 10000)
	m.fds[1500].write, m.fds[1501].write = true, true
	expect(t, p, -1, Event{Token: 1500, Ready: Writable}, Event{Token: 1501, Ready: Writable})
}

func TestACheapHostIsPolledPlainly(t *testing.T) {
	m, p := newModel(t)
	m.perRow = 5 * time.Nanosecond
	s := crowd(t, m, p, 5000)
	serve(t, m, p, s, 20*time.Microsecond, 100)
	m.calls = 0
	serve(t, m, p, s, 20*time.Microsecond, 5000)
	if m.calls > 5000+5000/probeEvery*2 {
		t.Errorf("%d calls for 5000 events", m.calls)
	}
	if len(m.set) != 5001 {
		t.Errorf("watches %d descriptors", len(m.set))
	}
}

func TestSilenceIsOneWait(t *testing.T) {
	m, p := newModel(t)
	m.perRow = time.Microsecond
	s := crowd(t, m, p, 5000)
	serve(t, m, p, s, 20*time.Microsecond, 1000)
	m.calls = 0
	serve(t, m, p, s, time.Hour, 1)
	if m.calls > patience+3 {
		t.Errorf("%d calls in an hour of silence", m.calls)
	}
	if m.clockOnly > 0 {
		t.Errorf("%d polls of the clock alone", m.clockOnly)
	}
}

// TestRareEventsArePolledPlainly: changing the watched set twice for each event
// would cost more than it saves.
func TestRareEventsArePolledPlainly(t *testing.T) {
	m, p := newModel(t)
	m.perRow = time.Microsecond
	s := crowd(t, m, p, 5000)
	serve(t, m, p, s, time.Second, 10)
	m.calls = 0
	serve(t, m, p, s, time.Second, 100)
	if m.calls > 110 {
		t.Errorf("%d calls for 100 events", m.calls)
	}
}

func TestAListenerStaysHot(t *testing.T) {
	m, p := newModel(t)
	m.perRow = time.Microsecond
	s := crowd(t, m, p, 5000)
	l := m.socket(2)
	l.options[sockabi.SO_ACCEPTCONN] = 1
	must(t, p.Register(2, 2, Readable))
	serve(t, m, p, s, 20*time.Microsecond, 10000)
	if len(p.cost.hot) != 2 {
		t.Fatalf("%d hot descriptors, want the busy one and the listener", len(p.cost.hot))
	}
	if i, _ := p.slotOf(2); p.slots[i].hotAt == 0 {
		t.Error("the listener is cold")
	}
}

func TestWaitDoesNotAllocate(t *testing.T) {
	m, p := newModel(t)
	s := crowd(t, m, p, 100)
	s.read = true
	fast := &fastHost{model: m}
	p.os = fast
	var buf [8]Event
	if n := testing.AllocsPerRun(1000, func() {
		p.Wait(buf[:], 0)
		p.Modify(1, 1, Readable|Writable)
		p.Wait(buf[:], time.Second)
		p.Modify(1, 1, Readable)
		p.Deregister(1)
		p.Register(1, 1, Readable)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// fastHost says without allocating that the last subscription is ready.
type fastHost struct{ *model }

func (h *fastHost) oneoff(subs []sockabi.Subscription, events []sockabi.Event) (int, sockabi.Errno) {
	last := subs[len(subs)-1]
	events[0] = sockabi.Event{Userdata: last.Userdata, Type: last.Tag}
	return 1, 0
}
