// Package report prints what happens to guests: what is refused, what a limit does, and
// which rules a run needed.
package report

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// mostWaiting is how many bytes an Output holds that were not written yet.
	mostWaiting = 1 << 20

	// flushTime is how long Close waits for them to be written.
	flushTime = time.Second
)

// An Output passes what a command prints on to an io.Writer, from a goroutine of its own:
// a pipe or terminal that takes nothing keeps neither guests waiting, nor the command from
// its end. What there is no room for is dropped, and counted. Each Write is a message of
// whole lines.
type Output struct {
	w    io.Writer
	wake chan struct{} // has an element if there is something to do
	done chan struct{} // closed when nothing more is written

	mu      sync.Mutex
	waiting []byte
	dropped int // messages since the last one of waiting
	missing func(dropped int) []byte
	closed  bool
}

// NewOutput returns an Output. The lines with which it counts what is dropped begin with name,
// unless it is that of a log. The caller must close it.
func NewOutput(w io.Writer, name string) *Output {
	o := &Output{w: w, wake: make(chan struct{}, 1), done: make(chan struct{})}
	o.missing = func(n int) []byte { return fmt.Appendf(nil, "%s: %s\n", name, missing(n)) }
	go o.run()
	return o
}

func missing(messages int) string {
	return fmt.Sprintf("%d messages are missing here: nothing took them in time", messages)
}

// Write takes a message, and does not wait. It returns no error.
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

// Close waits until all is written, a second at most, and takes no more messages.
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
