//go:build linux || darwin

package system

import (
	"github.com/wasisock/wasisock/host/internal/readiness"
	"github.com/wasisock/wasisock/sockabi"
)

const (
	// moreSubscriptions is how many a guest can have beside two for each socket
	// that it may open: what this package keeps for them must not be the guest's
	// to choose. Go's runtime stops at 65,535.
	moreSubscriptions = 1 << 16
)

// pollOneoff is poll_oneoff, and epoll_oneoff: it waits until something has happened that the
// guest subscribes to. All trouble but that below is told in events, and then the call returns
// at once.
//
// Parameters: subs*, nsubs sockabi.Subscription of 48 bytes; events*, room for as many
// sockabi.Event of 32 bytes; nsubs; nevents*, 4 bytes.
//   - EINVAL: there are no subscriptions, or more than a guest has use for.
//   - EINTR: the guest is stopped.
//
// NBytes is 1 for what is ready, save 0 for a listener: to tell how much there
// is would be a system call per event.
func (g *guest) pollOneoff(c call) sockabi.Errno {
	if !c.aligned(8, 0, 1) || !c.aligned(4, 3) {
		return sockabi.EADDRNOTAVAIL
	}
	n := uint64(c.u32(2))
	subs, ok1 := c.at(0, n*sockabi.SubscriptionSize)
	events, ok2 := c.at(1, n*sockabi.EventSize)
	nevents, ok3 := c.at(3, 4)
	if !ok1 || !ok2 || !ok3 {
		return sockabi.EFAULT
	}
	if n == 0 || n > moreSubscriptions+2*uint64(g.account.Limits.Sockets) {
		return sockabi.EINVAL
	}
	if g.closed {
		return sockabi.EINTR
	}
	g.polling = c
	told, errno := g.polls.Poll(subs, events)
	g.polling = call{} // guest memory may not outlive the guest
	if errno == 0 {
		le.PutUint32(nevents, uint32(told))
	}
	return errno
}

// A pollGuest is the guest as its polls see it.
type pollGuest struct{ *guest }

func (g pollGuest) Number(fd uint32) uint32        { return g.number(fd) }
func (g pollGuest) Handle(handled, ignored uint64) { g.signals.set(handled, ignored) }
func (g pollGuest) Take() uint64                   { return g.signals.take() }
func (g pollGuest) Now(clock uint32) int64         { return g.now(clock) }

func (g pollGuest) Socket(fd uint32, direction int) *readiness.Watched {
	s := g.table.get(fd)
	if s == nil {
		return nil
	}
	if direction == readiness.Reading {
		g.judged(s)
	}
	return &s.watched
}

func (g pollGuest) File(fd uint32) (int, sockabi.Errno) {
	filetype, errno := g.fdstat(g.polling, fd)
	if errno == 0 && int(fd) < len(g.stdio) && filetype != sockabi.FILETYPE_REGULAR_FILE && filetype != sockabi.FILETYPE_DIRECTORY {
		return g.stdio[fd].fd, 0
	}
	return -1, errno
}

func (g pollGuest) Heed() {
	g.heed()
	g.announce()
}
