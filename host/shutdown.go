package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Shutdown lets a server end by itself, without losing a request. The guest gets no new
// connections, and those that it has accepted go on. Once none is open, its accept fails with
// EINVAL, as on a listener that was shut down; http.Serve then returns. Shutdown waits for the
// guest to end and returns nil. If ctx ends first, Shutdown stops the guest and returns the
// cause, joined with Stop's error, without waiting.
//
// Programs of wasisock build that serve with net/http close their connections themselves: the
// next answer of HTTP/1 is the last of its connection, clients of HTTP/2 get GOAWAY, and a
// connection that waits for its next request is closed after a quarter of a second. A request
// of HTTP/1 that is sent in that moment fails, as with every server that closes connections;
// clients repeat it if it is idempotent. Other guests can do the same: see sockabi.SIGDRAIN.
//
// With other protocols a connection is open until the guest closes it. When a tenth of the time
// until ctx's deadline is left, at most a second, accept fails even with open connections, and
// the guest reads their ends, so that it can still end by itself. Stats.Connections then counts
// those that were open at the end.
//
// New connections to one of Cmd.Listeners wait for the next guest that accepts there, unless
// Release was called. Those to the guest's own listeners are refused; connections that are
// queued already are still served. A guest that never waits or accepts does not notice the
// shutdown.
//
// Shutdown may be called from any goroutine after Start, and beside Wait.
func (c *Cmd) Shutdown(ctx context.Context) error {
	if c.guest == nil {
		return errors.New("there is no guest to shut down; call Start before")
	}
	c.guest.Drain(false)
	var hurry <-chan time.Time
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		timer := time.NewTimer(left - min(left/10, time.Second))
		defer timer.Stop()
		hurry = timer.C
	}
	for {
		select {
		case <-c.guest.Done():
			return nil
		case <-hurry:
			c.guest.Drain(true)
		case <-ctx.Done():
			if err := c.Stop(); err != nil {
				return fmt.Errorf("%w; %w", context.Cause(ctx), err)
			}
			return context.Cause(ctx)
		}
	}
}

// Release gives up a socket of Cmd.Listeners: use it when no other guest will accept from it,
// then close the listener. New connections are refused as soon as all guests that have the
// socket have closed it, have ended or shut down. A guest that shuts down serves the
// connections that arrived before. No guest can begin to listen there any more. Release may be
// called from any goroutine after Start.
func (c *Cmd) Release(l net.Listener) {
	if c.guest != nil {
		c.guest.Release(l)
	}
}
