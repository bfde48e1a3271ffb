//go:build !wasip1

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
		{"a directory is EPERM", p.Register(7, 1, Readable), syscall.EPERM},
		{"a registration can be modified", p.Modify(5, 9, Readable|Writable), nil},
		{"modifying to nothing is an error", p.Modify(5, 9, 0), syscall.EINVAL},
		{"modifying what is not registered is an error", p.Modify(6, 1, Readable), fs.ErrNotExist},
		{"deregistering works", p.Deregister(5), nil},
		{"once", p.Deregister(5), fs.ErrNotExist},
		{"and not of a number without a file", p.Deregister(1<<32 + 8), fs.ErrNotExist},
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
		"a timeout beyond the clock's end is forever": func(t *testing.T, m *model, p *Poll) {
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
			m.socket(5)
			other := m.socket(6)
			must(t, p.Register(5, 1, Readable))
			must(t, p.Register(6, 2, Readable))
			m.close(5)
			other.read = true
			expect(t, p, -1, Event{Token: 1, Err: syscall.EBADF}, Event{Token: 2, Ready: Readable})
			must(t, p.Deregister(5))
			expect(t, p, -1, Event{Token: 2, Ready: Readable})
		},
		"an error of the poll itself ends Wait": func(t *testing.T, m *model, p *Poll) {
			m.socket(5)
			must(t, p.Register(5, 1, Readable))
			p.sys = failingHost{m}
			if _, err := p.Wait(make([]Event, 1), time.Second); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
		},
		"a clock that fails ends Wait": func(t *testing.T, m *model, p *Poll) {
			m.socket(5)
			must(t, p.Register(5, 1, Readable))
			p.sys = brokenClock{m}
			if _, err := p.Wait(make([]Event, 1), time.Second); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
		},
		"an event of an earlier registration in its place is dropped": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).read = true
			must(t, p.Register(5, 1, Readable))
			p.sys = lateHost{m, 0}
			expect(t, p, 0)
		},
		"a modified token and interest hold at once": func(t *testing.T, m *model, p *Poll) {
			s := m.socket(5)
			s.read, s.write = true, true
			must(t, p.Register(5, 1, Readable))
			must(t, p.Modify(5, 2, Writable))
			expect(t, p, -1, Event{Token: 2, Ready: Writable})
		},
		"what was not told yet is forgotten when modified": func(t *testing.T, m *model, p *Poll) {
			m.socket(5).read = true
			m.socket(6).read = true
			must(t, p.Register(5, 5, Readable))
			must(t, p.Register(6, 6, Readable))
			var one [1]Event
			if n, err := p.Wait(one[:], -1); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			must(t, p.Modify(5, 5, Writable))
			must(t, p.Modify(6, 6, Writable))
			expect(t, p, 0)
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
	} {
		t.Run(name, func(t *testing.T) {
			m, p := newModel(t)
			test(t, m, p)
		})
	}
}

type failingHost struct{ *model }

func (failingHost) oneoff([]sockabi.Subscription, []sockabi.Event) (int, sockabi.Errno) {
	return 0, sockabi.EIO
}

type brokenClock struct{ *model }

func (brokenClock) oneoff(subs []sockabi.Subscription, events []sockabi.Event) (int, sockabi.Errno) {
	events[0] = sockabi.Event{Userdata: subs[len(subs)-1].Userdata, Errno: sockabi.EIO}
	return 1, 0
}

// lateHost reports events of another generation, and then of a slot that never existed.
type lateHost struct {
	*model
	calls int
}

func (h lateHost) oneoff(subs []sockabi.Subscription, events []sockabi.Event) (int, sockabi.Errno) {
	events[0] = sockabi.Event{Userdata: subs[0].Userdata + 1<<32, Type: subs[0].Tag}
	events[1] = sockabi.Event{Userdata: subs[0].Userdata + 1, Type: subs[0].Tag}
	return 2, 0
}
