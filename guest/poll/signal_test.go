//go:build !wasip1

package poll

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

const (
	term = syscall.Signal(sockabi.SIGTERM)
	usr1 = syscall.Signal(sockabi.SIGUSR1)
)

// raise has a signal arrive, if the guest handles it.
func (m *model) raise(s syscall.Signal) { m.arrived |= m.handled & (1 << s) }

func TestNotify(t *testing.T) {
	m, p := newModel(t)
	m.extended = true
	s := m.socket(5)
	must(t, p.Notify(7, term, usr1))
	wants := func(timeout time.Duration, want ...Event) {
		t.Helper()
		var buf [8]Event
		n, err := p.Wait(buf[:], timeout)
		must(t, err)
		if n != len(want) {
			t.Fatalf("got %+v, want %+v", buf[:n], want)
		}
		for i, ev := range want {
			if buf[i] != ev {
				t.Fatalf("got %+v, want %+v", buf[:n], want)
			}
		}
	}
	m.after(time.Second, func() { m.raise(term) })
	wants(-1, Event{Token: 7, Signal: term}) // nothing else is registered
	must(t, p.Register(5, 1, Readable))
	m.after(time.Second, func() { m.raise(usr1); m.raise(term); m.raise(term); m.raise(2) })
	wants(-1, Event{Token: 7, Signal: usr1}, Event{Token: 7, Signal: term})
	wants(time.Second)
	m.after(time.Second, func() { m.raise(usr1); s.read = true })
	wants(-1, Event{Token: 7, Signal: usr1}, Event{Token: 1, Ready: Readable})
	s.read = false

	m.raise(usr1)
	m.raise(term)
	var one [1]Event
	for _, want := range []syscall.Signal{usr1, term} { // what has no room is for the next Wait
		if n, err := p.Wait(one[:], -1); n != 1 || err != nil || one[0].Signal != want {
			t.Fatalf("%d, %v: %+v, want %v", n, err, one, want)
		}
	}
	must(t, p.Notify(8, term)) // in place of both
	m.after(time.Second, func() { m.raise(usr1) })
	m.after(2*time.Second, func() { m.raise(term) })
	wants(-1, Event{Token: 8, Signal: term})
	must(t, p.Notify(0))
	m.raise(term)
	wants(time.Second)
	if m.handled != 0 {
		t.Errorf("the host believes that signals %b are handled", m.handled)
	}
	if err := p.Notify(1, 0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("signal 0: %v", err)
	}
	if err := p.Notify(1, 64); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("signal 64: %v", err)
	}
}

// TestNotifyUnsupported: a host without signals says so, and goes on as ever.
func TestNotifyUnsupported(t *testing.T) {
	m, p := newModel(t)
	s := m.socket(5)
	must(t, p.Register(5, 1, Readable))
	if err := p.Notify(7, term); !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	m.after(time.Second, func() { s.read = true })
	expect(t, p, -1, Event{Token: 1, Ready: Readable})
	must(t, p.Deregister(5))
	if _, err := p.Wait(make([]Event, 1), -1); err != ErrIdle {
		t.Error(err)
	}
}
