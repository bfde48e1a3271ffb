//go:build linux || darwin

package shim

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// watched returns a Func that calls call and reports each call that does not fall through to the
// guest's Watch: its name, arguments, errno and duration. If both fields of the Watch are nil, it
// returns call itself.
func (g *guest) watched(f sockabi.Function, call Func) Func {
	if g.watch.none() {
		return call
	}
	names := strings.Fields(f.Args)
	return func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno {
		if g.watch.Trace != nil {
			g.Account.Rec = account.NewRecorder(names, args)
		}
		start := time.Now()
		errno := call(ctx, mem, args)
		took := time.Since(start)
		rec := g.Account.Rec
		g.Account.Rec = nil
		if errno == FallThrough {
			return errno
		}
		if g.watch.Calls != nil {
			g.watch.Calls(f.Name, errno, took)
		}
		if g.watch.Trace != nil {
			c := rec.Call(names, errno)
			c.Name, c.Start, c.Duration = f.Name, start, took
			g.watch.Trace(c)
		}
		return errno
	}
}

// recordReceived records the number of bytes, whether the datagram had more, and its sender, if
// that is known.
func recordReceived(r *account.Recorder, n int, cut bool, from address.Endpoint) {
	if r == nil {
		return
	}
	r.Counted(n)
	if from.Family != sockabi.AF_UNSPEC {
		r.Result += " from " + from.String()
	}
	if cut {
		r.Result += ", truncated"
	}
}

// recordAccepted adds the peer of a new connection to the result, if the peer is known.
func (g *guest) recordAccepted(s *sockets.Socket) {
	if g.Account.Rec == nil {
		return
	}
	if peer, errno := g.Peer(s); errno == 0 {
		g.Account.Rec.Result += " from " + peer.String()
	}
}

func familyName(family uint32) string {
	switch family {
	case sockabi.AF_INET4:
		return "INET4"
	case sockabi.AF_INET6:
		return "INET6"
	case sockabi.AF_UNIX:
		return "UNIX"
	}
	return strconv.FormatUint(uint64(family), 10)
}

func kindName(kind uint32) string {
	switch kind {
	case sockabi.SOCK_DGRAM:
		return "DGRAM"
	case sockabi.SOCK_STREAM:
		return "STREAM"
	}
	return strconv.FormatUint(uint64(kind), 10)
}
