package netos

import (
	"math"
	"time"
)

// Never is a deadline that is never reached. Deadlines are times of Clock.
const Never = math.MaxInt64

var epoch = time.Now()

// Clock returns the time of this process's monotonic clock, in nanoseconds.
func Clock() int64 { return int64(time.Since(epoch)) }

// DeadlineOf returns the deadline of a timeout that begins now. 0 means no timeout; a negative
// timeout is over already.
func DeadlineOf(timeout time.Duration) int64 {
	if timeout == 0 {
		return Never
	}
	return After(Clock(), max(0, int64(timeout)))
}

// After returns now + ns, or Never if that overflows.
func After(now, ns int64) int64 {
	if ns > Never-now {
		return Never
	}
	return now + ns
}

// Remaining returns the time until deadline, at least 0, or -1 for Never.
func Remaining(deadline int64) time.Duration {
	if deadline == Never {
		return -1
	}
	return time.Duration(max(0, deadline-Clock()))
}
