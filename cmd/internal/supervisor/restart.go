package supervisor

import (
	"errors"
	"time"

	"github.com/wasisock/wasisock/host"
)

// Restart is when a guest that ended by itself is followed by another.
type Restart int

const (
	RestartNo        Restart = iota
	RestartOnFailure         // unless its exit code was 0
	RestartAlways
)

// after reports whether a guest that ended so is followed by another. What the host could
// not do would not go better the next time.
func (r Restart) after(err error) bool {
	var exit *host.ExitError
	var trap *host.TrapError
	var limit *host.LimitError
	switch {
	case err == nil:
		return r == RestartAlways
	case errors.As(err, &exit), errors.As(err, &trap), errors.As(err, &limit):
		return r != RestartNo
	}
	return false
}

// A backoff is how long the next guest waits, so that one that always fails at once does not take
// all of the machine: longer and longer, until one has run for a while.
type backoff struct{ next time.Duration }

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	healthy      = 10 * time.Second
)

func (b *backoff) after(ran time.Duration) time.Duration {
	if b.next == 0 || ran >= healthy {
		b.next = firstBackoff
	}
	wait := b.next
	b.next = min(2*wait, maxBackoff)
	return wait
}
