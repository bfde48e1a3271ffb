//go:build linux || darwin

package shim

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// Every handler keeps this order: check alignment, then flags and counts, then that all pointers,
// also those for results, lie in memory; copy arguments; look the descriptor up; ask the policy;
// act; write results. Nothing can fail after the act, so that no connection, datagram or
// descriptor is lost.

// The comment of each handler lists its parameters, which have 4 bytes each, the sizes of the
// values that pointers among them point to, and each errno with its cause. It leaves out the
// errnos of all functions:
//
//   - EADDRNOTAVAIL: a pointer is not a multiple of its alignment, which package sockabi states.
//   - EFAULT: a value that a pointer points to is not entirely in memory.
//   - EBADF: no descriptor of that number is open. ENOTSOCK: it is a file's.
//   - the errors of the operating system's function of that name, by netos.Errno.
//
// Package sockabi is their source.

// A call is one call by the guest.
type call struct {
	ctx context.Context
	Memory
	args []uint64
}

func (c call) u32(i int) uint32 { return uint32(c.args[i]) }

// A handler implements one function of the table. It returns the errno for the guest.
type handler func(*guest, call) sockabi.Errno

// handlers has a handler for each of sockabi.Functions, by name and number of
// parameters.
var handlers = map[string]map[int]handler{
	"sock_open":            {3: (*guest).sockOpen},
	"sock_open_v2":         {3: (*guest).sockOpen},
	"sock_bind":            {3: (*guest).sockBind},
	"sock_bind_v2":         {3: (*guest).sockBind},
	"sock_listen":          {2: (*guest).sockListen},
	"sock_listen_v2":       {2: (*guest).sockListen},
	"sock_accept":          {2: (*guest).sockAccept1, 3: (*guest).sockAccept},
	"sock_accept_v2":       {3: (*guest).sockAccept},
	"sock_connect":         {3: (*guest).sockConnect},
	"sock_connect_v2":      {3: (*guest).sockConnect},
	"sock_recv":            {6: (*guest).sockRecv},
	"sock_recv_v2":         {6: (*guest).sockRecv},
	"sock_recv_from":       {7: (*guest).sockRecvFrom1, 8: (*guest).sockRecvFrom},
	"sock_recv_from_v2":    {8: (*guest).sockRecvFrom},
	"sock_send":            {5: (*guest).sockSend},
	"sock_send_v2":         {5: (*guest).sockSend},
	"sock_send_to":         {7: (*guest).sockSendTo},
	"sock_send_to_v2":      {7: (*guest).sockSendTo},
	"sock_shutdown":        {2: (*guest).sockShutdown},
	"sock_getsockopt":      {5: (*guest).sockGetsockopt},
	"sock_setsockopt":      {5: (*guest).sockSetsockopt},
	"sock_getlocaladdr":    {4: endpoint1((*sockets.Guest).Local), 3: endpoint2((*sockets.Guest).Local)},
	"sock_getlocaladdr_v2": {3: endpoint2((*sockets.Guest).Local)},
	"sock_getpeeraddr":     {4: endpoint1((*sockets.Guest).Peer), 3: endpoint2((*sockets.Guest).Peer)},
	"sock_getpeeraddr_v2":  {3: endpoint2((*sockets.Guest).Peer)},
	"sock_getaddrinfo":     {8: (*guest).sockGetaddrinfo},
	"poll_oneoff":          {4: (*guest).pollOneoff},
	"epoll_oneoff":         {4: (*guest).pollOneoff},
	"fd_read":              {4: (*guest).fdRead},
	"fd_write":             {4: (*guest).fdWrite},
	"fd_close":             {1: (*guest).fdClose},
	"fd_fdstat_get":        {2: (*guest).fdFdstatGet},
	"fd_fdstat_set_flags":  {2: (*guest).fdFdstatSetFlags},
	"fd_filestat_get":      {2: (*guest).fdFilestatGet},
	"fd_renumber":          {2: (*guest).fdRenumber},
}

// A guest holds one guest's sockets, for the handlers.
type guest struct {
	*sockets.Guest
	watch Watch
	bufs  [][]byte // scratch space of iovecs
}

func rows(of *sockets.Guest, w Watch) []Row {
	g := &guest{Guest: of, watch: w}
	functions := sockabi.Functions()
	rows := make([]Row, len(functions))
	for i, f := range functions {
		h, fds := handlers[f.Name][f.NumParams()], descriptors(f)
		rows[i] = Row{
			Function: f,
			Shared:   Shared(f),
			Call: g.watched(f, func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno {
				g.Lock()
				defer g.Unlock()
				args = g.used(args, fds)
				g.Revoke(args[:fds])
				g.Account.Calls.Add(1)
				errno := h(g, call{ctx, mem, args})
				clear(g.bufs) // guest memory may not outlive the guest
				if w.none() {
					g.Grant(args[:fds])
				}
				return errno
			}),
		}
	}
	return rows
}

// descriptors returns how many parameters of f, from the first, are numbers of descriptors.
func descriptors(f sockabi.Function) int {
	n := 0
	for _, name := range strings.Fields(f.Args) {
		if name != "fd" && name != "to" {
			break
		}
		n++
	}
	return n
}

// used returns the arguments of a call. The first fds of them are descriptors: other names of
// sockets are replaced by the sockets' numbers.
func (g *guest) used(args []uint64, fds int) []uint64 {
	for i := range fds {
		if fd := uint32(args[i]); g.Reserved(fd) {
			args = slices.Clone(args)
			args[i] = uint64(g.Use(fd))
		}
	}
	return args
}

var le = binary.LittleEndian

// view returns size bytes of guest memory at ptr, and whether they are all in memory. size may
// exceed 32 bits. Size 0 is always in memory.
func (c call) view(ptr uint32, size uint64) ([]byte, bool) {
	if size == 0 {
		return nil, true
	}
	if size > math.MaxUint32 || uint64(ptr)+size > 1<<32 {
		return nil, false
	}
	return c.View(ptr, uint32(size))
}

// at returns the struct or integer that parameter i points to, and whether it is in memory.
func (c call) at(i int, size uint64) ([]byte, bool) { return c.view(c.u32(i), size) }

// aligned reports whether the parameters with the indices params are multiples of n.
func (c call) aligned(n uint32, params ...int) bool {
	for _, i := range params {
		if c.u32(i)%n != 0 {
			return false
		}
	}
	return true
}

// iovecs returns the buffers that parameters i and i+1 describe, in a slice that the next call
// reuses. Together they have less than 4 GiB: bytes beyond that are left out, since the guest's
// count of bytes could not include them.
func (g *guest) iovecs(c call, i int) (bufs [][]byte, size uint32, errno sockabi.Errno) {
	array, ok := c.at(i, uint64(c.u32(i+1))*sockabi.IOVecSize)
	if !ok {
		return nil, 0, sockabi.EFAULT
	}
	bufs = g.bufs[:0]
	for ; len(array) > 0; array = array[sockabi.IOVecSize:] {
		n := min(le.Uint32(array[iovLen:]), math.MaxUint32-size)
		buf, ok := c.view(le.Uint32(array[iovBuf:]), uint64(n))
		if !ok {
			return nil, 0, sockabi.EFAULT
		}
		bufs = append(bufs, buf)
		size += n
	}
	g.bufs = bufs
	g.Account.Rec.Argf(i, func() string { return strconv.FormatUint(uint64(size), 10) + " bytes" }, i+1)
	return bufs, size, 0
}

// lookup returns the socket with the number in parameter 0. For a file of the engine it returns
// ENOTSOCK.
func (g *guest) lookup(c call) (*sockets.Socket, sockabi.Errno) {
	fd := c.u32(0)
	if s := g.Socket(fd); s != nil {
		return s, 0
	}
	if fd < sockets.FirstSocket {
		if _, errno := g.FDStat(c.ctx, fd); errno == 0 {
			return nil, sockabi.ENOTSOCK
		}
	}
	return nil, sockabi.EBADF
}
