// Package report prints messages about guests: refused requests, limits that were reached, and
// the rules that a run needed.
package report

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// mostWaiting is how many bytes an Output holds that are not written yet.
	mostWaiting = 1 << 20

	// flushTime is how long Close waits until they are written.
	flushTime = time.Second
)

// An Output passes the messages of a command on to an io.Writer, from a goroutine of its own. A
// pipe or terminal that takes nothing thus blocks neither guests nor the end of the command.
// Messages for which there is no room are dropped and counted. Each Write must be a message of
// whole lines. Writes may be concurrent.
type Output struct {
	w    io.Writer
	wake chan struct{} // has an element if run has something to do
	done chan struct{} // closed when run has returned

	mu      sync.Mutex
	waiting []byte
	dropped int // number of messages after those of waiting
	missing func(dropped int) []byte
	closed  bool
}

// NewOutput returns an Output, which the caller must close. Its lines about dropped messages
// begin with name, or are in the format of its log if it has one: see NewLog.
func NewOutput(w io.Writer, name string) *Output {
	o := &Output{w: w, wake: make(chan struct{}, 1), done: make(chan struct{})}
	o.missing = func(n int) []byte { return fmt.Appendf(nil, "%s: %s\n", name, missing(n)) }
	go o.run()
	return o
}

func missing(messages int) string {
	return fmt.Sprintf("%d messages are missing here: nothing took them in time", messages)
}

// Write takes a message without waiting. The error is nil.
func (o *Output) Write(message []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return len(message), nil
	}
	if o.dropped > 0 || len(o.waiting)+len(message) > mostWaiting {
		o.dropped++
	} else {
		o.waiting = append(o.waiting, message...)
	}
	o.signal()
	return len(message), nil
}

// Close waits until all messages are written, at most flushTime. Later messages are dropped.
func (o *Output) Close() {
	o.mu.Lock()
	o.closed = true
	o.signal()
	o.mu.Unlock()
	select {
	case <-o.done:
	case <-time.After(flushTime):
	}
}

func (o *Output) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *Output) run() {
	defer close(o.done)
	var spare []byte // the one of two buffers that is not waiting
	for range o.wake {
		o.mu.Lock()
		batch, dropped, missing, closed := o.waiting, o.dropped, o.missing, o.closed
		o.waiting, o.dropped = spare[:0], 0
		o.mu.Unlock()
		if dropped > 0 {
			batch = append(batch, missing(dropped)...)
		}
		if len(batch) > 0 {
			o.w.Write(batch)
		}
		if spare = batch; closed {
			return
		}
	}
}
