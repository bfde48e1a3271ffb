//go:build linux || darwin

package system

import (
	"fmt"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// A given is a listener of the host's, which the guest gets when it binds a socket to
// its address. The guest's socket accepts from a copy of it. All else it is asked
// for, options above all, it answers itself, as the host's must be for the next guest
// what it was for this one.
type given struct {
	fd    int      // a copy of the host's, to make others of
	addr  net.Addr // the host's
	at    endpoint // where it is for the guest
	port  uint16   // if the guest gets it at any address and that port
	feed  *feed    // where connections come from if fd is no socket, but copies its tokens
	taker *socket  // which has it now, or nil

	released bool // fd is closed: the listener ends with the copies of guests
}

// A preset is an option that the guest has set on a listener, for its connections.
type preset struct {
	name string
	set  func(*socket) error
}

func (g *guest) openGivens(listeners []net.Listener) error {
	g.listenersOf, g.toRelease = slices.Clone(listeners), make([]atomic.Bool, len(listeners))
	for i, l := range listeners {
		gv, err := give(l)
		if err != nil {
			g.closeGivens()
			return fmt.Errorf("listener %d, %s: %w", i, addrText(l), err)
		}
		g.givens = append(g.givens, gv)
	}
	return nil
}

func addrText(l net.Listener) string {
	if l == nil || l.Addr() == nil {
		return "nil"
	}
	return l.Addr().Network() + " " + l.Addr().String()
}

func give(l net.Listener) (*given, error) {
	gv := new(given)
	if p, ok := l.(*host.Published); ok {
		l = *p
	}
	if p, ok := l.(host.Published); ok {
		l, gv.port = p.Listener, p.Port
	}
	var err error
	if c, ok := l.(syscall.Conn); ok {
		err = gv.openSocket(c)
	} else {
		err = gv.openFeed(l)
	}
	if err != nil {
		return nil, err
	}
	gv.addr = l.Addr()
	if p := gv.at.path; p != "" && p[0] != '@' { // guests have no relative paths
		gv.at.path, err = filepath.Abs(p)
	}
	switch {
	case err != nil:
	case gv.port != 0 && gv.at.family == sockabi.AF_UNIX:
		err = fmt.Errorf("it is at a path, which a guest that listens at a port cannot have; give a TCP listener")
	case gv.port != 0 && gv.at.family == sockabi.AF_UNSPEC:
		gv.at.family = sockabi.AF_INET4
		fallthrough
	case gv.port != 0:
		gv.at = unspecified(gv.at.family, gv.port)
	}
	if err != nil {
		gv.close()
		return nil, err
	}
	return gv, nil
}

func (gv *given) openFeed(l net.Listener) (err error) {
	if l == nil || !reflect.ValueOf(l).Comparable() {
		return fmt.Errorf("a %T is no listener that can be told from others; give a pointer", l)
	}
	gv.at = endpointAt(l.Addr())
	switch {
	case gv.port != 0 && gv.at.family == sockabi.AF_UNIX: // connections are carried to sockets of any family
		gv.at = endpoint{}
	case gv.port == 0 && gv.at.family == sockabi.AF_UNSPEC:
		return fmt.Errorf("no guest can listen there; give a host.Published with a port")
	}
	if gv.feed, err = feedOf(l); err != nil {
		return err
	}
	if gv.fd, err = gv.feed.copyTokens(); err != nil {
		gv.feed.release()
	}
	return err
}

func (gv *given) close() {
	if !gv.released {
		unix.Close(gv.fd)
	}
	if gv.feed != nil {
		gv.feed.release()
	}
}

func (gv *given) openSocket(c syscall.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) {
		var listens int
		if listens, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
			err = fmt.Errorf("it does not listen; give a *net.TCPListener or a *net.UnixListener")
		} else if gv.fd, err = copyFD(int(fd)); err == nil {
			var sa unix.Sockaddr
			sa, err = unix.Getsockname(gv.fd)
			gv.at = endpointOf(sa)
		}
	})
	if err == nil {
		err = cerr
	}
	if err != nil && gv.fd > 0 {
		unix.Close(gv.fd)
	}
	return err
}

// copyFD is never 0.
func copyFD(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3) }

func (g *guest) closeGivens() {
	for _, gv := range g.givens {
		gv.close()
	}
	g.givens = nil
}

// givenAt is what the host gives for that address, or nil. All addresses of IPv4 and
// of IPv6 are the same: a guest that wants all gets those that the host chose.
func (g *guest) givenAt(s *socket, e endpoint) *given {
	if !s.stream() {
		return nil
	}
	var found *given
	for _, gv := range g.givens {
		if (gv.at.sameAs(e) || gv.port != 0 && gv.port == e.addr.Port()) && (found == nil || found.taker != nil) {
			found = gv
		}
	}
	return found
}

func (e endpoint) sameAs(f endpoint) bool {
	a, b := e.addr.Addr().Unmap(), f.addr.Addr().Unmap()
	return e.path == f.path && a.IsValid() == b.IsValid() && e.addr.Port() == f.addr.Port() &&
		(a == b || a.IsUnspecified() && b.IsUnspecified())
}

// take is bind to what the host gives.
func (g *guest) take(s *socket, gv *given) error {
	at, err := localEndpoint(s)
	switch {
	case err != nil:
		return err
	case s.named || s.relay != nil || at.addr.Port() != 0: // which dialling gives too
		return unix.EINVAL
	case gv.taker != nil:
		return unix.EADDRINUSE
	case gv.released:
		return unix.EADDRNOTAVAIL
	}
	fd, err := copyFD(gv.fd)
	if err != nil {
		return err
	}
	g.forget(s) // what it watched for was another descriptor's
	s.given, s.lent, s.named, s.family, s.port = gv, fd, true, gv.at.family, gv.port
	gv.taker = s
	return nil
}

// giveBack leaves the host's own listener open.
func (s *socket) giveBack() {
	if s.given != nil {
		s.closeLent()
		s.given.taker = nil
	}
}

func (s *socket) closeLent() {
	if s.lent >= 0 {
		unix.Close(s.lent)
		s.lent = -1
	}
}

// release may be called from any goroutine.
func (g *guest) release(l net.Listener) {
	for i := range g.listenersOf {
		if g.listenersOf[i] == l {
			g.toRelease[i].Store(true)
			g.wake.ring()
		}
	}
}

// releaseGivens closes the copies of listeners that the host has released, and has those
// that the guest no longer accepts from refuse connections.
func (g *guest) releaseGivens() {
	for i, gv := range g.givens {
		if gv.released || gv.feed != nil || !g.toRelease[i].Load() {
			continue
		}
		gv.released = true
		unix.Close(gv.fd)
		if s := gv.taker; s != nil && s.retired {
			g.takeQueue(s)
			s.closeLent()
		}
	}
}

// queue is the descriptor that connections come to.
func (s *socket) queue() int {
	if s.given != nil {
		return s.lent
	}
	return s.fd
}

// setOption sets it, for the connections too if s may come to be a listener of the
// host's: the kernel does so only for those that it makes from this very socket.
func (g *guest) setOption(s *socket, o option, set func(*socket) error) error {
	err := set(s)
	if err != nil || len(g.givens) == 0 || s.from != nil || !s.stream() || o.name == "SO_REUSEADDR" || o.name == "SO_REUSEPORT" || o.name == "IPV6_V6ONLY" {
		return err
	}
	for i, p := range s.presets {
		if p.name == o.name {
			s.presets[i].set = set
			return nil
		}
	}
	s.presets = append(s.presets, preset{o.name, set})
	return nil
}

// inherit sets on a new connection what was set on its listener.
func (s *socket) inherit(l *socket) {
	if l.given != nil {
		for _, p := range l.presets {
			p.set(s)
		}
	}
}
