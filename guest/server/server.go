package main

import (
	"errors"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
)

const (
	acceptBatch = 64                     // connections accepted before the others have their turn
	acceptPause = 100 * time.Millisecond // after accepting failed
	spareConns  = 64                     // connections beyond -max-conns that are told so at once
	eventRoom   = 256

	listenerToken = poll.Token(1<<64 - 1)
	stdoutToken   = poll.Token(1<<64 - 2)
	signalToken   = poll.Token(1<<64 - 3)
)

// poller has the methods of *poll.Poll that the server uses.
type poller interface {
	Register(fd int, token poll.Token, interest poll.Interest) error
	Modify(fd int, token poll.Token, interest poll.Interest) error
	Deregister(fd int) error
	Wait(events []poll.Event, timeout time.Duration) (int, error)
}

// A listener has the methods of *socket.Listener that the server uses.
type listener interface {
	FD() int
	accept() (stream, error)
	Close() error
}

// A server is one thread and one loop: everything it does, it does because the
// poller or the clock said so, and nothing it does waits.
type server struct {
	limits
	quiet    bool
	poller   poller
	listener listener
	clock    func() time.Duration // never goes back
	log      logger

	now      time.Duration // when the latest turn began
	conns    []*conn       // by token
	unused   []*conn
	open     int // conns in use
	timeouts timeouts
	pool     pool

	closing  bool // the listener has ended, and idle connections end
	paused   bool // no connections are accepted
	told     bool // the log knows why
	resumeAt time.Duration

	// Shared by all connections, and empty between their turns.
	in     []byte
	out    []byte
	pieces [][]byte
	events [eventRoom]poll.Event
}

// start makes the server ready for turns.
func (s *server) start() error {
	s.in = make([]byte, s.header+readRoom)
	s.timeouts.init(&s.limits)
	s.now = s.clock()
	return s.poller.Register(s.listener.FD(), listenerToken, poll.Readable)
}

// errClosed is returned by a server whose listener and connections have ended.
var errClosed = errors.New("the server was shut down")

// turn waits for something to do, and does it. An error ends the server.
func (s *server) turn() error {
	n, err := s.poller.Wait(s.events[:], s.patience())
	if err != nil {
		return err
	}
	s.now = s.clock()
	for i := range s.events[:n] {
		switch ev := &s.events[i]; {
		case ev.Token == listenerToken && ev.Err != nil:
			return ev.Err
		case ev.Token == listenerToken && !s.closing:
			s.accept()
		case ev.Token == listenerToken:
		case ev.Token == signalToken:
			s.shutdown()
		case ev.Token == stdoutToken:
			s.log.ready(ev, s.now)
		case ev.Err != nil:
			s.close(s.conns[ev.Token])
		default:
			s.ready(s.conns[ev.Token])
		}
	}
	for c := s.timeouts.due(s.now); c != nil; c = s.timeouts.due(s.now) {
		s.expire(c)
	}
	if s.closing {
		s.closeIdle()
	}
	s.log.turn(s.now)
	if s.closing && s.open == 0 {
		return errClosed
	}
	if s.paused && s.now >= s.resumeAt {
		s.paused = false
		return s.poller.Register(s.listener.FD(), listenerToken, poll.Readable)
	}
	return nil
}

// patience is how long there is nothing to do unless something happens; below 0 is
// forever.
func (s *server) patience() time.Duration {
	next := s.timeouts.next()
	if t := s.log.next(); t >= 0 && (next < 0 || t < next) {
		next = t
	}
	if s.paused && (next < 0 || s.resumeAt < next) {
		next = s.resumeAt
	}
	if next < 0 {
		return -1
	}
	return max(0, next-s.now)
}

// accept accepts what connections there are. Most have sent a request already.
func (s *server) accept() {
	for range acceptBatch {
		if s.open >= s.limits.conns+spareConns {
			s.pause("more connections than -max-conns")
			return
		}
		t, err := s.listener.accept()
		switch {
		case err == nil:
		case err == syscall.EAGAIN:
			s.told = false
			return
		case errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EINVAL): // the host has shut down the listener
			s.poller.Deregister(s.listener.FD())
			s.closing = true
			return
		default:
			s.pause(err.Error())
			return
		}
		c := s.newConn(t)
		if !s.quiet {
			if at, err := t.RemoteAddr(); err == nil {
				c.peer = at.AppendTo(c.peer)
			} else {
				c.peer = append(c.peer, '-')
			}
			s.log.connected(c, s.now)
		}
		if s.open > s.limits.conns {
			s.refuse(c, tooMany)
			if s.send(c) {
				s.end(c)
			}
		} else {
			s.read(c)
		}
		s.settle(c)
	}
}

// shutdown ends the server once the requests that it has begun to read are answered. What is
// in the listener's queue has come before.
func (s *server) shutdown() {
	if s.closing {
		return
	}
	if !s.paused {
		s.accept()
	}
	if s.closing {
		return
	}
	if !s.paused {
		s.poller.Deregister(s.listener.FD())
	}
	s.listener.Close()
	s.closing, s.paused = true, false
}

// closeIdle closes the connections on which no request has begun.
func (s *server) closeIdle() {
	for _, c := range s.conns {
		if c.stage == inIdle || c.stage == inHeader && len(c.held) == 0 {
			s.close(c)
		}
	}
}

func (s *server) newConn(t stream) *conn {
	if len(s.unused) == 0 {
		c := &conn{token: poll.Token(len(s.conns)), in: reader{limits: &s.limits, pool: &s.pool}}
		c.in.reset()
		s.conns = append(s.conns, c)
		s.unused = append(s.unused, c)
	}
	c := s.unused[len(s.unused)-1]
	s.unused = s.unused[:len(s.unused)-1]
	s.open++
	c.stream = t
	return c
}

// pause stops accepting until a connection has been closed, or for a while: a
// listener that is ready and cannot be accepted from would keep the loop busy.
func (s *server) pause(why string) {
	if !s.told {
		s.log.line("not accepting: "+why, s.now)
	}
	s.poller.Deregister(s.listener.FD())
	s.paused, s.told = true, true
	s.resumeAt = s.now + acceptPause
}

// tcp is a listener of package socket.
type tcp struct{ *socket.Listener }

func (l tcp) accept() (stream, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err // not a stream that holds a nil *Conn
	}
	return c, nil
}
