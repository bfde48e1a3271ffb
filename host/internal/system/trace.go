//go:build linux || darwin

package system

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/printable"
	"github.com/wasisock/wasisock/sockabi"
)

// A tracer tells of calls. Functions leave in rec what they decode; it is nil while
// nothing is traced, which is all that they look at.
type tracer struct {
	trace host.Tracer
	rec   *record
}

// A record is what is known of the call being served.
type record struct {
	args   []string // by parameter; "" is left out
	fd     int64    // -1 is none
	result string
	why    string // it failed
}

func (t *tracer) traced(f sockabi.Function, call Func) Func {
	if t.trace == nil {
		return call
	}
	names := strings.Fields(f.Args)
	return func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno {
		rec := &record{args: make([]string, len(names)), fd: -1}
		for i, name := range names {
			if !strings.HasSuffix(name, "*") {
				rec.args[i] = strconv.FormatUint(uint64(uint32(args[i])), 10)
			}
			if name == "fd" {
				rec.fd = int64(uint32(args[i]))
			}
		}
		t.rec = rec
		start := time.Now()
		errno := call(ctx, mem, args)
		took := time.Since(start)
		t.rec = nil
		if errno != FallThrough {
			c := host.Call{Name: f.Name, Args: rec.named(names), FD: rec.fd, Reason: safe(rec.why), Start: start, Duration: took}
			switch {
			case errno == 0:
				c.Result = safe(rec.result)
			case errno.Name() == "":
				c.Errno = fmt.Sprintf("errno %d", errno)
			default:
				c.Errno = errno.Name()
			}
			t.trace(c)
		}
		return errno
	}
}

func (r *record) named(names []string) []host.Arg {
	var args []host.Arg
	for i, text := range r.args {
		if text != "" {
			args = append(args, host.Arg{Name: strings.TrimRight(names[i], "*"), Text: safe(text)})
		}
	}
	return args
}

// safe returns a text of a record, of which the guest or its peers may have chosen parts,
// as it may be printed.
func safe(text string) string { return printable.Text(text, printable.MaxText, "") }

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
