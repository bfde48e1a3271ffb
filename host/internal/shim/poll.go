//go:build linux || darwin

package shim

import "github.com/wasisock/wasisock/sockabi"

// moreSubscriptions is how many subscriptions a guest may have besides two for each socket that
// it may open, so that a guest cannot choose how much memory the host uses. Go's runtime has at
// most 65,535.
const moreSubscriptions = 1 << 16

// pollOneoff is poll_oneoff, and epoll_oneoff: it waits until an event occurs to which the guest
// subscribes. All errors except those below are reported in events, and then the call returns at
// once.
//
// Parameters: subs*, nsubs sockabi.Subscription of 48 bytes; events*, room for as many
// sockabi.Event of 32 bytes; nsubs; nevents*, 4 bytes.
//   - EINVAL: there are no subscriptions, or more than moreSubscriptions allows.
//   - EINTR: the guest is stopped.
//
// NBytes is 1 for a ready descriptor, and 0 for a listener: the true number of bytes would cost
// a system call per event.
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
	if n == 0 || n > moreSubscriptions+2*uint64(g.Account.Limits.Sockets) {
		return sockabi.EINVAL
	}
	told, errno := g.Poll(c.ctx, subs, events)
	if errno == 0 {
		le.PutUint32(nevents, uint32(told))
	}
	return errno
}
