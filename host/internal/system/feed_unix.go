//go:build linux || darwin

package system

import (
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// backlog is how many connections of a feed wait for guests.
const backlog = 128

// A feed accepts from a listener that is no socket of the operating system. All guests
// that are given the listener, one after the other or at once, have the same feed, which
// lasts as long as the listener: a connection that came between two of them is not lost.
type feed struct {
	tokens *os.File // a pipe, with a byte for each of conns
	more   *os.File
	slots  chan struct{} // as many as conns, and one while accepting

	mu    sync.Mutex
	conns []net.Conn
	users int
	over  bool // the listener takes no more
}

var feeds struct {
	sync.Mutex
	of map[net.Listener]*feed
}

// feedOf is the feed of l, with one more user. l is comparable.
func feedOf(l net.Listener) (*feed, error) {
	feeds.Lock()
	defer feeds.Unlock()
	f := feeds.of[l]
	if f == nil {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		f = &feed{tokens: r, more: w, slots: make(chan struct{}, backlog)}
		if feeds.of == nil {
			feeds.of = map[net.Listener]*feed{}
		}
		feeds.of[l] = f
		go f.run(l)
	}
	f.mu.Lock()
	f.users++
	f.mu.Unlock()
	return f, nil
}

// copyTokens is a copy of tokens, readable when a connection waits, or none will come.
func (f *feed) copyTokens() (fd int, err error) {
	raw, err := f.tokens.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(from uintptr) { fd, err = copyFD(int(from)) })
	if err == nil {
		err = cerr
	}
	return fd, err
}

func (f *feed) run(l net.Listener) {
	for {
		f.slots <- struct{}{}
		conn, err := accept(l)
		if err != nil {
			break
		}
		f.mu.Lock()
		f.conns = append(f.conns, conn)
		f.mu.Unlock()
		f.more.Write([]byte{0})
	}
	feeds.Lock()
	delete(feeds.of, l)
	feeds.Unlock()
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	f.more.Close()
	f.tokens.Close()
	f.clear()
}

// accept does not end for an error that passes.
func accept(l net.Listener) (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		conn, err := l.Accept()
		if t, ok := err.(interface{ Temporary() bool }); !ok || !t.Temporary() {
			return conn, err
		}
		time.Sleep(pause)
	}
}

// release is for a user that needs it no more.
func (f *feed) release() {
	f.mu.Lock()
	f.users--
	f.mu.Unlock()
	f.clear()
}

// clear closes the connections that nobody will accept.
func (f *feed) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.over || f.users > 0 {
		return
	}
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

// fetch is a connection from the feed of l: a socket, and the relay to it. EINVAL is
// that there will be none.
func (g *guest) fetch(l *socket) (fd int, r *relay, err error) {
	f := l.given.feed
	var token [1]byte
	if n, err := unix.Read(l.lent, token[:]); err != nil {
		return 0, nil, err
	} else if n == 0 {
		return 0, nil, unix.EINVAL
	}
	if fd, r, err = g.newRelayed(l.family); err != nil {
		f.more.Write(token[:])
		return 0, nil, err
	}
	f.mu.Lock()
	conn := f.conns[0]
	f.conns = f.conns[1:]
	f.mu.Unlock()
	<-f.slots
	r.connected = true
	r.local, r.peer = endpointFor(l.family, conn.LocalAddr()), endpointFor(l.family, conn.RemoteAddr())
	if r.peer.family == sockabi.AF_UNSPEC {
		r.peer = unspecified(l.family, 0)
	}
	g.serving.Go(func() {
		defer r.end.Close()
		defer conn.Close()
		g.carry(r, conn)
	})
	return fd, r, nil
}

// newRelayed is a socket of that family and the relay to it.
func (g *guest) newRelayed(family uint8) (fd int, r *relay, err error) {
	if fd, err = newSocket(domainOf(family), unix.SOCK_STREAM); err != nil {
		return 0, nil, err
	}
	if r, err = g.newRelay(fd); err != nil {
		unix.Close(fd)
		return 0, nil, err
	}
	return fd, r, nil
}
