package supervisor

import (
	"errors"
	"time"

	"github.com/wasisock/wasisock/host"
)

// Restart says when another guest follows one that ended by itself.
type Restart int

const (
	RestartNo        Restart = iota
	RestartOnFailure         // except after exit code 0
	RestartAlways
)

// after reports whether another guest follows one that ended with err. None follows an error of
// the host, which would happen again.
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

// A backoff is the wait before the next guest starts. It doubles from firstBackoff to maxBackoff,
// so that a guest that always fails at once does not use up the CPU, and begins again after a
// guest that ran for healthy.
type backoff struct{ next time.Duration }

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	healthy      = 10 * time.Second
)

// after returns the wait after a guest that ran for a time.
func (b *backoff) after(ran time.Duration) time.Duration {
	if b.next == 0 || ran >= healthy {
		b.next = firstBackoff
	}
	wait := b.next
	b.next = min(2*wait, maxBackoff)
	return wait
}
