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

// A Recorder records facts for the trace that only the function of the current call knows. It is
// nil while nothing is traced; then its methods do nothing.
type Recorder struct {
	args   []string // by parameter; "" means that it is left out
	fd     int64    // -1 means none
	Result string   // the result of a successful call
	reason string   // why it failed
}

// NewRecorder returns the recorder of a call of a function whose parameters have these names.
// Names that end in "*" are those of pointers.
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

// Call returns the record of the call, which has ended with errno, without its name and time.
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

// Arg records text as the meaning of parameter i. The trace leaves out the parameters in hidden,
// which text covers.
func (r *Recorder) Arg(i int, text string, hidden ...int) {
	if r == nil {
		return
	}
	r.args[i] = text
	for _, i := range hidden {
		r.args[i] = ""
	}
}

// Argf is Arg with a text that is made only if it is recorded.
func (r *Recorder) Argf(i int, text func() string, hidden ...int) {
	if r != nil {
		r.Arg(i, text(), hidden...)
	}
}

// Succeeded records the result of the call.
func (r *Recorder) Succeeded(text func() string) {
	if r != nil {
		r.Result = text()
	}
}

// Counted records a number as the result.
func (r *Recorder) Counted(n int) {
	if r != nil {
		r.Result = strconv.Itoa(n)
	}
}

// Opened records a descriptor as the result. It is also that of the call if the call has none.
func (r *Recorder) Opened(fd uint32) {
	if r == nil {
		return
	}
	r.Result = strconv.FormatUint(uint64(fd), 10)
	if r.fd < 0 {
		r.fd = int64(fd)
	}
}

// Failed records why the call has failed.
func (r *Recorder) Failed(err error) {
	if r != nil {
		r.reason = err.Error()
	}
}

// Denied records the policy's reason.
func (r *Recorder) Denied(err error) {
	if r != nil {
		r.reason = "denied: " + strings.TrimPrefix(err.Error(), fs.ErrPermission.Error()+": ")
	}
}

// Faulted adds an injected fault to the reason why the call has failed.
func (r *Recorder) Faulted(fault string) {
	if r == nil {
		return
	}
	if r.reason != "" {
		r.reason += ", "
	}
	r.reason += "fault: " + fault
}

// safe returns a text of a record so that it can be printed: the guest or its peers may have
// chosen parts of it.
func safe(text string) string { return printable.Text(text, printable.MaxText, "") }
