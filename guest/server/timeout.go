package main

import "time"

// A stage is a wait of a connection whose time is limited.
type stage uint8

const (
	noStage  stage = iota
	inIdle         // the first byte of a request
	inHeader       // the rest of a head, or the connection's first request
	inUpload       // more of a body
	inAnswer       // the peer to take an answer
	inLinger       // the peer to close, after the last answer
	stages
)

// timeouts knows whose time runs out next. All connections in a stage have the same
// time, so each stage's list is in order of deadlines, and setting one costs the
// same however many there are.
type timeouts struct {
	lists [stages]struct {
		after       time.Duration // 0 means no limit
		first, last *conn
	}
}

func (t *timeouts) init(l *limits) {
	t.lists[inIdle].after = l.idle
	t.lists[inHeader].after = l.head
	t.lists[inUpload].after = l.idle
	t.lists[inAnswer].after = l.write
	t.lists[inLinger].after = lingerTime
}

// set begins the time of a stage anew.
func (t *timeouts) set(c *conn, s stage, now time.Duration) {
	t.clear(c)
	l := &t.lists[s]
	c.stage = s
	if l.after == 0 {
		return
	}
	c.deadline = now + l.after
	c.previous = l.last
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
}

// clear ends c's time.
func (t *timeouts) clear(c *conn) {
	l := &t.lists[c.stage]
	switch {
	case c.previous != nil:
		c.previous.next = c.next
	case l.first == c:
		l.first = c.next
	}
	switch {
	case c.next != nil:
		c.next.previous = c.previous
	case l.last == c:
		l.last = c.previous
	}
	c.stage, c.previous, c.next = noStage, nil, nil
}

// next is the earliest deadline, or below 0.
func (t *timeouts) next() time.Duration {
	var next time.Duration = -1
	for s := range t.lists {
		if c := t.lists[s].first; c != nil && (next < 0 || c.deadline < next) {
			next = c.deadline
		}
	}
	return next
}

// due is a connection whose time has run out, or nil.
func (t *timeouts) due(now time.Duration) *conn {
	for s := range t.lists {
		if c := t.lists[s].first; c != nil && c.deadline <= now {
			return c
		}
	}
	return nil
}
