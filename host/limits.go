package host

import (
	"context"
	"fmt"
	"time"
)

// DefaultMaxSockets is the number of sockets a guest may hold at once when
// Limits.Sockets is 0.
const DefaultMaxSockets = 1 << 15

// DefaultMaxFiles is the number of files a guest may hold at once when Limits.Files is 0.
const DefaultMaxFiles = 1 << 15

// Limits are the resources that a guest may use. 0 means no limit, except for Sockets and Files.
type Limits struct {
	// Sockets is how many the guest may have open; opening or accepting one more is
	// EMFILE. 0 is DefaultMaxSockets.
	Sockets int

	// Files is how many files and directories the guest may have open besides those that
	// it was given; opening one more is EMFILE. 0 is DefaultMaxFiles.
	Files int

	// Listeners is how many sockets may listen at once; one more is ENOBUFS.
	// Connections is how many that one listener accepted may be open at once. Others stay
	// in the queue until one closes: meanwhile the listener is not readable, and accepting
	// is EAGAIN, or EMFILE where it would block.
	Listeners, Connections int

	// ReadRate and WriteRate are in bytes per second through all sockets. A guest that
	// is faster is delayed in its calls, some 100 ms each; calls of streams take less
	// then than they are given. A datagram counts as a whole, and as 28 bytes more for its
	// headers.
	ReadRate, WriteRate uint64

	// LookupRate is look-ups of names per second; one more is EAI_AGAIN, and SERVFAIL
	// of the nameserver.
	LookupRate uint64

	// Memory is in bytes, of the guest's memory and of what its tables can grow to. The
	// memory is rounded down to pages of 64 KiB: memory.grow fails beyond. 0 is the limit
	// of wasm itself, 4 GiB. All tables of a guest together have at most 10 million
	// elements, of 8 bytes on wazero and 16 on WasmEdge: table.grow fails beyond.
	Memory uint64

	// WallTime is from Start on, and CPUTime that of Stats, looked at every 10 ms. A
	// guest that has used up either is ended as by Cmd.Stop: one that cannot be
	// interrupted goes on, and so does Cmd.Wait. CPUTime needs Linux.
	WallTime, CPUTime time.Duration
}

// A LimitError is the end of a guest that had used up a limit.
type LimitError struct {
	Limit string // "WallTime" or "CPUTime"
	Value time.Duration
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the guest was ended at its limit: Limits.%s is %v", e.Limit, e.Value)
}

func (l Limits) valid() error {
	const page = 1 << 16
	switch {
	case l.Memory > 0 && l.Memory < page:
		return fmt.Errorf("a memory limit of %d bytes is too low; the lowest is %d", l.Memory, page)
	case l.Sockets < 0 || l.Files < 0 || l.Listeners < 0 || l.Connections < 0 || l.WallTime < 0 || l.CPUTime < 0:
		return fmt.Errorf("a limit is below 0; write one above, or 0 for none")
	}
	return nil
}

// enforce ends the guest when its time is over.
func (l Limits) enforce(ctx context.Context, end context.CancelCauseFunc, guest Guest) {
	const step = 10 * time.Millisecond
	var wall, tick <-chan time.Time
	if l.WallTime > 0 {
		wall = time.After(l.WallTime)
	}
	if l.CPUTime > 0 {
		ticker := time.NewTicker(step)
		defer ticker.Stop()
		tick = ticker.C
	}
	if wall == nil && tick == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-wall:
			end(&LimitError{"WallTime", l.WallTime})
		case <-tick:
			if guest.Stats().CPUTime >= l.CPUTime {
				end(&LimitError{"CPUTime", l.CPUTime})
			}
		}
	}
}
