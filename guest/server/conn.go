package main

import (
	"time"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
)

const (
	readRoom    = 64 << 10        // bytes that one read takes
	writeRoom   = 32 << 10        // bytes of answers that are gathered before they are sent
	maxPieces   = 64              // segments that one write takes
	maxIdleHeld = 4 << 10         // bytes of an input buffer that an idle connection may keep
	progress    = 4 << 10         // bytes that begin the time of a body or an answer anew
	lingerTime  = 5 * time.Second // in which the peer must close after the last answer
	lingerBytes = 64 << 20        // what it may send meanwhile
)

// A stream has the methods of *socket.Conn that a conn uses.
type stream interface {
	FD() int
	Read([]byte) (int, error)
	WriteV([][]byte) (int, error)
	CloseWrite() error
	Close() error
	RemoteAddr() (socket.Addr, error)
}

// A conn is one connection. It reads while it has nothing to send, and sends while
// the peer has an answer to take: so it holds at most a body, a head and what one
// read takes.
type conn struct {
	stream  // nil while the conn is unused
	token   poll.Token
	watched poll.Interest // 0 is not registered
	peer    []byte        // for the log

	in   reader
	held []byte // bytes read and not consumed
	out  chain  // bytes to send

	served  bool // a request, at least
	last    bool // nothing is answered after what there is to send
	unread  bool // the peer may be sending more all the same
	linger  bool // all is sent, and the peer has been told
	drained int  // bytes since then

	stage          stage
	renew          bool // the time of the stage begins anew
	moved          int  // bytes read and sent since it began
	deadline       time.Duration
	previous, next *conn // in the list of the stage
}

// ready does what the poller says is possible.
func (s *server) ready(c *conn) {
	switch {
	case c.linger:
		s.drain(c)
	case c.out.size == 0:
		s.read(c)
	case s.send(c):
		if c.last {
			s.end(c)
		} else {
			s.serve(c, s.in[:copy(s.in, c.held)])
		}
	}
	s.settle(c)
}

// read reads once. There is room for that: what is held then is less than a head.
func (s *server) read(c *conn) {
	held := 0
	if len(c.held) > 0 {
		held = copy(s.in, c.held)
	}
	n, err := c.Read(s.in[held:])
	switch {
	case err == nil:
		c.moved += n
		s.serve(c, s.in[:held+n])
	case !socket.WouldBlock(err):
		s.close(c)
	}
}

// serve answers the requests in p, which begins with the first byte that is not
// consumed, and holds the rest.
func (s *server) serve(c *conn, p []byte) {
	for len(p) > 0 && c.stream != nil && !c.last && c.out.size == 0 {
		n, step, why := c.in.next(p)
		p = p[n:]
		if step == more {
			break
		}
		switch step {
		case expects:
			s.out = append(s.out, goOn...)
		case done:
			s.answer(c)
		case refused:
			s.refuse(c, why)
		}
		if len(s.out) >= writeRoom || c.out.size > 0 {
			s.send(c)
		}
	}
	if len(s.out) > 0 {
		s.send(c)
	}
	switch {
	case c.stream == nil:
	case c.last:
		c.unread = c.unread || len(p) > 0
		if c.out.size == 0 {
			s.end(c)
		}
	case len(p) > 0 || len(c.held) > 0:
		c.hold(p)
	}
}

func (c *conn) hold(p []byte) {
	if len(p) == 0 && cap(c.held) > maxIdleHeld {
		c.held = nil
	}
	c.held = append(c.held[:0], p...)
}

// answer puts the answer to the request that is done where it is sent from.
func (s *server) answer(c *conn) {
	r := &c.in
	s.out = appendAnswer(s.out, r)
	if !s.quiet {
		s.log.answered(c, 200, len(answerPrefix)+r.size(), nil, s.now)
	}
	if !r.head && r.body.size > 0 {
		c.out, r.body = r.body, chain{}
	}
	c.last = !r.persistent()
	c.served, c.renew = true, true
	r.reset()
}

// refuse is answer for what is not served.
func (s *server) refuse(c *conn, why *refusal) {
	if !s.quiet {
		s.log.answered(c, why.status, 0, why, s.now)
	}
	if c.in.head {
		s.out = append(s.out, why.head...)
	} else {
		s.out = append(s.out, why.answer...)
	}
	c.in.reset()
	c.last, c.unread = true, true
}

// send sends s.out and then c.out, as much as the peer takes, and leaves the rest in
// c.out. It is true if nothing is left. s.out is never left to another conn.
func (s *server) send(c *conn) bool {
	for {
		size := len(s.out)
		s.pieces = append(s.pieces[:0], s.out)
		for g := c.out.first; g != nil && len(s.pieces) < maxPieces; g = g.next {
			s.pieces = append(s.pieces, g.bytes())
			size += len(g.bytes())
		}
		n, err := c.WriteV(s.pieces)
		if err != nil && !socket.WouldBlock(err) {
			s.out = s.out[:0]
			s.close(c)
			return false
		}
		c.moved += n
		sent := min(n, len(s.out))
		c.out.drop(n-sent, &s.pool)
		if sent < len(s.out) {
			var rest chain
			rest.add(s.out[sent:], &s.pool)
			rest.join(&c.out)
			c.out = rest
		}
		s.out = s.out[:0]
		if c.out.size == 0 || n < size {
			return c.out.size == 0
		}
	}
}

// end ends a connection whose last answer is sent. To close while the peer is
// sending would destroy what it has not yet read of the answer.
func (s *server) end(c *conn) {
	if !c.unread || c.CloseWrite() != nil {
		s.close(c)
		return
	}
	c.linger, c.held = true, nil
}

// drain throws away what the peer sends after the last answer.
func (s *server) drain(c *conn) {
	n, err := c.Read(s.in)
	c.drained += n
	if err != nil && !socket.WouldBlock(err) || c.drained > lingerBytes {
		s.close(c)
	}
}

// expire ends a connection whose time has run out. One that has begun a request is
// told.
func (s *server) expire(c *conn) {
	if c.stage == inUpload || c.stage == inHeader && len(c.held) > 0 {
		s.refuse(c, tooSlow)
		if s.send(c) {
			s.end(c)
		}
		s.settle(c)
		return
	}
	s.close(c)
}

// settle makes the poller and the timeouts agree with the state of c.
func (s *server) settle(c *conn) {
	if c.stream == nil {
		return
	}
	stage, interest := inIdle, poll.Readable
	switch {
	case c.linger:
		stage = inLinger
	case c.out.size > 0:
		stage, interest = inAnswer, poll.Writable
	case c.in.begun():
		stage = inUpload
	case len(c.held) > 0 || !c.served:
		stage = inHeader
	}
	advanced := c.moved >= progress && (stage == inUpload || stage == inAnswer)
	if stage != c.stage || c.renew || advanced {
		s.timeouts.set(c, stage, s.now)
		c.renew, c.moved = false, 0
	}
	if c.watched != interest {
		s.watch(c, interest)
	}
}

func (s *server) watch(c *conn, interest poll.Interest) {
	var err error
	if c.watched == 0 {
		err = s.poller.Register(c.FD(), c.token, interest)
	} else {
		err = s.poller.Modify(c.FD(), c.token, interest)
	}
	if err != nil {
		s.close(c)
		return
	}
	c.watched = interest
}

// close forgets c, which others may then use.
func (s *server) close(c *conn) {
	if c.watched != 0 {
		s.poller.Deregister(c.FD())
	}
	c.Close()
	s.timeouts.clear(c)
	c.in.reset()
	c.out.free(&s.pool)
	*c = conn{token: c.token, in: c.in, peer: c.peer[:0]}
	s.unused = append(s.unused, c)
	s.open--
	s.resumeAt = s.now
}
