package main

import (
	"time"

	"github.com/wasisock/wasisock/guest/poll"
)

// A loop fetches targets at the same time, in one thread: it waits until any
// connection is ready, and does what that one is ready for.
type loop struct {
	options
	report func(*fetch, time.Duration, error) // told once of each fetch, as it ends

	poll   poll.Poll
	active []*fetch // in the order in which they began
	events []poll.Event
	buf    []byte
}

// run fetches every target, and returns how many failed.
func (l *loop) run(targets []target) (failed int) {
	inner := l.report
	l.report = func(f *fetch, took time.Duration, err error) {
		if err != nil {
			failed++
		}
		inner(f, took, err)
	}
	l.events = make([]poll.Event, 128)
	l.buf = make([]byte, 64<<10)
	for next := 0; next < len(targets) || len(l.active) > 0; {
		for ; next < len(targets) && len(l.active) < l.parallel; next++ {
			l.begin(&targets[next], poll.Token(next))
		}
		if len(l.active) > 0 {
			l.wait()
		}
	}
	return failed
}

// wait waits once, and serves what is ready and what is due.
func (l *loop) wait() {
	due := l.active[0].due()
	for _, f := range l.active[1:] {
		if at := f.due(); at.Before(due) {
			due = at
		}
	}
	n, err := l.poll.Wait(l.events, max(time.Until(due), 0))
	if err != nil {
		for len(l.active) > 0 {
			l.end(l.active[0], err)
		}
		return
	}
	for _, e := range l.events[:n] {
		if f := l.find(e.Token); f != nil {
			l.serve(f, e.Err)
		}
	}
	now := time.Now()
	for i := 0; i < len(l.active); {
		f := l.active[i]
		if !now.Before(f.due()) {
			l.fail(f, f.timedOut(l.timeout))
		}
		if i < len(l.active) && l.active[i] == f {
			i++
		}
	}
}

func (l *loop) find(token poll.Token) *fetch {
	for _, f := range l.active {
		if f.token == token {
			return f
		}
	}
	return nil
}

// begin starts a fetch; it may end at once.
func (l *loop) begin(t *target, token poll.Token) {
	now := time.Now()
	f := &fetch{target: t, token: token, unsent: t.request, began: now, deadline: now.Add(l.timeout)}
	f.answer = response{method: l.method, keep: l.body, maxBody: l.maxSize}
	l.active = append(l.active, f)
	if t.err != nil {
		l.end(f, t.err)
		return
	}
	l.dial(f)
}

// dial begins to connect to the next address of f, or ends f.
func (l *loop) dial(f *fetch) {
	for {
		if err := f.dial(time.Now()); err != nil {
			l.end(f, err)
			return
		}
		f.interest = f.wants()
		err := l.poll.Register(f.conn.FD(), f.token, f.interest)
		if err == nil {
			return
		}
		f.conn.Close()
		f.conn = nil
		if f.next == len(f.addrs) {
			l.end(f, err)
			return
		}
	}
}

// serve does what the connection of f is ready for.
func (l *loop) serve(f *fetch, err error) {
	done := false
	if err == nil {
		done, err = f.advance(l.buf)
	}
	switch wants := f.wants(); {
	case err != nil:
		l.fail(f, err)
	case done:
		l.end(f, nil)
	case wants != f.interest:
		f.interest = wants
		if err := l.poll.Modify(f.conn.FD(), f.token, wants); err != nil {
			l.end(f, err)
		}
	}
}

// fail tries the next address if this one could not be connected to. Otherwise,
// or with none or no time left, the fetch ends.
func (l *loop) fail(f *fetch, err error) {
	if f.connected || f.next == len(f.addrs) || !time.Now().Before(f.deadline) {
		l.end(f, err)
		return
	}
	l.hangUp(f)
	l.dial(f)
}

// end ends a fetch, whichever way err says, and reports it.
func (l *loop) end(f *fetch, err error) {
	l.hangUp(f)
	for i, other := range l.active {
		if other == f {
			l.active = append(l.active[:i], l.active[i+1:]...)
			break
		}
	}
	l.report(f, time.Since(f.began), err)
}

func (l *loop) hangUp(f *fetch) {
	if f.conn != nil {
		l.poll.Deregister(f.conn.FD())
		f.conn.Close()
		f.conn = nil
	}
}
