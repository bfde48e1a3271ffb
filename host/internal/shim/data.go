//go:build linux || darwin

package shim

import (
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/sockabi"
)

// sockRecv is sock_recv: it receives bytes, or a datagram.
//
// Parameters: fd; iovs*, iovslen sockabi.IOVec of 8 bytes; flags, sockabi.RI_*; nread*, 4 bytes;
// roflags*, sockabi.RO_*, 2 bytes.
//   - EINVAL: a flag is unknown, or there are more than sockabi.MaxIOVecs buffers.
//   - EAGAIN: nothing has arrived, and the socket does not block, or its time is over.
//   - EACCES: the policy refuses to receive at a free port; see package sockets.
//   - EINTR: the guest is stopped.
func (g *guest) sockRecv(c call) sockabi.Errno {
	return g.receive(c, receiving{flags: 3, addr: -1, port: -1, nread: 4, roflags: 5})
}

// sockRecvFrom1 is sock_recv_from with 7 parameters, without port*: it copies the address if the
// guest's buffer has room, and does not report its family or port. See sockRecvFrom.
func (g *guest) sockRecvFrom1(c call) sockabi.Errno {
	return g.receive(c, receiving{flags: 4, addr: 3, port: -1, nread: 5, roflags: 6})
}

// sockRecvFrom is sock_recv_from: it is sock_recv, and reports the sender. If the sender has no
// address, it sets the family of an AddrStorage to AF_UNSPEC, and leaves address and port as they
// were.
//
// Parameters as of sockRecv, and: addr*, a sockabi.Address of 8 bytes, with room for 4, 16 or 128
// bytes; port*, 2 bytes in network order.
//   - EINVAL: also if the room has another size, or a UNIX socket has no room for a path.
func (g *guest) sockRecvFrom(c call) sockabi.Errno {
	return g.receive(c, receiving{flags: 4, addr: 3, port: 5, nread: 6, roflags: 7})
}

// receiving holds the index of each parameter; -1 means that there is none.
type receiving struct{ flags, addr, port, nread, roflags int }

func (g *guest) receive(c call, p receiving) sockabi.Errno {
	if !c.aligned(4, 1, p.nread) || !c.aligned(2, p.roflags) ||
		p.addr >= 0 && !c.aligned(4, p.addr) || p.port >= 0 && !c.aligned(2, p.port) {
		return sockabi.EADDRNOTAVAIL
	}
	var addr, port []byte
	var errno sockabi.Errno
	if p.addr >= 0 {
		if addr, errno = c.addressBytes(p.addr); errno != 0 {
			return errno
		}
	}
	storage := p.port >= 0 && len(addr) == sockabi.AddrStorageSize
	if p.port >= 0 && !storage && len(addr) != 4 && len(addr) != 16 {
		return sockabi.EINVAL
	}
	flags := c.u32(p.flags)
	if flags&^(sockabi.RI_PEEK|sockabi.RI_WAITALL) != 0 || c.u32(2) > sockabi.MaxIOVecs {
		return sockabi.EINVAL
	}
	bufs, _, errno := g.iovecs(c, 1)
	if errno != 0 {
		return errno
	}
	nread, ok1 := c.at(p.nread, 4)
	roflags, ok2 := c.at(p.roflags, 2)
	ok3 := true
	if p.port >= 0 {
		port, ok3 = c.at(p.port, 2)
	}
	if !ok1 || !ok2 || !ok3 {
		return sockabi.EFAULT
	}
	s, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	if p.addr >= 0 && !storage && s.Family() == sockabi.AF_UNIX && len(addr) < sunPathSize {
		return sockabi.EINVAL // there is no room for a path
	}
	n, cut, from, errno := g.Receive(s, bufs, flags&sockabi.RI_PEEK != 0, flags&sockabi.RI_WAITALL != 0)
	if errno != 0 {
		return errno
	}
	if storage {
		putStorage(addr, from)
	} else {
		putAddress(addr, from)
	}
	if port != nil && from.Addr.IsValid() {
		port[0], port[1] = byte(from.Addr.Port()>>8), byte(from.Addr.Port())
	}
	le.PutUint32(nread, uint32(n))
	le.PutUint16(roflags, 0)
	if cut {
		le.PutUint16(roflags, sockabi.RO_DATA_TRUNCATED)
	}
	if p.addr < 0 {
		from = address.Endpoint{}
	}
	recordReceived(g.Account.Rec, n, cut, from)
	return 0
}

// sockSend is sock_send: it sends bytes, or a datagram, to the peer.
//
// Parameters: fd; iovs*, iovslen sockabi.IOVec of 8 bytes; flags, which must be 0; nwritten*,
// 4 bytes.
//   - EINVAL: there are flags, or more than sockabi.MaxIOVecs buffers.
//   - EAGAIN: there is no room, and the socket does not block, or its time is over.
//   - EPIPE: the peer has gone, or the socket was shut down.
//   - EACCES: the policy refuses a datagram of a socket that was connected for the route alone.
//   - EINTR: the guest is stopped.
func (g *guest) sockSend(c call) sockabi.Errno {
	if !c.aligned(4, 1, 4) {
		return sockabi.EADDRNOTAVAIL
	}
	return g.transmit(c, 3, 4, address.Endpoint{})
}

// sockSendTo is sock_send_to: it is sock_send to an address. A TCP socket sends to its peer,
// whatever the address.
//
// Parameters as of sockSend, and: addr* and port as of sockBind.
//   - EINVAL, EAFNOSUPPORT: also as of sockBind.
//   - EACCES: the policy refuses to send there.
//   - EISCONN: the socket is connected to the nameserver, and the address is another.
func (g *guest) sockSendTo(c call) sockabi.Errno {
	if !c.aligned(4, 1, 3, 6) {
		return sockabi.EADDRNOTAVAIL
	}
	e, errno := g.endpoint(c, 3, 4)
	if errno != 0 {
		return errno
	}
	defer e.Release()
	return g.transmit(c, 5, 6, e)
}

func (g *guest) transmit(c call, flags, nwritten int, to address.Endpoint) sockabi.Errno {
	if c.u32(flags) != 0 || c.u32(2) > sockabi.MaxIOVecs {
		return sockabi.EINVAL
	}
	bufs, _, errno := g.iovecs(c, 1)
	if errno != 0 {
		return errno
	}
	result, ok := c.at(nwritten, 4)
	if !ok {
		return sockabi.EFAULT
	}
	s, errno := g.lookup(c)
	if errno != 0 {
		return errno
	}
	n, errno := g.Send(s, bufs, to)
	return g.putCount(result, n, errno)
}

func (g *guest) putCount(result []byte, n int, errno sockabi.Errno) sockabi.Errno {
	if errno != 0 {
		return errno
	}
	le.PutUint32(result, uint32(n))
	g.Account.Rec.Counted(n)
	return 0
}
