package account

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/printable"
	"github.com/wasisock/wasisock/sockabi"
)

// A Recorder notes for the trace what only the function knows of the call being
// served. The methods for that do nothing on nil, which it is while nothing is traced.
type Recorder struct {
	args   []string // by parameter; "" is left out
	fd     int64    // -1 means none
	Result string   // what a call that succeeded has answered
	reason string   // it failed
}

// NewRecorder returns the recorder of a call of a function that has these
// parameters. Those that end in "*" are pointers.
func NewRecorder(names []string, args []uint64) *Recorder {
	r := &Recorder{args: make([]string, len(names)), fd: -1}
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

// Call returns what is known of the call, which has ended with errno, but not its name and
// time.
func (r *Recorder) Call(names []string, errno sockabi.Errno) host.Call {
	c := host.Call{Args: r.named(names), FD: r.fd, Reason: safe(r.reason)}
	switch {
	case errno == 0:
		c.Result = safe(r.Result)
	case errno.Name() == "":
		c.Errno = fmt.Sprintf("errno %d", errno)
	default:
		c.Errno = errno.Name()
	}
	return c
}

func (r *Recorder) named(names []string) []host.Arg {
	var args []host.Arg
	for i, text := range r.args {
		if text != "" {
			args = append(args, host.Arg{Name: strings.TrimRight(names[i], "*"), Text: safe(text)})
		}
	}
	return args
}

// Arg notes what parameter i means. The parameters in hidden say nothing more, and are
// left out.
func (r *Recorder) Arg(i int, text string, hidden ...int) {
	if r == nil {
		return
	}
	r.args[i] = text
	for _, i := range hidden {
		r.args[i] = ""
	}
}

// Argf is Arg of a text that is made only where it is noted.
func (r *Recorder) Argf(i int, text func() string, hidden ...int) {
	if r != nil {
		r.Arg(i, text(), hidden...)
	}
}

// Succeeded notes what the call has answered.
func (r *Recorder) Succeeded(text func() string) {
	if r != nil {
		r.Result = text()
	}
}

// Counted is Succeeded with a number.
func (r *Recorder) Counted(n int) {
	if r != nil {
		r.Result = strconv.Itoa(n)
	}
}

// Opened is Succeeded with a descriptor, which the call is about if it was given none.
func (r *Recorder) Opened(fd uint32) {
	if r == nil {
		return
	}
	r.Result = strconv.FormatUint(uint64(fd), 10)
	if r.fd < 0 {
		r.fd = int64(fd)
	}
}

// Failed notes why the call has failed.
func (r *Recorder) Failed(err error) {
	if r != nil {
		r.reason = err.Error()
	}
}

// Denied notes the policy's reason.
func (r *Recorder) Denied(err error) {
	if r != nil {
		r.reason = "denied: " + strings.TrimPrefix(err.Error(), fs.ErrPermission.Error()+": ")
	}
}

// Faulted adds a fault to why the call has failed.
func (r *Recorder) Faulted(fault string) {
	if r == nil {
		return
	}
	if r.reason != "" {
		r.reason += ", "
	}
	r.reason += "fault: " + fault
}

// safe returns a text of a record, parts of which the guest or its peers may have chosen,
// as it may be printed.
func safe(text string) string { return printable.Text(text, printable.MaxText, "") }
