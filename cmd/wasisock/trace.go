package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hosttrace"
)

// tracing holds the values of the flags --trace, --trace-file and --trace-filter. Each of them
// asks for a trace.
type tracing struct{ form, file, filter string }

var traceWords = []string{"text", "json", "chrome"}

func (t *tracing) setForm(v string) error {
	switch v {
	case "true":
		t.form = "text"
	case "false":
		t.form = v
	default:
		return options.Choice(traceWords, func(i int) { t.form = v })(v)
	}
	return nil
}

func (t *tracing) setFile(v string) error {
	if v == "" {
		return errors.New("write the name of a file")
	}
	t.file = v
	return nil
}

func (t *tracing) setFilter(v string) error {
	t.filter = v
	_, err := hosttrace.Filter(nil, v)
	return err
}

var traceForms = map[string]func(io.Writer) *hosttrace.Writer{
	"text": hosttrace.Text, "json": hosttrace.JSON, "chrome": hosttrace.Chrome,
}

// start returns the function that traces the guest's calls, or nil if no flag asks for a trace.
// finish ends the trace, even if the guest still runs, and closes the file.
func (t tracing) start(stderr io.Writer, log *slog.Logger) (trace host.Tracer, finish func(), err error) {
	finish = func() {}
	switch {
	case t.form == "false" || t == tracing{}:
		return nil, finish, nil
	case t.form == "chrome" && t.file == "":
		return nil, nil, errors.New("--trace=chrome needs a file of its own; add --trace-file FILE")
	case t.form == "":
		t.form = "text"
	}
	form := traceForms[t.form]
	var w *hosttrace.Writer
	if t.file == "" {
		w = form(stderr)
	} else {
		file, err := os.OpenFile(t.file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
		if err != nil {
			return nil, nil, fmt.Errorf("--trace-file: %w", err)
		}
		w = form(file)
		finish = func() {
			// The guest may be waiting for room in a pipe that nobody reads, or for a disk.
			file.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			closed := make(chan error, 1)
			go func() { closed <- errors.Join(w.Close(), file.Close()) }()
			select {
			case err = <-closed:
			case <-time.After(time.Second):
				err = errors.New("the file takes no more")
			}
			if err != nil {
				log.Error(fmt.Sprintf("the trace is not complete: %v", err))
			}
		}
	}
	if trace = w.Trace; t.filter != "" {
		trace, err = hosttrace.Filter(trace, t.filter)
	}
	return trace, finish, err
}
