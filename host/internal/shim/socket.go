//go:build linux || darwin

package shim

import (
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// sockOpen is sock_open: it opens a blocking socket.
//
// Parameters: af, sockabi.AF_*; type, sockabi.SOCK_*; fd*, where its number goes, 4 bytes.
//   - EINVAL: the family or the type is unknown.
//   - EMFILE: the guest has as many sockets as it may have, or the process descriptors.
//   - EAFNOSUPPORT: the host lacks the family.
func (g *guest) sockOpen(c call) sockabi.Errno {
	family, kind := c.u32(0), c.u32(1)
	if !c.aligned(4, 2) {
		return sockabi.EADDRNOTAVAIL
	}
	result, ok := c.at(2, 4)
	if !ok {
		return sockabi.EFAULT
	}
	g.Account.Rec.Argf(0, func() string { return familyName(family) })
	g.Account.Rec.Argf(1, func() string { return kindName(kind) })
	if family < sockabi.AF_INET4 || family > sockabi.AF_UNIX || kind < sockabi.SOCK_DGRAM || kind > sockabi.SOCK_STREAM {
		return sockabi.EINVAL
	}
	s, errno := g.Open(uint8(family), uint8(kind))
	if errno != 0 {
		return errno
	}
	g.putNumber(result, s)
	return 0
}

func (g *guest) putNumber(result []byte, s *sockets.Socket) {
	le.PutUint32(result, s.Number())
	g.Account.Rec.Opened(s.Number())
}

// sockBind is sock_bind: it binds a socket to an address, or to the host's listener at it.
//
// Parameters: fd; addr*, a sockabi.Address of 8 bytes, of an address of 4, 16 or 128 bytes;
// port, in host order.
//   - EINVAL: the socket has an address; the length, the port or the path is invalid.
//   - EAFNOSUPPORT: the address is not of the socket's family.
//   - EACCES: the policy refuses to listen there. It is asked about port 0 later; see package
//     sockets.
//   - EADDRINUSE: the guest has taken the host's listener already.
//   - EADDRNOTAVAIL: the host has released that listener.
//   - EROFS, EPERM, ENAMETOOLONG: the path is in a read-only directory, leads out of its
//     directory, or is longer than the host's sun_path.
func (g *guest) sockBind(c call) sockabi.Errno {
	if !c.aligned(4, 1) {
		return sockabi.EADDRNOTAVAIL
	}
	e, errno := g.endpoint(c, 1, 2)
	if errno != 0 {
		return errno
	}
	defer e.Release()
	s, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	return g.Bind(s, e)
}

// sockListen is sock_listen: it makes a stream accept connections. A TCP socket without an
// address is bound to a free port of all addresses.
//
// Parameters: fd; backlog, signed, which a listener of the host ignores.
//   - EACCES: the policy refuses to listen at a free port; see package sockets.
//   - ENOBUFS: the guest has as many listeners as it may have.
func (g *guest) sockListen(c call) sockabi.Errno {
	s, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	return g.Listen(s, int(int32(c.u32(1))))
}

// sockAccept1 is sock_accept with two parameters: fd; newfd*, 4 bytes. See sockAccept.
func (g *guest) sockAccept1(c call) sockabi.Errno { return g.acceptTo(c, 0, 1) }

// sockAccept is sock_accept: it takes a connection off the queue. The policy has allowed the
// listener, which includes its connections.
//
// Parameters: fd; flags of the new descriptor, sockabi.FDFLAG_*; only NONBLOCK has a
// meaning; newfd*, where its number goes, 4 bytes.
//   - EINVAL: a flag is unknown; the socket does not listen, or the guest is shut down.
//   - EAGAIN: there is no connection, or the listener has as many as it may have, and it does not
//     block.
//   - EMFILE: the guest has as many sockets as it may have, or a listener that blocks as many
//     connections.
//   - EINTR: the guest is stopped.
func (g *guest) sockAccept(c call) sockabi.Errno { return g.acceptTo(c, c.u32(1), 2) }

func (g *guest) acceptTo(c call, flags uint32, result int) sockabi.Errno {
	if !c.aligned(4, result) {
		return sockabi.EADDRNOTAVAIL
	}
	b, ok := c.at(result, 4)
	if !ok {
		return sockabi.EFAULT
	}
	if flags&^fdflags != 0 {
		return sockabi.EINVAL
	}
	l, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	s, errno := g.Accept(l, uint16(flags&sockabi.FDFLAG_NONBLOCK))
	if errno != 0 {
		return errno
	}
	g.putNumber(b, s)
	g.recordAccepted(s)
	return 0
}

// sockConnect is sock_connect: it connects a socket. A datagram socket can then send without an
// address. An unspecified address means loopback. The nameserver's address connects to the host's
// own nameserver.
//
// Parameters as of sockBind.
//   - EINVAL, EAFNOSUPPORT: as of sockBind.
//   - EACCES: the policy refuses to dial.
//   - EINPROGRESS: the socket does not block, or its time is over.
//   - EALREADY: it connects already.
//   - EISCONN: it is connected, or has one of the host's listeners.
//   - ENOBUFS: too many sockets are connected to the nameserver.
//   - EINTR: the guest is stopped.
func (g *guest) sockConnect(c call) sockabi.Errno {
	if !c.aligned(4, 1) {
		return sockabi.EADDRNOTAVAIL
	}
	e, errno := g.endpoint(c, 1, 2)
	if errno != 0 {
		return errno
	}
	defer e.Release()
	s, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	return g.Connect(s, e)
}

// sockShutdown is sock_shutdown: it shuts down one direction or both. A listener of the host is
// shut down for this guest only.
//
// Parameters: fd; how, sockabi.SHUT_*, where 0 acts as SHUT_RD.
//   - EINVAL: how is unknown.
//   - ENOTCONN: the socket is not connected.
func (g *guest) sockShutdown(c call) sockabi.Errno {
	how := c.u32(1)
	if how > sockabi.SHUT_RDWR {
		return sockabi.EINVAL
	}
	s, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	return g.Shutdown(s, uint8(how))
}

// sockGetsockopt is sock_getsockopt: it writes an option's value, cut to the room for it, and then
// the size of the written value.
//
// Parameters: fd; level and name, sockabi.SOL_* and its options; value*, with the room that size*
// holds; size*, 4 bytes. For SO_TYPE and SO_ERROR, if the pointer is 4 and the size there is 0, the
// size is 4: stealthrocket/net passes it by value.
//   - EINVAL: the option is unknown; SO_ERROR or SO_TYPE has room for less than 4 bytes, or
//     SO_BINDTODEVICE for less than the name.
//   - ENOPROTOOPT: the host lacks the option.
func (g *guest) sockGetsockopt(c call) sockabi.Errno {
	if !c.aligned(4, 4) {
		return sockabi.EADDRNOTAVAIL
	}
	o, known := sockets.OptionOf(c.u32(1), c.u32(2))
	if !known {
		return sockabi.EINVAL
	}
	size, ok := c.at(4, 4)
	if !ok {
		return sockabi.EFAULT
	}
	if c.u32(4) == 4 && le.Uint32(size) == 0 && (o.Form == sockabi.FormType || o.Form == sockabi.FormErrno) {
		size = []byte{4, 0, 0, 0}
	}
	room, ok := c.view(c.u32(3), uint64(le.Uint32(size)))
	if !ok {
		return sockabi.EFAULT
	}
	s, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	g.Account.Rec.Arg(2, o.Name, 1)
	var value [optionSize]byte
	n := 0
	switch o.Form {
	case sockabi.FormBool, sockabi.FormInt, sockabi.FormSeconds, sockabi.FormType, sockabi.FormErrno:
		if (o.Form == sockabi.FormType || o.Form == sockabi.FormErrno) && len(room) < 4 {
			return sockabi.EINVAL
		}
		v, errno := g.Int(s, o)
		if errno != 0 {
			return errno
		}
		n, _ = binary.Encode(value[:], le, int32(v))
		g.Account.Rec.Succeeded(func() string {
			if o.Form == sockabi.FormErrno && v != 0 {
				return sockabi.Errno(v).Name()
			}
			return strconv.Itoa(v)
		})
	case sockabi.FormLinger:
		v, errno := g.Linger(s)
		if errno != 0 {
			return errno
		}
		n, _ = binary.Encode(value[:], le, v)
	case sockabi.FormTime:
		v, errno := g.Timeout(s, o)
		if errno != 0 {
			return errno
		}
		n, _ = binary.Encode(value[:], le, v)
	case sockabi.FormDevice:
		name, errno := g.Device(s)
		if errno != 0 {
			return errno
		}
		if name != "" {
			if n = copy(value[:], name+"\x00"); n > len(room) {
				return sockabi.EINVAL
			}
		}
	}
	le.PutUint32(size, uint32(copy(room, value[:n])))
	return 0
}

// sockSetsockopt is sock_setsockopt: it sets an option.
//
// Parameters: fd; level and name as of sockGetsockopt; value*, as many bytes as size says.
//   - EINVAL: the option is unknown, or the value is shorter than the option's.
//   - ENOPROTOOPT: the option can only be read.
//   - EDOM: the microseconds of a timeout are not below a million.
//   - EACCES: the option is SO_BINDTODEVICE, which sends packets past the routes that a policy
//     for addresses assumes.
func (g *guest) sockSetsockopt(c call) sockabi.Errno {
	o, known := sockets.OptionOf(c.u32(1), c.u32(2))
	if !known {
		return sockabi.EINVAL
	}
	value, ok := c.view(c.u32(3), uint64(c.u32(4)))
	if !ok {
		return sockabi.EFAULT
	}
	s, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	g.Account.Rec.Arg(2, o.Name, 1, 4)
	if o.ReadOnly {
		return sockabi.ENOPROTOOPT
	}
	switch o.Form {
	case sockabi.FormDevice:
		g.Account.Rec.Denied(errDevice)
		return sockabi.EACCES
	case sockabi.FormLinger:
		var v sockabi.Linger
		if _, err := binary.Decode(value, le, &v); err != nil {
			return sockabi.EINVAL
		}
		return g.SetLinger(s, o, v)
	case sockabi.FormTime:
		var v sockabi.Timeval
		if _, err := binary.Decode(value, le, &v); err != nil {
			return sockabi.EINVAL
		}
		return g.SetTimeout(s, o, v)
	}
	if len(value) < 4 {
		return sockabi.EINVAL
	}
	v := int(int32(le.Uint32(value)))
	g.Account.Rec.Argf(3, func() string { return strconv.Itoa(v) })
	return g.SetInt(s, o, v)
}

var errDevice = errors.New("binding to a device")

const (
	fdflags    = sockabi.FDFLAG_APPEND | sockabi.FDFLAG_DSYNC | sockabi.FDFLAG_NONBLOCK | sockabi.FDFLAG_RSYNC | sockabi.FDFLAG_SYNC
	optionSize = 64 // bytes; more than any value has
)
