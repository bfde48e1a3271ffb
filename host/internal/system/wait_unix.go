//go:build linux || darwin

package system

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// await is wake.Await.
func (g *guest) await(fd int, events int16, deadline int64) error {
	return g.wake.Await(fd, events, deadline, g.heed)
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
