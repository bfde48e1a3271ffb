//go:build linux || darwin

package system

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// A wake is what Interrupt and Drain reach a waiting call through.
type wake struct {
	mu    sync.Mutex // held to write w or close it
	set   atomic.Bool
	asked atomic.Int32 // what Drain asked for
	rung  atomic.Bool  // by a signal, until heed
	r, w  int          // r becomes readable when set does, and until heed when asked changes or rung is set
}

func (k *wake) open() (err error) {
	k.r, k.w, err = netos.NewWake()
	return err
}

func (k *wake) interrupt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Swap(true) {
		netos.WakeUp(k.w)
	}
}

// ask sets asked, if it is lower.
func (k *wake) ask(level int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() && level > k.asked.Load() {
		k.asked.Store(level)
		netos.WakeUp(k.w)
	}
}

// ring wakes a waiting call, which goes on to wait if nothing has happened for it.
func (k *wake) ring() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() && !k.rung.Swap(true) {
		netos.WakeUp(k.w)
	}
}

// heed is what is asked for, and makes r unreadable until more is.
func (k *wake) heed() int32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.set.Load() {
		unix.Read(k.r, make([]byte, 8))
		k.rung.Store(false)
	}
	return k.asked.Load()
}

// close may run while another goroutine interrupts; set is true by then.
func (k *wake) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	unix.Close(k.r)
	if k.w != k.r {
		unix.Close(k.w)
	}
}

// await waits for events on fd; fd -1 has none. It answers nil when one came,
// EAGAIN at the
// deadline and EINTR when interrupted. It may answer nil too when it is to drain.
func (g *guest) await(fd int, events int16, deadline int64) error {
	fds := [2]unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(g.wake.r), Events: unix.POLLIN}}
	for {
		timeout := netos.Remaining(deadline)
		n, err := netos.Poll(fds[:], timeout)
		switch {
		case g.wake.set.Load():
			return unix.EINTR
		case fds[1].Revents != 0:
			if g.heed(); fd >= 0 {
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

// block calls op until it answers anything but EAGAIN, waiting for events in
// between, if the guest wants s to block; at most for timeout, see netos.DeadlineOf.
func (g *guest) block(s *socket, events int16, timeout time.Duration, op func() error) error {
	err := netos.Retry(op)
	if err != unix.EAGAIN || !s.blocks() {
		return err
	}
	deadline := netos.DeadlineOf(timeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 16*time.Millisecond) {
		if !s.retired { // which no operating system tells of
			if err := g.await(s.backend.queue(), events, deadline); err != nil {
				return err
			}
		}
		if err := netos.Retry(op); err != unix.EAGAIN || netos.Clock() >= deadline {
			return err
		}
		// Ready, and yet not: another process was faster, or the queue of a UNIX
		// peer is full, which poll does not tell.
		if err := g.await(-1, 0, min(deadline, netos.After(netos.Clock(), int64(pause)))); err != unix.EAGAIN {
			return err
		}
	}
}
