//go:build linux || darwin

package system

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/sockabi"
)

// wrapped is call, which tells Config.Trace and Config.Calls of each call that does not
// fall through: its name, arguments, errno and duration. Without both it is call itself.
func (g *guest) wrapped(f sockabi.Function, call Func) Func {
	if g.trace == nil && g.calls == nil {
		return call
	}
	names := strings.Fields(f.Args)
	return func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno {
		if g.trace != nil {
			g.account.Rec = account.NewRecorder(names, args)
		}
		start := time.Now()
		errno := call(ctx, mem, args)
		took := time.Since(start)
		rec := g.account.Rec
		g.account.Rec = nil
		if errno == FallThrough {
			return errno
		}
		if g.calls != nil {
			g.calls(f.Name, errno, took)
		}
		if g.trace != nil {
			c := rec.Call(names, errno)
			c.Name, c.Start, c.Duration = f.Name, start, took
			g.trace(c)
		}
		return errno
	}
}

// recordReceived records a number of bytes, whether there were more in the datagram, and who
// has sent it, if that is known.
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

// mostListed is how many subscriptions and events of a poll are told.
const mostListed = 8

// listed is a list of n texts, or of the first of them.
func listed(n int, text func(i int) string) string {
	var texts []string
	for i := range min(n, mostListed) {
		texts = append(texts, text(i))
	}
	if n > mostListed {
		texts = append(texts, "…")
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// subscriptionText is what subscription i waits for.
func (g *guest) subscriptionText(i int) string {
	r := &g.interest.rows[i]
	target := strconv.FormatUint(uint64(le.Uint32(g.snapshot[i*subSize:][subTarget:])), 10)
	switch {
	case r.tag == sockabi.EVENTTYPE_CLOCK && r.errno == 0:
		return "clock " + time.Duration(g.duration(r)).String()
	case r.tag == sockabi.EVENTTYPE_CLOCK:
		return "clock"
	case r.tag == sockabi.EVENTTYPE_FD_READ:
		return "read " + target
	case r.tag == sockabi.EVENTTYPE_FD_WRITE:
		return "write " + target
	case r.tag == sockabi.EVENTTYPE_SIGNAL:
		return "signal"
	}
	return target
}

// eventText is what came of subscription i.
func (g *guest) eventText(i int) string {
	r := &g.interest.rows[i]
	text := "clock"
	if r.tag != sockabi.EVENTTYPE_CLOCK {
		text = g.subscriptionText(i)
	}
	if r.errno != 0 {
		return text + " " + r.errno.Name()
	}
	if g.interest.hungup.has(i) {
		return text + " hangup"
	}
	return text
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
