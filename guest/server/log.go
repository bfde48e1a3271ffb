package main

import (
	"errors"
	"strconv"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/guest/poll"
)

const (
	stdout   = 1
	logRoom  = 64 << 10              // bytes that wait for stdout
	logLine  = 512                   // no line is longer
	logPiece = 4096                  // a pipe that is ready takes as much without blocking
	logDelay = 20 * time.Millisecond // how long lines are gathered
	logRetry = 100 * time.Millisecond
)

// A logger writes lines to stdout so that a stdout which nobody reads does not stop
// the server: it waits in the server's loop until stdout is ready, and drops the
// lines that it has no room for. What cannot be waited for, a file, is written to
// at once. A terminal may say that it is ready and block all the same, if what is at
// its other end has ceased to read; to be stopped with Ctrl-S is not that.
type logger struct {
	poller  poller
	write   func([]byte) (int, error)
	closed  bool // there is no stdout
	direct  bool // there is no waiting for stdout
	watched bool

	text    []byte        // lines, the first of which may have begun to be written
	due     time.Duration // when to write them
	dropped int           // lines since the last that had room
}

func (l *logger) open(p poller, write func([]byte) (int, error)) {
	l.poller, l.write = p, write
	l.text = make([]byte, 0, logRoom)
	l.watch()
	l.unwatch()
}

func (l *logger) watch() {
	if err := l.poller.Register(stdout, stdoutToken, poll.Writable); err != nil {
		l.unwatchable(err)
		return
	}
	l.watched = true
}

func (l *logger) unwatch() {
	if l.watched {
		l.poller.Deregister(stdout)
		l.watched = false
	}
}

func (l *logger) unwatchable(err error) {
	l.unwatch()
	l.direct = true
	l.closed = errors.Is(err, syscall.EBADF)
}

// begin begins a line: whoever gets true appends the rest, in all at most logLine
// bytes, to l.text, and then calls end.
func (l *logger) begin(now time.Duration) bool {
	if l.closed {
		return false
	}
	if len(l.text)+2*logLine > logRoom {
		l.dropped++
		return false
	}
	if len(l.text) == 0 {
		l.due = now + logDelay
	}
	if l.dropped > 0 {
		l.text = strconv.AppendInt(l.text, int64(l.dropped), 10)
		l.put(" lines dropped\n")
		l.dropped = 0
	}
	return true
}

func (l *logger) put(s string) { l.text = append(l.text, s...) }

// line logs a line of the server's own.
func (l *logger) line(s string, now time.Duration) {
	if l.begin(now) {
		l.put(s[:min(len(s), logLine-1)])
		l.put("\n")
	}
}

// connected logs a connection.
func (l *logger) connected(c *conn, now time.Duration) {
	if l.begin(now) {
		l.text = append(l.text, c.peer...)
		l.put(" connected\n")
	}
}

// answered logs a request, what being its method and target, with the answer's
// status and length, or why it was refused.
func (l *logger) answered(c *conn, status, size int, why *refusal, now time.Duration) {
	if !l.begin(now) {
		return
	}
	l.text = append(l.text, c.peer...)
	what := c.in.what
	if len(what) == 0 {
		what = []byte("-")
	}
	l.put(" ")
	l.text = append(l.text, what[:min(len(what), maxStore)]...)
	l.put(" ")
	l.text = strconv.AppendInt(l.text, int64(status), 10)
	l.put(" ")
	if why != nil {
		l.put(why.reason)
	} else {
		l.text = strconv.AppendInt(l.text, int64(size), 10)
	}
	l.put("\n")
}

// next returns when turn must be called at the latest, or below 0.
func (l *logger) next() time.Duration {
	if len(l.text) == 0 || l.watched {
		return -1
	}
	return l.due
}

// turn begins to write what has been gathered.
func (l *logger) turn(now time.Duration) {
	if len(l.text) < logPiece && now < l.due || len(l.text) == 0 || l.watched {
		return
	}
	if !l.direct {
		if l.watch(); l.watched {
			return
		}
	}
	for len(l.text) > 0 && now >= l.due || len(l.text) >= logPiece {
		if !l.writePiece(now) {
			return
		}
	}
}

// ready writes a piece, and is for when the poller has told of stdout.
func (l *logger) ready(ev *poll.Event, now time.Duration) {
	if ev.Err != nil {
		l.unwatchable(ev.Err)
		l.due = now
		return
	}
	if !l.writePiece(now) || len(l.text) == 0 {
		l.unwatch()
	}
}

// writePiece writes some of the text. It returns false if it must be tried again later.
func (l *logger) writePiece(now time.Duration) bool {
	n, err := l.write(l.text[:min(len(l.text), logPiece)])
	l.text = l.text[:copy(l.text, l.text[max(n, 0):])]
	switch {
	case err == nil:
		return true
	case errors.Is(err, syscall.EAGAIN):
		l.due = now + logRetry
	default:
		l.closed, l.text = true, l.text[:0]
	}
	return false
}
