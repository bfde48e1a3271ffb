//go:build linux || darwin

package sockets

import (
	"sync"

	"github.com/wasisock/wasisock/sockabi"
)

// signals holds the signals that the guest handles and ignores, and those that have arrived, as
// bits 1 << number.
type signals struct {
	mu                        sync.Mutex
	handled, ignored, pending uint64
	draining                  bool
}

const drainBit = 1 << sockabi.SIGDRAIN

// drain raises SIGDRAIN, now or when the guest handles it.
func (s *signals) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.draining = true
		s.pending |= s.handled & drainBit
	}
}

// drains reports whether the guest handles SIGDRAIN.
func (s *signals) drains() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handled&drainBit != 0
}

// set sets the signals that the guest handles and ignores from now on.
func (s *signals) set(handled, ignored uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		s.pending |= handled &^ s.handled & drainBit
	}
	s.handled, s.ignored = handled, ignored&^handled
	s.pending &= handled
}

func (s *signals) arrived() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending != 0
}

// take returns the signals that have arrived, and forgets them.
func (s *signals) take() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	arrived := s.pending
	s.pending = 0
	return arrived
}

// Signal delivers the signal with a number of WASI to a guest that handles it. It reports whether
// the guest handles or ignores the signal. Otherwise it does nothing.
func (g *Guest) Signal(number int) bool {
	if number <= 0 || number > sockabi.MaxSignal {
		return false
	}
	s, bit := &g.signals, uint64(1)<<number
	s.mu.Lock()
	handled, ignored := s.handled&bit != 0, s.ignored&bit != 0
	if handled {
		s.pending |= bit
	}
	s.mu.Unlock()
	if handled {
		g.wake.Ring()
	}
	return handled || ignored
}
