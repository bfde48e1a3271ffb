package main

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
)

// A world is all that a server meets, on a clock of its own: clients, a poller and a
// stdout. It fails the test when the server misuses them.
type world struct {
	testing.TB
	*server
	time    time.Duration
	until   time.Duration
	waits   int
	queue   []*client // not accepted yet
	streams map[int]*client
	nextFD  int
	refuse  error // of every accept
	shut    bool  // the listener is closed

	signalled bool // a signal has arrived
	watched   map[int]poll.Event

	logged     strings.Builder
	logBlocked bool
	logError   error // of registering stdout
	logEvent   error // of watching it
}

// A client is the other end of a connection.
type client struct {
	*world
	fd     int // -1 when the server has closed it
	input  string
	piece  int   // bytes that one read gets, 0 is all there are
	end    error // after input: nil means that more may come
	output strings.Builder
	window int  // bytes that it will still take, -1 is any number
	deaf   bool // output is not kept
	ended  bool
	reads  int
}

func newWorld(t testing.TB, args ...string) *world {
	t.Helper()
	o, err := parseFlags(args)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, nextFD: 1000, streams: map[int]*client{}, watched: map[int]poll.Event{}}
	w.server = &server{limits: o.limits, quiet: o.quiet, poller: w, listener: w,
		clock: func() time.Duration { return w.time }}
	if err := w.server.start(); err != nil {
		t.Fatal(err)
	}
	w.server.log.open(w, func(p []byte) (int, error) {
		if w.logBlocked {
			return 0, syscall.EAGAIN
		}
		return w.logged.Write(p)
	})
	return w
}

var errQuiet = errors.New("nothing happens")

// run lets the server work for d of the world's time, and as long as there is
// something to do.
func (w *world) run(d time.Duration) {
	w.Helper()
	w.until = w.time + d
	for w.waits = 0; ; {
		if err := w.turn(); err == errQuiet {
			break
		} else if err != nil {
			w.Fatal(err)
		}
		if w.waits > 100_000 {
			w.Fatal("the server spins")
		}
		if len(w.server.out) > 0 {
			w.Fatal("an answer is left in the shared buffer")
		}
	}
}

const listenerFD = 999

func (w *world) FD() int { return listenerFD }

func (w *world) Close() error {
	if _, ok := w.watched[listenerFD]; ok || w.shut {
		w.Error("the listener is closed while it is watched, or twice")
	}
	w.shut = true
	return nil
}

func (w *world) accept() (stream, error) {
	switch {
	case w.shut:
		return nil, syscall.EBADF
	case w.refuse != nil:
		return nil, w.refuse
	case len(w.queue) == 0:
		return nil, syscall.EAGAIN
	}
	c := w.queue[0]
	w.queue = w.queue[1:]
	c.fd = w.nextFD
	w.nextFD++
	w.streams[c.fd] = c
	return c, nil
}

func (w *world) Register(fd int, token poll.Token, interest poll.Interest) error {
	if fd == stdout && w.logError != nil {
		return w.logError
	}
	if _, ok := w.watched[fd]; ok {
		w.Fatal(fs.ErrExist)
	}
	w.watched[fd] = poll.Event{Token: token, Ready: interest}
	return nil
}

func (w *world) Modify(fd int, token poll.Token, interest poll.Interest) error {
	if _, ok := w.watched[fd]; !ok {
		w.Fatal(fs.ErrNotExist)
	}
	w.watched[fd] = poll.Event{Token: token, Ready: interest}
	return nil
}

func (w *world) Deregister(fd int) error {
	if _, ok := w.watched[fd]; !ok {
		w.Fatal(fs.ErrNotExist)
	}
	delete(w.watched, fd)
	return nil
}

func (w *world) Wait(events []poll.Event, timeout time.Duration) (n int, err error) {
	w.waits++
	for _, fd := range slices.Sorted(maps.Keys(w.watched)) {
		ev := w.watched[fd]
		switch c := w.streams[fd]; {
		case c != nil:
			if c.input == "" && c.end == nil {
				ev.Ready &^= poll.Readable
			}
			if c.window == 0 {
				ev.Ready &^= poll.Writable
			}
		case fd == stdout:
			if ev.Err = w.logEvent; w.logBlocked {
				ev.Ready = 0
			}
		case len(w.queue) == 0 && w.refuse == nil:
			ev.Ready = 0
		}
		if (ev.Ready != 0 || ev.Err != nil) && n < len(events) {
			events[n] = ev
			n++
		}
	}
	if w.signalled && n < len(events) {
		w.signalled = false
		events[n] = poll.Event{Token: signalToken, Signal: syscall.SIGTERM}
		n++
	}
	switch {
	case n > 0:
		return n, nil
	case timeout < 0 || w.time+timeout > w.until:
		w.time = w.until
		w.now = w.until
		return 0, errQuiet
	}
	w.time += timeout
	return 0, nil
}

// connect makes a client that waits to be accepted, and has sent input.
func (w *world) connect(input string) *client {
	c := &client{world: w, input: input, window: -1}
	w.queue = append(w.queue, c)
	return c
}

// ask is connect for a client that is then served until it is quiet.
func (w *world) ask(input string) *client {
	w.Helper()
	c := w.connect(input)
	w.run(0)
	return c
}

func (c *client) send(input string) {
	c.Helper()
	c.input += input
	c.run(0)
}

// isEmpty fails the test unless the server has forgotten everything.
func (w *world) isEmpty() {
	w.Helper()
	if len(w.streams) > 0 || w.server.open > 0 || w.pool.used > 0 {
		w.Errorf("%d open streams, %d connections, %d segments", len(w.streams), w.server.open, w.pool.used)
	}
	for fd := range w.watched {
		if fd != listenerFD {
			w.Errorf("%d is watched", fd)
		}
	}
	if len(w.unused) != len(w.conns) {
		w.Errorf("%d of %d connections are unused", len(w.unused), len(w.conns))
	}
}

// closed reports whether the server has closed the connection.
func (c *client) closed() bool { return c.fd < 0 }

func (c *client) FD() int { return c.fd }

func (c *client) Read(p []byte) (int, error) {
	c.reads++
	switch {
	case c.closed():
		c.Fatal("a read after Close")
	case len(p) == 0:
		c.Fatal("a read into nothing")
	case c.input == "" && c.end != nil:
		return 0, c.end
	case c.input == "":
		return 0, syscall.EAGAIN
	}
	if c.piece > 0 {
		p = p[:min(len(p), c.piece)]
	}
	n := copy(p, c.input)
	c.input = c.input[n:]
	return n, nil
}

func (c *client) WriteV(bufs [][]byte) (int, error) {
	if c.closed() || c.ended {
		c.Fatal("a write after Close or CloseWrite")
	}
	if c.end != nil && c.end != io.EOF {
		return 0, c.end
	}
	n := 0
	for _, b := range bufs {
		if c.window >= 0 {
			b = b[:min(len(b), c.window)]
			c.window -= len(b)
		}
		if !c.deaf {
			c.output.Write(b)
		}
		n += len(b)
	}
	if n == 0 {
		return 0, syscall.EAGAIN
	}
	return n, nil
}

func (c *client) CloseWrite() error {
	if c.closed() || c.ended {
		c.Fatal("CloseWrite after Close or CloseWrite")
	}
	c.ended = true
	return nil
}

func (c *client) Close() error {
	if _, ok := c.watched[c.fd]; ok || c.closed() {
		c.Fatal("Close of what is watched, or twice")
	}
	delete(c.streams, c.fd)
	c.fd = -1
	return nil
}

func (c *client) RemoteAddr() (socket.Addr, error) {
	return socket.Addr{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(c.fd))}, nil
}
