package supervisor

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A Monitor reports the state of the guests of a Command. The zero value is that of a Command
// that does not run yet. Its methods may be called from any goroutine.
type Monitor struct {
	// LiveAfter is how long a guest with connections may make no call of the host and not wait
	// for one either. It may not change once the Command runs.
	LiveAfter time.Duration

	running atomic.Pointer[supervisor]
}

var (
	errStarting = errors.New("wasisock is starting")
	errEnding   = errors.New("wasisock is shutting down")
)

// Ready returns nil if every instance listens and none is to end, and otherwise why that is not
// so.
func (m *Monitor) Ready() error {
	s := m.running.Load()
	if s == nil {
		return errStarting
	}
	return s.ask(s.ready)
}

// Live returns nil unless a guest is stuck, and otherwise what it is stuck in.
func (m *Monitor) Live() error {
	s := m.running.Load()
	if s == nil {
		return nil
	}
	return s.ask(s.live)
}

// ask returns what is true in the goroutine of run.
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

// An activity changes when a guest calls the host.
type activity struct{ calls, received, sent uint64 }

// watchCalls notes which guests call the host, wait for it, or have nothing to do.
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
