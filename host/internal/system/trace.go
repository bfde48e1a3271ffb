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

// wrapped is call, which tells Config.Trace and Config.Calls of each call that does not
// fall through: its name, arguments, errno and duration. Without both it is call itself.
func (g *guest) wrapped(f sockabi.Function, call Func) Func {
	if g.trace == nil && g.calls == nil {
		return call
	}
	names := strings.Fields(f.Args)
	return func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno {
		if g.trace != nil {
			g.rec = newRecorder(names, args)
		}
		start := time.Now()
		errno := call(ctx, mem, args)
		took := time.Since(start)
		rec := g.rec
		g.rec = nil
		if errno == FallThrough {
			return errno
		}
		if g.calls != nil {
			g.calls(f.Name, errno, took)
		}
		if g.trace != nil {
			c := host.Call{Name: f.Name, Args: rec.named(names), FD: rec.fd, Reason: safe(rec.reason), Start: start, Duration: took}
			switch {
			case errno == 0:
				c.Result = safe(rec.result)
			case errno.Name() == "":
				c.Errno = fmt.Sprintf("errno %d", errno)
			default:
				c.Errno = errno.Name()
			}
			g.trace(c)
		}
		return errno
	}
}

// A recorder notes for Config.Trace what only the function knows of the call being
// served. The methods for that do nothing on nil, which it is while nothing is traced.
type recorder struct {
	args   []string // by parameter; "" is left out
	fd     int64    // -1 is none
	result string
	reason string // it failed
}

func newRecorder(names []string, args []uint64) *recorder {
	r := &recorder{args: make([]string, len(names)), fd: -1}
	for i, name := range names {
		if !strings.HasSuffix(name, "*") {
			r.args[i] = strconv.FormatUint(uint64(uint32(args[i])), 10)
		}
		if name == "fd" {
			r.fd = int64(uint32(args[i]))
		}
	}
	return r
}

func (r *recorder) named(names []string) []host.Arg {
	var args []host.Arg
	for i, text := range r.args {
		if text != "" {
			args = append(args, host.Arg{Name: strings.TrimRight(names[i], "*"), Text: safe(text)})
		}
	}
	return args
}

// arg notes what parameter i means. The parameters in hidden say nothing more, and are
// left out.
func (r *recorder) arg(i int, text string, hidden ...int) {
	if r == nil {
		return
	}
	r.args[i] = text
	for _, i := range hidden {
		r.args[i] = ""
	}
}

// argf is arg of a text that is made only where it is noted.
func (r *recorder) argf(i int, text func() string, hidden ...int) {
	if r != nil {
		r.arg(i, text(), hidden...)
	}
}

// succeeded notes what the call has answered.
func (r *recorder) succeeded(text func() string) {
	if r != nil {
		r.result = text()
	}
}

// counted is succeeded with a number.
func (r *recorder) counted(n int) {
	if r != nil {
		r.result = strconv.Itoa(n)
	}
}

// received is succeeded with a number of bytes, whether there were more in the datagram, and
// who has sent it, if that is known.
func (r *recorder) received(n int, cut bool, from endpoint) {
	if r == nil {
		return
	}
	if r.result = strconv.Itoa(n); from.family != sockabi.AF_UNSPEC {
		r.result += " from " + from.String()
	}
	if cut {
		r.result += ", truncated"
	}
}

// opened is succeeded with a descriptor, which the call is about if it was given none.
func (r *recorder) opened(fd uint32) {
	if r == nil {
		return
	}
	r.result = strconv.FormatUint(uint64(fd), 10)
	if r.fd < 0 {
		r.fd = int64(fd)
	}
}

// failed notes why the call has failed.
func (r *recorder) failed(err error) {
	if r != nil {
		r.reason = err.Error()
	}
}

// denied notes the policy's reason.
func (r *recorder) denied(err error) {
	if r != nil {
		r.reason = "denied: " + err.Error()
	}
}

// faulted adds a fault to why the call has failed.
func (r *recorder) faulted(fault string) {
	if r == nil {
		return
	}
	if r.reason != "" {
		r.reason += ", "
	}
	r.reason += "fault: " + fault
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
