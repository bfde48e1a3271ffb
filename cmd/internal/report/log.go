package report

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/wasisock/wasisock/internal/printable"
)

// Formats lists the formats of a log. A plain message is a line that begins with a name. text and
// json are those of package log/slog, with time, level, msg and other fields.
var Formats = []string{"plain", "text", "json"}

// NewLog returns a log that writes to out in one of Formats. out must not be in use yet. Plain
// lines begin with name. Messages below level are left out. Each message is one Write.
func NewLog(out *Output, name, format string, level slog.Level) *slog.Logger {
	handler := func(w io.Writer) slog.Handler {
		options := &slog.HandlerOptions{Level: level}
		switch format {
		case "text":
			return slog.NewTextHandler(w, options)
		case "json":
			return slog.NewJSONHandler(w, options)
		}
		return plain{w, name, level}
	}
	out.mu.Lock()
	out.missing = func(n int) []byte {
		var line bytes.Buffer
		slog.New(handler(&line)).Warn(missing(n))
		return line.Bytes()
	}
	out.mu.Unlock()
	return slog.New(handler(out))
}

// plain is a handler that prints messages without their fields.
type plain struct {
	w     io.Writer
	name  string
	level slog.Level
}

func (p plain) Enabled(_ context.Context, l slog.Level) bool { return l >= p.level }
func (p plain) WithAttrs([]slog.Attr) slog.Handler           { return p }
func (p plain) WithGroup(string) slog.Handler                { return p }

func (p plain) Handle(_ context.Context, r slog.Record) error {
	_, err := fmt.Fprintf(p.w, "%s: %s\n", p.name, r.Message)
	return err
}

// Progress returns a writer that logs each Write, which must be one line.
func Progress(log *slog.Logger) io.Writer { return progress{log} }

type progress struct{ log *slog.Logger }

func (p progress) Write(line []byte) (int, error) {
	p.log.Info(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

// Lines is a writer that logs each line that a guest prints. It is for one goroutine.
type Lines struct {
	log  *slog.Logger
	rest []byte
}

// NewLines returns a Lines.
func NewLines(log *slog.Logger) *Lines { return &Lines{log: log} }

// Write logs the lines of p, a line of more than printable.MaxLines bytes in parts. It keeps an
// incomplete last line. The error is nil.
func (l *Lines) Write(p []byte) (int, error) {
	all := len(p)
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n')
		room := printable.MaxLines - len(l.rest)
		switch {
		case n >= 0 && n <= room:
			l.rest = append(l.rest, p[:n]...)
			l.flush()
			p = p[n+1:]
		case len(p) >= room:
			l.rest = append(l.rest, p[:room]...)
			l.flush()
			p = p[room:]
		default:
			l.rest = append(l.rest, p...)
			p = nil
		}
	}
	return all, nil
}

func (l *Lines) flush() {
	l.log.Info(string(l.rest))
	l.rest = l.rest[:0]
}

// Close logs an incomplete last line.
func (l *Lines) Close() {
	if len(l.rest) > 0 {
		l.flush()
	}
}
