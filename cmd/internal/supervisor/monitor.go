package supervisor

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A Monitor reports the state of the guests of a Command. The zero value is for a Command that
// does not run yet. Its methods may be called from any goroutine.
type Monitor struct {
	// LiveAfter is how long a guest with connections may neither call the host nor wait in a
	// call. It may not change once the Command runs.
	LiveAfter time.Duration

	running atomic.Pointer[supervisor]
}

var (
	errStarting = errors.New("wasisock is starting")
	errEnding   = errors.New("wasisock is shutting down")
)

// Ready returns nil if every instance listens and no signal has ended the guests, and otherwise
// an error that names the reason.
func (m *Monitor) Ready() error {
	s := m.running.Load()
	if s == nil {
		return errStarting
	}
	return s.ask(s.ready)
}

// Live returns an error if a guest is stuck: it names the guest, and the time without a call.
func (m *Monitor) Live() error {
	s := m.running.Load()
	if s == nil {
		return nil
	}
	return s.ask(s.live)
}

// ask returns the result of a call of what in the goroutine of run, or errEnding once run has
// returned.
func (s *supervisor) ask(what func() error) error {
	answer := make(chan error, 1)
	s.post(func() { answer <- what() })
	select {
	case err := <-answer:
		return err
	case <-s.over:
		return errEnding
	}
}

func (s *supervisor) ready() error {
	switch {
	case s.draining != nil || s.signal != nil:
		return errEnding
	case s.current == nil:
		return fmt.Errorf("%s is not compiled yet", s.name)
	}
	listening, all := 0, s.current.instances
	for _, i := range all {
		if s.running[i] && i.listens {
			listening++
		}
	}
	if listening < len(all) {
		return fmt.Errorf("%d of %d instances of %s listen", listening, len(all), s.name)
	}
	return nil
}

func (s *supervisor) live() error {
	s.watchCalls()
	for i := range s.running {
		if idle := time.Since(i.acted); idle >= s.Monitor.LiveAfter {
			return fmt.Errorf("%s has made no call for %v, and has %s open", s.name, idle.Round(time.Second), connections(i.cmd.Stats().Connections))
		}
	}
	return nil
}

// An activity holds counters that change when a guest calls the host.
type activity struct{ calls, received, sent uint64 }

// watchCalls sets acted of all guests that have called the host since the last time, wait in it,
// or have no connections.
func (s *supervisor) watchCalls() {
	now := time.Now()
	for i := range s.running {
		stats := i.cmd.Stats()
		activity := activity{stats.Calls, stats.Received, stats.Sent}
		if stats.Waiting || stats.Connections == 0 || activity != i.activity {
			i.activity, i.acted = activity, now
		}
	}
}
