//go:build linux || darwin

package shim

import (
	"encoding/binary"

	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// fdRead is fd_read: it is sock_recv without flags, but reading nothing never waits. Its
// parameters are fd; iovs*, iovslen; nread*; all as of sockRecv. It falls through for files.
func (g *guest) fdRead(c call) sockabi.Errno {
	s := g.Socket(c.u32(0))
	if s == nil {
		return g.elsewhere(c)
	}
	bufs, size, result, errno := g.vectored(c)
	if errno != 0 {
		return errno
	}
	if size == 0 {
		return g.putCount(result, 0, 0)
	}
	n, _, _, errno := g.Receive(s, bufs, false, false)
	return g.putCount(result, n, errno)
}

// fdWrite is fd_write: it is sock_send, but writing nothing sends no empty datagram. Its
// parameters are fd; iovs*, iovslen; nwritten*; all as of sockSend. It falls through for files.
func (g *guest) fdWrite(c call) sockabi.Errno {
	s := g.Socket(c.u32(0))
	if s == nil {
		return g.elsewhere(c)
	}
	bufs, size, result, errno := g.vectored(c)
	if errno != 0 {
		return errno
	}
	if size == 0 {
		return g.putCount(result, 0, 0)
	}
	n, errno := g.Send(s, bufs, address.Endpoint{})
	return g.putCount(result, n, errno)
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

// elsewhere returns the result for a descriptor that is not a socket: FallThrough for numbers below
// sockets.FirstSocket, which belong to the engine, and otherwise EBADF.
func (g *guest) elsewhere(c call) sockabi.Errno {
	if c.u32(0) < sockets.FirstSocket {
		return FallThrough
	}
	return sockabi.EBADF
}

// fdClose is fd_close of fd. It never lingers, and falls through for files.
func (g *guest) fdClose(c call) sockabi.Errno {
	s := g.Socket(c.u32(0))
	if s == nil {
		return g.elsewhere(c)
	}
	g.CloseSocket(s)
	return 0
}

// fdFdstatGet is fd_fdstat_get: it reports type, flags and rights of a descriptor. It distinguishes
// datagram sockets from streams, as WASI does; WasmEdge reports every socket as a stream.
// Parameters: fd; stat*, a sockabi.FDStat of 24 bytes. It falls through for files.
func (g *guest) fdFdstatGet(c call) sockabi.Errno {
	s := g.Socket(c.u32(0))
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
	stat := sockabi.FDStat{Filetype: sockabi.FILETYPE_SOCKET_STREAM, Flags: s.Flags(), RightsBase: sockabi.RIGHTS_OPENED}
	if !s.Stream() {
		stat.Filetype = sockabi.FILETYPE_SOCKET_DGRAM
	}
	if s.Accepted() {
		stat.RightsBase = sockabi.RIGHTS_ACCEPTED
	}
	stat.RightsInheriting = stat.RightsBase
	binary.Encode(result, le, &stat)
	return 0
}

// fdFdstatSetFlags is fd_fdstat_set_flags: it sets flags; only NONBLOCK has a meaning.
// Parameters: fd; flags, sockabi.FDFLAG_*. It falls through for files.
//   - EINVAL: a flag is unknown.
//   - ENOTCAPABLE: a flag makes files synchronous.
func (g *guest) fdFdstatSetFlags(c call) sockabi.Errno {
	s := g.Socket(c.u32(0))
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
	s.SetFlags(uint16(flags))
	return 0
}

// fdFilestatGet is fd_filestat_get, which is ENOTCAPABLE on sockets and falls through for files.
func (g *guest) fdFilestatGet(c call) sockabi.Errno {
	if g.Socket(c.u32(0)) == nil {
		return g.elsewhere(c)
	}
	return sockabi.ENOTCAPABLE
}

// fdRenumber is fd_renumber: it closes the socket to, and gives its number to the socket fd.
// Parameters: fd; to. It falls through for two files that are both open.
//   - ENOTSUP: only one of the two is a socket.
func (g *guest) fdRenumber(c call) sockabi.Errno {
	from, to := g.Socket(c.u32(0)), g.Socket(c.u32(1))
	for i, s := range []*sockets.Socket{from, to} {
		if s != nil {
			continue
		}
		if c.u32(i) >= sockets.FirstSocket {
			return sockabi.EBADF
		}
		if _, errno := g.FDStat(c.ctx, c.u32(i)); errno != 0 {
			return errno
		}
	}
	switch {
	case from == nil && to == nil:
		return FallThrough
	case from == nil || to == nil:
		return sockabi.ENOTSUP
	}
	g.Renumber(from, to)
	return 0
}
