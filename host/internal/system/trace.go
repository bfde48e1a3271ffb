//go:build linux || darwin

package system

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/sockabi"
)

// A tracer writes a line per call, as strace does. Functions leave in rec what
// they decode; it is nil while nothing is traced, which is all that they look at.
type tracer struct {
	w   io.Writer
	rec *record
}

// A record is what a line says.
type record struct {
	args   []string // by parameter; "" is left out
	result string   // of a call that succeeded; "" is 0
	why    string   // it failed
}

func (t *tracer) traced(f sockabi.Function, call Func) Func {
	if t.w == nil {
		return call
	}
	names := strings.Fields(f.Args)
	return func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno {
		rec := &record{args: make([]string, len(names))}
		for i, name := range names {
			if !strings.HasSuffix(name, "*") {
				rec.args[i] = strconv.FormatUint(uint64(uint32(args[i])), 10)
			}
		}
		t.rec = rec
		errno := call(ctx, mem, args)
		t.rec = nil
		if errno != FallThrough {
			io.WriteString(t.w, rec.line(f.Name, errno))
		}
		return errno
	}
}

// line is such as "sock_connect(1048576, 127.0.0.1:80) = EINPROGRESS\n".
func (r *record) line(name string, errno sockabi.Errno) string {
	var b strings.Builder
	b.WriteString(name + "(")
	sep := ""
	for _, arg := range r.args {
		if arg != "" {
			b.WriteString(sep + arg)
			sep = ", "
		}
	}
	b.WriteString(") = ")
	switch {
	case errno != 0 && errno.Name() == "":
		fmt.Fprintf(&b, "errno %d", errno)
	case errno != 0:
		b.WriteString(errno.Name())
	case r.result == "":
		b.WriteString("0")
	default:
		b.WriteString(r.result)
	}
	if r.why != "" {
		b.WriteString(" (" + r.why + ")")
	}
	b.WriteString("\n")
	return b.String()
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
