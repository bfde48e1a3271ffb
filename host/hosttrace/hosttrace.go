// Package hosttrace writes the calls of guests as text, as JSON or for viewers of traces.
//
//	w := hosttrace.Text(os.Stderr)
//	cmd.Trace, err = hosttrace.Filter(w.Trace, "sock_*,!sock_recv")
package hosttrace

import (
	"io"
	"strconv"
	"sync"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/printable"
)

// A Writer writes calls in one form. It writes each call at once, by one Write, so none is lost
// when the process ends. After an error it writes nothing more. Its methods may be called from
// any goroutine at any time.
type Writer struct {
	mu     sync.Mutex
	w      io.Writer
	form   func(b []byte, c host.Call) []byte // appends c
	end    string                             // what Close writes
	buf    []byte
	err    error // the first
	closed bool
}

// Trace writes c. It is a host.Tracer.
func (t *Writer) Trace(c host.Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.buf = t.form(t.buf[:0], c)
	t.write(t.buf)
}

// Close ends the trace, as the form for Chrome requires, and returns the first error of all
// writing. Later calls are not written. It does not close the io.Writer. A second Close does
// nothing.
func (t *Writer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && t.end != "" {
		t.write([]byte(t.end))
	}
	t.closed = true
	return t.err
}

func (t *Writer) write(b []byte) {
	if t.err == nil {
		_, t.err = t.w.Write(b)
	}
}

// Text writes a line per call, as strace does, with the seconds that it took:
//
//	sock_connect_v2(1048576, 127.0.0.1:80) = EINPROGRESS <0.000041>
//	sock_connect_v2(1048577, 10.0.0.1:80) = EACCES (denied: no rule allows dial tcp 10.0.0.1:80) <0.000003>
//
// Unprintable characters are escaped as in a Go string, and long texts are cut.
func Text(w io.Writer) *Writer { return &Writer{w: w, form: appendText} }

func appendText(b []byte, c host.Call) []byte {
	b = append(append(b, c.Name...), '(')
	for i, arg := range c.Args {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, safe(arg.Text)...)
	}
	b = append(b, ") = "...)
	switch {
	case c.Errno != "":
		b = append(b, c.Errno...)
	case c.Result == "":
		b = append(b, '0')
	default:
		b = append(b, safe(c.Result)...)
	}
	if c.Reason != "" {
		b = append(append(append(b, " ("...), safe(c.Reason)...), ')')
	}
	b = strconv.AppendFloat(append(b, " <"...), c.Duration.Seconds(), 'f', 6, 64)
	return append(b, ">\n"...)
}

// safe keeps a guest from ending a line, or steering a terminal. A host.Call of a guest
// is printable already, but a Tracer in between may have changed it.
func safe(s string) string { return printable.Text(s, printable.MaxText, "") }
