//go:build linux || darwin

package sockets

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
	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/bridge"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// A hostListener is a listener of the host. The guest gets it when it binds a socket to its
// address.
type hostListener struct {
	fd     int              // a copy of the host's descriptor, from which further copies are made
	addr   net.Addr         // the host's
	at     address.Endpoint // its address for the guest
	port   uint16           // the guest gets it at any address with this port; 0 means at the same address
	bridge *bridge.Listener // source of the connections, if fd is a copy of its tokens and not a socket
	taker  *Socket          // the socket that has it now, or nil

	released bool // fd is closed: the listener ends when all copies of guests are closed
}

// A listenerCopy is a socket that has taken a listener of the host, and accepts from a copy of
// it. Everything else, options above all, goes to the kernelSocket that the socket was before, so
// that the host's listener stays the same for the next guest.
type listenerCopy struct {
	*kernelSocket
	of         *hostListener
	fd         int // the copy, or -1
	background *account.Background
}

func (l *listenerCopy) queue() int { return l.fd }

func (l *listenerCopy) getInt(o Option) (int, error) {
	if o.Name == "SO_ACCEPTCONN" && l.listening {
		return 1, nil
	}
	return l.kernelSocket.getInt(o)
}

func (l *listenerCopy) local() (address.Endpoint, error) { return l.of.at, nil }

func (l *listenerCopy) listen(int) error {
	l.listening = true
	return nil
}

func (l *listenerCopy) accept() (backend, error) {
	switch {
	case !l.listening:
		return nil, unix.EINVAL
	case l.of.bridge != nil:
		c, err := l.of.bridge.Accept(l.fd, l.of.at.Family, l.background)
		if err != nil {
			return nil, err
		}
		return &connBridge{&kernelSocket{fd: c.FD(), port: l.of.port}, c}, nil
	}
	fd, err := netos.Accept(l.fd)
	if err != nil {
		return nil, err
	}
	return &kernelSocket{fd: fd, port: l.of.port}, nil
}

func (l *listenerCopy) connect(address.Endpoint) (backend, error) { return l, unix.EISCONN }

func (l *listenerCopy) shutdown(how uint8) (retires bool, err error) {
	if l.listening && how != sockabi.SHUT_WR {
		return true, nil
	}
	return l.kernelSocket.shutdown(how)
}

func (l *listenerCopy) owned() bool { return l.of.released }

func (l *listenerCopy) retire() {
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
}

// close closes the copy. The host's own listener stays open.
func (l *listenerCopy) close() {
	l.kernelSocket.close()
	l.retire()
	l.of.taker = nil
}

// hostListener returns the host's listener that s has taken, or nil.
func (s *Socket) hostListener() *hostListener {
	if l, ok := s.backend.(*listenerCopy); ok {
		return l.of
	}
	return nil
}

// A preset is an option that the guest has set on a listener, and that its connections get.
type preset struct {
	name string
	set  func(*Socket) error
}

func (g *Guest) openHostListeners(listeners []net.Listener) error {
	g.listenersOf, g.toRelease = slices.Clone(listeners), make([]atomic.Bool, len(listeners))
	for i, l := range listeners {
		h, err := newHostListener(l)
		if err != nil {
			g.closeHostListeners()
			return fmt.Errorf("listener %d, %s: %w", i, addrText(l), err)
		}
		g.hostListeners = append(g.hostListeners, h)
	}
	return nil
}

func addrText(l net.Listener) string {
	if l == nil || l.Addr() == nil {
		return "nil"
	}
	return l.Addr().Network() + " " + l.Addr().String()
}

func newHostListener(l net.Listener) (*hostListener, error) {
	h := new(hostListener)
	if p, ok := l.(*host.Published); ok {
		l = *p
	}
	if p, ok := l.(host.Published); ok {
		l, h.port = p.Listener, p.Port
	}
	var err error
	if c, ok := l.(syscall.Conn); ok {
		err = h.openSocket(c)
	} else {
		err = h.openBridge(l)
	}
	if err != nil {
		return nil, err
	}
	h.addr = l.Addr()
	if p := h.at.Path; p != "" && p[0] != '@' { // guests have no relative paths
		h.at.Path, err = filepath.Abs(p)
	}
	switch {
	case err != nil:
	case h.port != 0 && h.at.Family == sockabi.AF_UNIX:
		err = fmt.Errorf("it is at a path, which a guest that listens at a port cannot have; give a TCP listener")
	case h.port != 0 && h.at.Family == sockabi.AF_UNSPEC:
		h.at.Family = sockabi.AF_INET4
		fallthrough
	case h.port != 0:
		h.at = address.Unspecified(h.at.Family, h.port)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *hostListener) openBridge(l net.Listener) (err error) {
	if l == nil || !reflect.ValueOf(l).Comparable() {
		return fmt.Errorf("a %T is not a listener that can be told from others; give a pointer", l)
	}
	h.at = address.At(l.Addr())
	switch {
	case h.port != 0 && h.at.Family == sockabi.AF_UNIX: // a bridge carries connections to sockets of any family
		h.at = address.Endpoint{}
	case h.port == 0 && h.at.Family == sockabi.AF_UNSPEC:
		return fmt.Errorf("no guest can listen there; give a host.Published with a port")
	}
	if h.bridge, err = bridge.Open(l); err != nil {
		return err
	}
	if h.fd, err = h.bridge.CopyTokens(); err != nil {
		h.bridge.Release()
	}
	return err
}

func (h *hostListener) close() {
	if !h.released {
		unix.Close(h.fd)
	}
	if h.bridge != nil {
		h.bridge.Release()
	}
}

func (h *hostListener) openSocket(c syscall.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) {
		var listens int
		if listens, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
			err = fmt.Errorf("it does not listen; give a *net.TCPListener or a *net.UnixListener")
		} else if h.fd, err = netos.Copy(int(fd)); err == nil {
			var sa unix.Sockaddr
			sa, err = unix.Getsockname(h.fd)
			h.at = address.Of(sa)
		}
	})
	if err == nil {
		err = cerr
	}
	if err != nil && h.fd > 0 {
		unix.Close(h.fd)
	}
	return err
}

func (g *Guest) closeHostListeners() {
	for _, h := range g.hostListeners {
		h.close()
	}
	g.hostListeners = nil
}

// hostListenerAt returns the host's listener for that address, or nil. The unspecified addresses
// of IPv4 and IPv6 count as the same: the guest gets the one that the host chose.
func (g *Guest) hostListenerAt(s *Socket, e address.Endpoint) *hostListener {
	if !s.Stream() {
		return nil
	}
	var found *hostListener
	for _, h := range g.hostListeners {
		if (h.at.SameAs(e) || h.port != 0 && h.port == e.Addr.Port()) && (found == nil || found.taker != nil) {
			found = h
		}
	}
	return found
}

// take binds s to a listener of the host.
func (g *Guest) take(s *Socket, h *hostListener) error {
	at, err := s.local()
	k, ok := s.backend.(*kernelSocket)
	switch {
	case err != nil:
		return err
	case s.named || !ok || at.Addr.Port() != 0: // dialling names a socket too
		return unix.EINVAL
	case h.taker != nil:
		return unix.EADDRINUSE
	case h.released:
		return unix.EADDRNOTAVAIL
	}
	fd, err := netos.Copy(h.fd)
	if err != nil {
		return err
	}
	g.forget(s) // the poller has watched another descriptor for it
	s.backend = &listenerCopy{kernelSocket: k, of: h, fd: fd, background: &g.Account.Background}
	s.named, s.family = true, h.at.Family
	h.taker = s
	return nil
}

// Release gives up one of Config.Listeners, a socket that the host then closes. It stays open
// while a guest accepts from it. A guest that drains still accepts the connections in its queue.
func (g *Guest) Release(l net.Listener) {
	for i := range g.listenersOf {
		if g.listenersOf[i] == l {
			g.toRelease[i].Store(true)
			g.wake.Ring()
		}
	}
}

// releaseListeners closes the copies of listeners that the host has released, and makes those
// refuse connections from which the guest no longer accepts.
func (g *Guest) releaseListeners() {
	for i, h := range g.hostListeners {
		if h.released || h.bridge != nil || !g.toRelease[i].Load() {
			continue
		}
		h.released = true
		unix.Close(h.fd)
		if s := h.taker; s != nil && s.retired {
			g.takeQueue(s)
			s.backend.retire()
		}
	}
}

// setOption sets an option with set. If s has or may get a listener of the host, it also records
// the option for the connections: the kernel passes options on only from the listening socket
// itself.
func (g *Guest) setOption(s *Socket, o Option, set func(*Socket) error) sockabi.Errno {
	err := set(s)
	if err != nil || len(g.hostListeners) == 0 || s.from != nil || !s.Stream() || !o.Inherited {
		return g.wire(err)
	}
	for i, p := range s.presets {
		if p.name == o.Name {
			s.presets[i].set = set
			return 0
		}
	}
	s.presets = append(s.presets, preset{o.Name, set})
	return 0
}

// inherit sets the options on a new connection that were set on its listener.
func (s *Socket) inherit(l *Socket) {
	if l.hostListener() != nil {
		for _, p := range l.presets {
			p.set(s)
		}
	}
}
