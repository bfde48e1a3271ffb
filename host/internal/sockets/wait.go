//go:build linux || darwin

package sockets

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/host/internal/readiness"
	"github.com/wasisock/wasisock/sockabi"
)

// await calls wake.Await with the guest's heed.
func (g *Guest) await(fd int, events int16, deadline int64) error {
	return g.wake.Await(fd, events, deadline, g.heed)
}

// block calls op and returns its error. If s blocks, it repeats op while that returns EAGAIN, and
// waits for events in between, at most for timeout: see netos.DeadlineOf.
func (g *Guest) block(s *Socket, events int16, timeout time.Duration, op func() error) error {
	err := netos.Retry(op)
	if err != unix.EAGAIN || !s.blocks() {
		return err
	}
	deadline := netos.DeadlineOf(timeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 16*time.Millisecond) {
		if !s.retired { // the operating system does not report its connections
			if err := g.await(s.backend.queue(), events, deadline); err != nil {
				return err
			}
		}
		if err := netos.Retry(op); err != unix.EAGAIN || netos.Clock() >= deadline {
			return err
		}
		// It is ready, but op returned EAGAIN: another process was faster, or the queue of a
		// UNIX peer is full, which poll does not report.
		if err := g.await(-1, 0, min(deadline, netos.After(netos.Clock(), int64(pause)))); err != unix.EAGAIN {
			return err
		}
	}
}

// Poll waits until an event occurs to which subs subscribes, an array of sockabi.Subscription. It
// writes the events to events, which has room for as many sockabi.Event, and returns their number.
// ctx is that of the call. EINTR means that the guest is stopped.
func (g *Guest) Poll(ctx context.Context, subs, events []byte) (n int, errno sockabi.Errno) {
	if g.closed {
		return 0, sockabi.EINTR
	}
	g.polling = ctx
	g.Account.Waiting.Store(true)
	n, errno = g.polls.Poll(subs, events)
	g.Account.Waiting.Store(false)
	g.polling = nil
	return n, errno
}

// A pollGuest makes a Guest a readiness.Guest.
type pollGuest struct{ g *Guest }

func (p pollGuest) Number(fd uint32) uint32        { return p.g.number(fd) }
func (p pollGuest) Handle(handled, ignored uint64) { p.g.signals.set(handled, ignored) }
func (p pollGuest) Take() uint64                   { return p.g.signals.take() }
func (p pollGuest) Now(clock uint32) int64         { return p.g.now(clock) }

func (p pollGuest) Socket(fd uint32, direction int) *readiness.Watched {
	s := p.g.table.get(fd)
	if s == nil {
		return nil
	}
	if direction == readiness.Reading {
		p.g.judged(s)
	}
	return &s.watched
}

func (p pollGuest) File(fd uint32) (int, sockabi.Errno) {
	filetype, errno := p.g.FDStat(p.g.polling, fd)
	if errno == 0 && int(fd) < len(p.g.stdio) && filetype != sockabi.FILETYPE_REGULAR_FILE && filetype != sockabi.FILETYPE_DIRECTORY {
		return p.g.stdio[fd].fd, 0
	}
	return -1, errno
}

func (p pollGuest) Heed() {
	p.g.heed()
	p.g.announce()
}
