//go:build linux || darwin

package system

import (
	"encoding/binary"

	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/sockabi"
)

// fd_read is sock_recv without flags, but reading nothing never waits.
func (g *guest) fdRead(c call) sockabi.Errno {
	s := g.table.get(c.u32(0))
	if s == nil {
		return g.elsewhere(c)
	}
	bufs, size, result, errno := g.vectored(c)
	if errno != 0 {
		return errno
	}
	if size == 0 {
		return g.putCount(result, 0, nil)
	}
	n, _, _, err := g.recv(s, bufs, false, false)
	return g.putCount(result, n, err)
}

// fd_write is sock_send: a peer that is gone is EPIPE. Writing nothing does
// nothing: it sends no empty datagram.
func (g *guest) fdWrite(c call) sockabi.Errno {
	s := g.table.get(c.u32(0))
	if s == nil {
		return g.elsewhere(c)
	}
	bufs, size, result, errno := g.vectored(c)
	if errno != 0 {
		return errno
	}
	if size == 0 {
		return g.putCount(result, 0, nil)
	}
	if errno := g.beyondRoute(s, address.Endpoint{}); errno != 0 {
		return errno
	}
	n, err := g.send(s, bufs, address.Endpoint{})
	return g.putCount(result, n, err)
}

func (g *guest) vectored(c call) (bufs [][]byte, size uint32, result []byte, errno sockabi.Errno) {
	if !c.aligned(4, 1, 3) {
		return nil, 0, nil, sockabi.EADDRNOTAVAIL
	}
	if c.u32(2) > sockabi.MaxIOVecs {
		return nil, 0, nil, sockabi.EINVAL
	}
	bufs, size, errno = g.iovecs(c, 1)
	result, ok := c.at(3, 4)
	if errno == 0 && !ok {
		errno = sockabi.EFAULT
	}
	return bufs, size, result, errno
}

// elsewhere is the answer to a descriptor that is no socket: the engine's own
// function serves its files, and nothing else.
func (g *guest) elsewhere(c call) sockabi.Errno {
	if c.u32(0) < FirstSocket {
		return FallThrough
	}
	return sockabi.EBADF
}

func (g *guest) fdClose(c call) sockabi.Errno {
	s := g.table.get(c.u32(0))
	if s == nil {
		return g.elsewhere(c)
	}
	g.closeSocket(s)
	return 0
}

// fd_fdstat_get tells datagram sockets apart, as WASI has it; WasmEdge calls
// every socket a stream.
func (g *guest) fdFdstatGet(c call) sockabi.Errno {
	s := g.table.get(c.u32(0))
	if s == nil {
		return g.elsewhere(c)
	}
	if !c.aligned(8, 1) {
		return sockabi.EADDRNOTAVAIL
	}
	result, ok := c.at(1, sockabi.FDStatSize)
	if !ok {
		return sockabi.EFAULT
	}
	stat := sockabi.FDStat{Filetype: sockabi.FILETYPE_SOCKET_STREAM, Flags: s.flags, RightsBase: sockabi.RIGHTS_OPENED}
	if !s.stream() {
		stat.Filetype = sockabi.FILETYPE_SOCKET_DGRAM
	}
	if s.from != nil {
		stat.RightsBase = sockabi.RIGHTS_ACCEPTED
	}
	stat.RightsInheriting = stat.RightsBase
	binary.Encode(result, le, &stat)
	return 0
}

// fd_fdstat_set_flags: the flags that make files synchronous are ENOTCAPABLE on
// sockets, others that there are not EINVAL.
func (g *guest) fdFdstatSetFlags(c call) sockabi.Errno {
	s := g.table.get(c.u32(0))
	if s == nil {
		return g.elsewhere(c)
	}
	flags := c.u32(1)
	switch {
	case flags&^fdflags != 0:
		return sockabi.EINVAL
	case flags&(sockabi.FDFLAG_SYNC|sockabi.FDFLAG_DSYNC|sockabi.FDFLAG_RSYNC) != 0:
		return sockabi.ENOTCAPABLE
	}
	s.flags = uint16(flags)
	return 0
}

func (g *guest) fdFilestatGet(c call) sockabi.Errno {
	if g.table.get(c.u32(0)) == nil {
		return g.elsewhere(c)
	}
	return sockabi.ENOTCAPABLE
}

// fd_renumber falls through for two files that are both open. A socket takes the
// place of a socket; where only one of the two is one, it is ENOTSUP; a number
// that is not open is EBADF.
func (g *guest) fdRenumber(c call) sockabi.Errno {
	from, to := g.table.get(c.u32(0)), g.table.get(c.u32(1))
	for i, s := range []*socket{from, to} {
		if s != nil {
			continue
		}
		if c.u32(i) >= FirstSocket {
			return sockabi.EBADF
		}
		if _, errno := g.fdstat(c, c.u32(i)); errno != 0 {
			return errno
		}
	}
	switch {
	case from == nil && to == nil:
		return FallThrough
	case from == nil || to == nil:
		return sockabi.ENOTSUP
	}
	g.renumber(from, to)
	return 0
}
