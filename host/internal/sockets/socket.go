//go:build linux || darwin

package sockets

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/host/internal/readiness"
	"github.com/wasisock/wasisock/sockabi"
)

// A Socket is one open socket of the guest. The operating system's descriptor never blocks: a
// blocking call of the guest waits in this package, where Interrupt wakes it.
type Socket struct {
	fd      int // the operating system's descriptor to send and receive on; it never changes
	backend backend
	number  uint32 // the guest's
	nth     uint64 // position among all sockets that the guest has made
	family  uint8  // sockabi.AF_*
	kind    uint8  // sockabi.SOCK_*
	flags   uint16 // sockabi.FDFLAG_*, as the guest set them
	lingers bool   // SO_LINGER with a time is set

	rcvtimeo, sndtimeo time.Duration // of blocking calls; 0 means none, below 0 means no waiting

	from  *Socket // the listener that accepted it
	named bool    // bound by the guest, or accepted
	cut   bool    // accepted, and the guest has read an end that the client did not cause

	judgement
	acceptance
	watched readiness.Watched
	faulty  faulty
}

// A judgement holds a question about a socket for which the policy was not asked yet.
type judgement struct {
	unjudged bool             // bound to a free port; the policy was not asked whether it may listen there
	later    address.Endpoint // the address to bind after the policy was asked
	routed   address.Endpoint // the address to which it is connected for the route only, until it sends
}

// An acceptance counts what a listener has accepted and may still accept.
type acceptance struct {
	listener    bool
	connections int       // number of open connections that it accepted
	full        bool      // connections is at the limit: polls do not report it as readable
	retired     bool      // it takes no connections any more
	shut        bool      // the guest has shut down this listener of the host
	pending     []backend // connections of a retired listener that wait to be accepted
	presets     []preset  // options for the connections, if it has or may get a listener of the host
}

// Queue, Waits and Listens make s a readiness.Source.
func (s *Socket) Queue() int    { return s.backend.queue() }
func (s *Socket) Listens() bool { return s.listener }

func (s *Socket) Waits(direction int) bool {
	unready := s.full || s.unjudged && !s.Stream()
	return !s.retired && !(unready && direction == readiness.Reading)
}

// Number returns the guest's number of s, and Family its sockabi.AF_*. Accepted reports whether s
// is a connection that a listener has accepted.
func (s *Socket) Number() uint32 { return s.number }
func (s *Socket) Family() uint8  { return s.family }
func (s *Socket) Accepted() bool { return s.from != nil }

// Flags returns the socket's sockabi.FDFLAG_*, as the guest has set them. SetFlags sets them; only
// NONBLOCK has an effect.
func (s *Socket) Flags() uint16         { return s.flags }
func (s *Socket) SetFlags(flags uint16) { s.flags = flags }

func (s *Socket) blocks() bool { return s.flags&sockabi.FDFLAG_NONBLOCK == 0 }
func (s *Socket) Stream() bool { return s.kind == sockabi.SOCK_STREAM }

// network returns the policy's name for the kind of s, such as "tcp".
func (s *Socket) network() string {
	switch {
	case s.family == sockabi.AF_UNIX && s.Stream():
		return "unix"
	case s.family == sockabi.AF_UNIX:
		return "unixgram"
	case s.Stream():
		return "tcp"
	}
	return "udp"
}

// newSocket opens a socket. The error is EMFILE at the guest's limit or the process's.
func (g *Guest) newSocket(family, kind uint8) (*Socket, error) {
	if err := g.room(); err != nil {
		return nil, err
	}
	osKind := unix.SOCK_STREAM
	if kind == sockabi.SOCK_DGRAM {
		osKind = unix.SOCK_DGRAM
	}
	fd, err := netos.NewSocket(netos.Domain(family), osKind)
	if err != nil {
		return nil, err
	}
	k := &kernelSocket{fd: fd}
	s := &Socket{fd: fd, backend: k, family: family, kind: kind}
	if g.dial != nil && s.Stream() {
		k.dial = func(to address.Endpoint) (backend, error) { return g.dialled(s, k, to) }
	}
	g.table.add(s)
	return s, nil
}

// suits returns Linux's error if a socket of this family and kind cannot use e, or nil. Datagram
// sockets of IPv6 can send to IPv4.
func (s *Socket) suits(e address.Endpoint, binding bool) error {
	switch {
	case e.Family == s.family:
		return nil
	case s.family == sockabi.AF_UNIX:
		return unix.EINVAL
	case s.family == sockabi.AF_INET4 || e.Family == sockabi.AF_UNIX:
		return unix.EAFNOSUPPORT
	case s.kind == sockabi.SOCK_DGRAM && !binding:
		return nil
	}
	return unix.EINVAL
}

// accept takes a connection off the queue. It first checks that there is room for the connection,
// so that none is lost.
func (g *Guest) accept(l *Socket, flags uint16) (*Socket, error) {
	if err := g.roomToAccept(l); err != nil {
		return nil, err
	}
	var b backend
	err := g.block(l, unix.POLLIN, l.rcvtimeo, func() (err error) {
		b, err = g.next(l)
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &Socket{fd: b.queue(), backend: b, family: l.family, kind: l.kind, flags: flags, from: l, named: true,
		lingers: l.lingers, rcvtimeo: l.rcvtimeo, sndtimeo: l.sndtimeo}
	s.inherit(l)
	g.table.add(s)
	g.connected(l, 1)
	g.Account.Accepted.Add(1)
	g.Account.Connections.Add(1)
	return s, nil
}

func (g *Guest) bind(s *Socket, to address.Endpoint) error {
	if s.named {
		return unix.EINVAL
	}
	var err error
	if to.Place != nil {
		err = g.paths.Bind(s.fd, to.Place)
	} else {
		err = unix.Bind(s.fd, to.Sockaddr())
	}
	s.named = s.named || err == nil
	if err == nil && !s.Stream() && !s.bindsFree(to) {
		g.listens(s)
	}
	return err
}

func (g *Guest) listen(s *Socket, backlog int) error {
	if err := g.roomToListen(s); err != nil {
		return err
	}
	err := s.backend.listen(backlog)
	if err == nil && !s.listener {
		s.listener = true
		g.listeners++
		g.listens(s)
		if g.draining.level > 0 {
			g.retire(s)
		}
	}
	return err
}

// connect connects s. The error is EINPROGRESS if a blocking socket is not connected in time.
func (g *Guest) connect(s *Socket, to address.Endpoint) error {
	if s.faulty.reset || s.from != nil { // Dial was not called for these
		return unix.EISCONN
	}
	if err := g.bindNow(s); err != nil {
		return err
	}
	connect := func() (err error) {
		s.backend, err = s.backend.connect(to)
		return err
	}
	err := g.block(s, unix.POLLOUT, s.sndtimeo, connect)
	if s.Stream() && (err == nil || err == unix.EINPROGRESS) {
		g.Account.Dialled.Add(1)
	}
	if err == nil {
		g.dialledFrom(s)
	}
	if !s.blocks() {
		return err
	}
	deadline := netos.DeadlineOf(s.sndtimeo)
	for waited := false; ; waited = true {
		switch err {
		case unix.EISCONN:
			if waited { // macOS's error after success
				return nil
			}
			return err
		case unix.EINPROGRESS, unix.EALREADY:
		default:
			return err
		}
		if err := g.await(s.fd, unix.POLLOUT, deadline); err == unix.EAGAIN {
			return unix.EINPROGRESS
		} else if err != nil {
			return err
		}
		err = connect()
	}
}

// recv implements Receive. from is the sender's address on the host.
func (g *Guest) recv(s *Socket, bufs [][]byte, peek, all bool) (n int, cut bool, from address.Endpoint, err error) {
	flags := 0
	if peek {
		flags = unix.MSG_PEEK
	}
	if err := g.judged(s); err != nil {
		return 0, false, address.Endpoint{}, err
	}
	all = all && !peek && s.Stream() && s.blocks()
	if bufs, err = g.fault(s, readiness.Reading, bufs, all); err == errEnd {
		return 0, false, address.Endpoint{}, nil
	} else if err != nil {
		return 0, false, address.Endpoint{}, err
	}
	for {
		var got, outFlags int
		var sa unix.Sockaddr
		err = g.block(s, unix.POLLIN, s.rcvtimeo, func() (err error) {
			part := g.Account.In.Part(bufs, s.Stream())
			if len(part) == 1 && flags == 0 && s.network() == "tcp" { // there is no sender and no cut to report
				got, err = unix.Read(s.fd, part[0])
			} else {
				got, _, outFlags, sa, err = unix.RecvmsgBuffers(s.fd, part, nil, flags)
			}
			if err == unix.EAGAIN && g.ends(s) {
				got, err = 0, nil
			}
			return err
		})
		if err == nil && got == 0 && n == 0 && sizeOf(bufs) > 0 {
			err = g.failure(s, nil)
		}
		if err != nil {
			if n > 0 {
				err = nil
			}
			return n, false, address.Endpoint{}, err
		}
		n += got
		if !peek {
			g.Account.Received.Add(uint64(got))
			g.Account.Spend(&g.Account.In, got, s.Stream())
		}
		if bufs = advance(bufs, got); !all || got == 0 || len(bufs) == 0 {
			return n, outFlags&unix.MSG_TRUNC != 0, s.sender(sa), nil
		}
	}
}

// send writes bufs, to the given endpoint or where s is connected. A blocking
// stream writes all of them unless an error or a timeout interferes.
func (g *Guest) send(s *Socket, bufs [][]byte, to address.Endpoint) (n int, err error) {
	sa, err := to.Reach()
	if err != nil {
		return 0, err
	}
	if bufs, err = g.fault(s, readiness.Writing, bufs, false); err != nil {
		return 0, err
	}
	for {
		var sent int
		err = g.block(s, unix.POLLOUT, s.sndtimeo, func() (err error) {
			sent, err = unix.SendmsgBuffers(s.fd, g.Account.Out.Part(bufs, s.Stream()), nil, sa, netos.SendFlags)
			return err
		})
		if err == unix.EPIPE {
			err = g.failure(s, err)
		}
		if err != nil {
			if n > 0 {
				err = nil
			}
			return n, err
		}
		n += sent
		g.Account.Sent.Add(uint64(sent))
		g.Account.Spend(&g.Account.Out, sent, s.Stream())
		if bufs = advance(bufs, sent); !s.Stream() || !s.blocks() || len(bufs) == 0 {
			return n, nil
		}
	}
}

// advance returns bufs without their first n bytes and without empty ones in front. It changes
// the elements of bufs.
func advance(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if n > 0 {
		bufs[0] = bufs[0][n:]
	}
	return bufs
}

// sender returns the sender of data that was received with the address sa.
func (s *Socket) sender(sa unix.Sockaddr) address.Endpoint {
	if d, ok := s.backend.(*dnsSocket); ok && !s.Stream() {
		return d.server()
	}
	return address.Of(sa)
}

// local returns the address to which s is bound, or will be.
func (s *Socket) local() (address.Endpoint, error) {
	if s.later.Family != sockabi.AF_UNSPEC {
		return s.later, nil
	}
	return s.backend.local()
}

// failure returns the error of s that the guest has not seen yet, if there is one, and otherwise
// err.
func (g *Guest) failure(s *Socket, err error) error {
	pending := s.backend.failure()
	if pending == nil {
		return err
	}
	g.Account.Rec.Failed(pending)
	return pending
}

// CloseSocket closes s and never waits. It drops a linger time, during which close(2) would block
// this thread; the kernel goes on delivering data as without one.
func (g *Guest) CloseSocket(s *Socket) {
	g.forget(s)
	if s.lingers {
		unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, netos.Linger, &unix.Linger{})
	}
	if s.from != nil {
		g.connected(s.from, -1)
		if !s.cut && (!g.closed || s.left()) {
			g.Account.Connections.Add(-1)
		}
	}
	s.backend.close()
	s.closePending()
	g.listening.remove(s)
	if s.listener {
		g.listeners--
	}
	g.rename(s, nil)
	g.table.remove(s)
}

// Renumber closes to and gives its number to from.
func (g *Guest) Renumber(from, to *Socket) {
	if from == to {
		return
	}
	number, low := to.number, slices.Index(g.preopened, to)
	g.CloseSocket(to)
	g.forget(from)
	g.rename(from, nil)
	if low >= 0 {
		g.preopened[low] = from
	}
	g.table.remove(from)
	g.table.set(number, from)
}
