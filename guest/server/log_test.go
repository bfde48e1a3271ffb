package main

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestConnectionsAndRequestsAreLogged(t *testing.T) {
	w := newWorld(t)
	w.ask(get + post("abc"))
	w.ask("PUT /" + strings.Repeat("x", 1000) + " HTTP/1.1\r\nHost: a\r\n\r\n")
	w.ask("BAD\n")
	w.ask(crlf("POST /y HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\nbad\n"))
	w.run(logDelay)
	want := `127.0.0.1:1000 connected
127.0.0.1:1000 GET / 200 6
127.0.0.1:1000 POST / 200 9
127.0.0.1:1001 connected
127.0.0.1:1001 PUT /` + strings.Repeat("x", maxStore-5) + ` 200 6
127.0.0.1:1002 connected
127.0.0.1:1002 - 400 a line must end in CR LF
127.0.0.1:1003 connected
127.0.0.1:1003 POST /y 400 a line is not NAME: VALUE
`
	if got := w.logged.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestQuietIsQuiet(t *testing.T) {
	w := newWorld(t, "-quiet")
	w.ask(get + "BAD\n")
	w.run(logDelay)
	if got := w.logged.String(); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestAStdoutThatNobodyReadsDelaysNobody(t *testing.T) {
	w := newWorld(t)
	c := w.ask("")
	w.logBlocked = true
	const n = 10_000
	for range n {
		c.send(get)
	}
	c.output.Reset()
	c.send(post("x"))
	if got := c.output.String(); got != echo("x") {
		t.Errorf("got %q", got)
	}
	if room := cap(w.log.text); room > logRoom {
		t.Errorf("%d bytes are gathered", room)
	}
	w.run(time.Hour)
	if w.waits > 10 {
		t.Errorf("woken %d times in an hour", w.waits)
	}
	w.logBlocked = false
	w.run(0)
	c = w.ask(get)
	w.run(logDelay)
	text := w.logged.String()
	if lines := strings.Count(text, " 200 "); lines < 1000 || lines >= n {
		t.Errorf("%d lines were written", lines)
	} else if want := w.counted(n + 1 - lines + 1); !strings.Contains(text, want) {
		t.Errorf("want %q in\n%s", want, text[max(0, len(text)-300):])
	}
	if !strings.HasSuffix(text, " 200 6\n") {
		t.Errorf("it ends in %q", text[max(0, len(text)-100):])
	}
	_ = c
}

// counted is the line that says how many were dropped.
func (w *world) counted(n int) string { return "\n" + strconv.Itoa(n) + " lines dropped\n" }

func TestWhatCannotBeWatchedIsWrittenAtOnce(t *testing.T) {
	for _, row := range []struct {
		sentence        string
		register, event error
	}{
		{"a file", syscall.EPERM, nil},
		{"a device", nil, syscall.EPERM},
	} {
		w := newWorld(t)
		w.logError, w.logEvent = row.register, row.event
		w.server.log.open(w, w.log.write)
		w.ask(get)
		w.run(2 * logDelay)
		if got := w.logged.String(); got != "127.0.0.1:1000 connected\n127.0.0.1:1000 GET / 200 6\n" {
			t.Errorf("%s: got %q", row.sentence, got)
		}
	}
}

func TestAStdoutThatIsClosedIsNotWrittenTo(t *testing.T) {
	broken := errors.New("broken")
	for _, row := range []struct {
		sentence        string
		register, write error
	}{
		{"from the beginning", syscall.EBADF, nil},
		{"later", nil, broken},
	} {
		w := newWorld(t)
		writes := 0
		w.logError = row.register
		w.server.log.open(w, func([]byte) (int, error) { writes++; return 0, row.write })
		for range 3 {
			w.ask(get).end = io.EOF
			w.run(2 * logDelay)
		}
		if row.register != nil && writes > 0 || writes > 1 {
			t.Errorf("%s: written to %d times", row.sentence, writes)
		}
		w.isEmpty()
	}
}

func TestAStdoutThatIsFullAfterAllIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	full := true
	w.server.log.open(w, func(p []byte) (int, error) {
		if full {
			return copy(make([]byte, 5), p), syscall.EAGAIN
		}
		return len(p), nil
	})
	w.ask(get)
	w.run(10 * logRetry)
	if w.waits > 50 {
		t.Errorf("woken %d times", w.waits)
	}
	full = false
	w.run(2 * logRetry)
	if len(w.log.text) > 0 {
		t.Errorf("%q is left", w.log.text)
	}
}
