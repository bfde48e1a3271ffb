package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Shutdown lets a guest that serves end by itself, without losing a request: from now
// on it gets no new connections, those that it has accepted go on, and once none is open,
// its accept fails with EINVAL, as on a listener that was shut down. http.Serve returns
// then, and with it most programs. Shutdown waits for the guest to end, and returns nil; but
// when ctx ends before, the guest is ended as by Stop, and Shutdown returns the cause, and
// Stop's error, without waiting.
//
// Programs of wasisock build that serve with net/http close the connections themselves: an
// answer of HTTP/1 is the last of its connection, clients of HTTP/2 are sent GOAWAY, and a
// connection that waits for its next request is closed after a quarter of a second. A request
// of HTTP/1 that is on its way just then fails, as with every server that closes
// connections; clients make it again if it changes nothing. Other guests can do the same:
// see sockabi.SIGDRAIN.
//
// Of other protocols the host knows nothing: a connection is open until the guest has closed
// it. When a tenth of the time until ctx's deadline is left, a second at most, accept fails
// nevertheless, and so that the guest can still end by itself, it reads the ends of its
// connections. Stats.Connections is how many were open in the end.
//
// New connections to one of Cmd.Listeners wait for whoever accepts them next, unless
// Release was called before. Those to the guest's own listeners are refused, but what is
// in their queue at first is still served. A guest that never waits, nor accepts, learns of nothing.
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

// Release lets a socket of Cmd.Listeners end with the guests that accept from it: when nobody
// else is to. Close the listener then. New connections are refused as soon as all guests
// that have it have closed it, ended, or are shutting down; a guest that is shutting down
// serves those that have come before. A guest cannot begin to listen there any more. Release
// may be called from any goroutine after Start.
func (c *Cmd) Release(l net.Listener) {
	if c.guest != nil {
		c.guest.Release(l)
	}
}
