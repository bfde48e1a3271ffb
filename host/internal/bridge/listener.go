//go:build linux || darwin

package bridge

import (
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// backlog is how many connections of a Listener wait for guests.
const backlog = 128

// A Listener accepts from a listener that is not a socket of the operating system. All guests
// that get the listener, one after the other or at once, have the same bridge. It lasts as long
// as the listener, so that a connection that arrives between two guests is not lost.
type Listener struct {
	tokens *os.File // a pipe with one byte for each of conns
	more   *os.File
	slots  chan struct{} // one element for each of conns, and one while accepting

	mu    sync.Mutex
	conns []net.Conn
	users int
	over  bool // the listener accepts no more connections
}

var bridges struct {
	sync.Mutex
	of map[net.Listener]*Listener
}

// Open returns the bridge of l, and counts one more user, who must call Release. l must be
// comparable.
func Open(l net.Listener) (*Listener, error) {
	bridges.Lock()
	defer bridges.Unlock()
	f := bridges.of[l]
	if f == nil {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		f = &Listener{tokens: r, more: w, slots: make(chan struct{}, backlog)}
		if bridges.of == nil {
			bridges.of = map[net.Listener]*Listener{}
		}
		bridges.of[l] = f
		go f.run(l)
	}
	f.mu.Lock()
	f.users++
	f.mu.Unlock()
	return f, nil
}

// CopyTokens returns a copy of tokens, which is readable when a connection waits or when there
// will be no more.
func (f *Listener) CopyTokens() (fd int, err error) {
	raw, err := f.tokens.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(from uintptr) { fd, err = netos.Copy(int(from)) })
	if err == nil {
		err = cerr
	}
	return fd, err
}

func (f *Listener) run(l net.Listener) {
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
	bridges.Lock()
	delete(bridges.of, l)
	bridges.Unlock()
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	f.more.Close()
	f.tokens.Close()
	f.clear()
}

// accept calls l.Accept until it returns a connection or a permanent error.
func accept(l net.Listener) (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		conn, err := l.Accept()
		if t, ok := err.(interface{ Temporary() bool }); !ok || !t.Temporary() {
			return conn, err
		}
		time.Sleep(pause)
	}
}

// Release ends the use by one user.
func (f *Listener) Release() {
	f.mu.Lock()
	f.users--
	f.mu.Unlock()
	f.clear()
}

// clear closes the connections that no user will accept.
func (f *Listener) clear() {
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

// Accept returns a socket of that family that is bridged to the next connection. tokens is the
// result of CopyTokens. EINVAL means that there will be no more connections.
func (f *Listener) Accept(tokens int, family uint8, bg *account.Background) (*Conn, error) {
	var token [1]byte
	if n, err := unix.Read(tokens, token[:]); err != nil {
		return nil, err
	} else if n == 0 {
		return nil, unix.EINVAL
	}
	c, err := newSocket(family, bg)
	if err != nil {
		f.more.Write(token[:])
		return nil, err
	}
	f.mu.Lock()
	conn := f.conns[0]
	f.conns = f.conns[1:]
	f.mu.Unlock()
	<-f.slots
	c.connected = true
	c.local, c.peer = address.For(family, conn.LocalAddr()), address.For(family, conn.RemoteAddr())
	if c.peer.Family == sockabi.AF_UNSPEC {
		c.peer = address.Unspecified(family, 0)
	}
	bg.Go(func() {
		defer c.end.Close()
		defer conn.Close()
		c.carry(conn)
	})
	return c, nil
}

// newSocket returns the bridge of a new socket of that family.
func newSocket(family uint8, bg *account.Background) (*Conn, error) {
	fd, err := netos.NewSocket(netos.Domain(family), unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	c, err := newConn(fd, bg)
	if err != nil {
		unix.Close(fd)
	}
	return c, err
}
