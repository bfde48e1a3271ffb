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
	// Sockets is the number of sockets that the guest may have open; opening or accepting one
	// more fails with EMFILE. 0 means DefaultMaxSockets.
	Sockets int

	// Files is the number of files and directories that the guest may have open besides
	// Cmd.Dirs and the standard streams; opening one more fails with EMFILE. 0 means
	// DefaultMaxFiles.
	Files int

	// Listeners is the number of sockets that may listen at once; one more fails with ENOBUFS.
	// Connections is the number of connections of one listener that may be open at once. Others
	// stay in the queue until one closes: meanwhile the listener is not readable, and accepting
	// fails with EAGAIN, or with EMFILE on a blocking listener.
	Listeners, Connections int

	// ReadRate and WriteRate are in bytes per second, summed over all sockets. The calls of a
	// faster guest are delayed, by about 100 ms each, and calls on streams then transfer less
	// than asked. A datagram counts whole, and 28 bytes more for its headers.
	ReadRate, WriteRate uint64

	// LookupRate is in look-ups of names per second; one more fails with EAI_AGAIN, or with
	// SERVFAIL from the nameserver.
	LookupRate uint64

	// Memory is in bytes: the guest's memory, and the size to which its tables can grow. The
	// memory is rounded down to pages of 64 KiB; memory.grow fails beyond it. 0 means the limit
	// of wasm itself, 4 GiB. All tables of a guest together have at most 10 million elements,
	// of 8 bytes on wazero and 16 on WasmEdge; table.grow fails beyond that.
	Memory uint64

	// WallTime is counted from Start on. CPUTime is that of Stats, checked every 10 ms; it
	// needs Linux. A guest that has used up either is stopped as by Cmd.Stop: one that cannot
	// be interrupted runs on, and Cmd.Wait waits for it.
	WallTime, CPUTime time.Duration
}

// A LimitError reports that the guest was stopped because it had used up a limit.
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
