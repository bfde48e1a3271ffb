//go:build linux || darwin

package readiness

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// A Wake lets other goroutines wake a waiting call of the guest. The call then does what they ask
// for.
type Wake struct {
	mu    sync.Mutex // held to write w or close it
	set   atomic.Bool
	asked atomic.Int32 // the highest level that Ask has got
	rung  atomic.Bool  // Ring was called since Heed
	r, w  int          // r is readable once set is true, and until Heed after a change of asked or rung
}

// Open creates the descriptor that a waiting call watches. It returns an error if that fails.
func (k *Wake) Open() (err error) {
	k.r, k.w, err = netos.NewWake()
	return err
}

// Interrupt wakes the waiting call and all later ones.
func (k *Wake) Interrupt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Swap(true) {
		netos.WakeUp(k.w)
	}
}

// Ask asks for a level, unless a higher one was asked for.
func (k *Wake) Ask(level int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() && level > k.asked.Load() {
		k.asked.Store(level)
		netos.WakeUp(k.w)
	}
}

// Ring wakes a waiting call. The call waits again if it has nothing to report.
func (k *Wake) Ring() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() && !k.rung.Swap(true) {
		netos.WakeUp(k.w)
	}
}

// Heed returns the level that was asked for. Later calls wait until a higher level is asked for
// or Ring is called.
func (k *Wake) Heed() int32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() {
		unix.Read(k.r, make([]byte, 8))
		k.rung.Store(false)
	}
	return k.asked.Load()
}

// Close closes the descriptor. Another goroutine may call Interrupt meanwhile; set is true by
// then.
func (k *Wake) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	unix.Close(k.r)
	if k.w != k.r {
		unix.Close(k.w)
	}
}

// Interrupted reports whether Interrupt was called.
func (k *Wake) Interrupted() bool { return k.set.Load() }

// Due reports whether another level than this one was asked for, or Ring was called since Heed.
func (k *Wake) Due(level int32) bool { return k.asked.Load() != level || k.rung.Load() }

// Await waits for events on fd; -1 means no descriptor. It returns nil after an event, EAGAIN at
// the deadline, a time of netos.Clock, and EINTR after Interrupt. When it is woken, it calls heed,
// and may return nil then, too.
func (k *Wake) Await(fd int, events int16, deadline int64, heed func()) error {
	fds := [2]unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(k.r), Events: unix.POLLIN}}
	for {
		timeout := netos.Remaining(deadline)
		n, err := netos.Poll(fds[:], timeout)
		switch {
		case k.set.Load():
			return unix.EINTR
		case fds[1].Revents != 0:
			if heed(); fd >= 0 {
				return nil
			}
		case err == unix.EINTR:
		case err != nil:
			return err
		case fds[0].Revents != 0:
			return nil
		case n == 0 && deadline != netos.Never && netos.Clock() >= deadline:
			return unix.EAGAIN
		}
	}
}
