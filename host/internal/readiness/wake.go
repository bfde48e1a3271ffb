//go:build linux || darwin

package readiness

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// A Wake lets other goroutines reach a waiting call of the guest. What they ask for
// is heeded by the call.
type Wake struct {
	mu    sync.Mutex // held to write w or close it
	set   atomic.Bool
	asked atomic.Int32 // the highest level that was asked for
	rung  atomic.Bool  // by a signal, until Heed
	r, w  int          // r becomes readable when set does, and until Heed when asked changes or rung is set
}

// Open makes the descriptor that a waiting call watches.
func (k *Wake) Open() (err error) {
	k.r, k.w, err = netos.NewWake()
	return err
}

// Interrupt wakes waiting calls for good.
func (k *Wake) Interrupt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Swap(true) {
		netos.WakeUp(k.w)
	}
}

// Ask asks for a level, if no higher one was asked for.
func (k *Wake) Ask(level int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() && level > k.asked.Load() {
		k.asked.Store(level)
		netos.WakeUp(k.w)
	}
}

// Ring wakes a waiting call, which goes on to wait if nothing has happened for it.
func (k *Wake) Ring() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() && !k.rung.Swap(true) {
		netos.WakeUp(k.w)
	}
}

// Heed returns the level that is asked for, and has the next call wait until more is.
func (k *Wake) Heed() int32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() {
		unix.Read(k.r, make([]byte, 8))
		k.rung.Store(false)
	}
	return k.asked.Load()
}

// Close may run while another goroutine interrupts; set is true by then.
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

// Due reports whether somebody has asked for another level than this one, or has rung, since
// Heed.
func (k *Wake) Due(level int32) bool { return k.asked.Load() != level || k.rung.Load() }

// Await waits for events on fd; fd -1 has none. It returns nil when one came, EAGAIN at the
// deadline, a time of netos.Clock, and EINTR when interrupted. It calls heed when it is woken,
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
