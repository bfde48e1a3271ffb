// Package shim implements the WasmEdge socket extension: the functions of package sockabi, as
// a table of rows, on one guest's sockets.
//
// An engine binds each row to an import of the guest and does nothing else. The functions
// behave as WasmEdge's do where a guest can see it, and better where WasmEdge only fails;
// package sockabi says what a guest may rely on.
//
// For sockets, only this package reads and writes guest memory, always through [Memory]. A row
// decodes its arguments, checks every bound in 64 bits, copies addresses before the policy sees
// them, calls package sockets, and writes results last and only on success.
//
// # Differences from WasmEdge
//
// A guest can see these differences, besides the options that sockabi marks as wasisock's, the
// policy's EACCES, and the absence of WasmEdge's aborts:
//
//   - The policy is asked about a bind to port 0 at sock_listen, or of datagrams at the
//     first receipt or poll to read. A stream bound so to another address than loopback or
//     all has port 0 until then.
//   - Sockets are numbered from FirstSocket, not at random.
//   - The flags of sock_accept are the new descriptor's. fd_write to a peer that
//     is gone is EPIPE. fd_fdstat_get reports datagram sockets as such.
//   - A number that does not fit, such as a port above 65535, is EINVAL, and so are
//     SO_ERROR and SO_TYPE with room for less than 4 bytes, a UNIX address without
//     a path, and sock_recv_from of a UNIX socket without room for a path, which
//     takes no datagram then. A path of 108 bytes is ENAMETOOLONG, and a relative
//     one EINVAL.
//   - An unknown family is EAFNOSUPPORT. Setting SO_BINDTODEVICE is EACCES.
//   - UNIX sockets need no flag, only a policy. An abstract name ends before its
//     padding. The port beside a UNIX address is 0. A path in a directory of the
//     guest's is in that directory; others are the host's. Files of UNIX sockets
//     that are left when the guest ends are removed.
//   - An unspecified address, to connect or to send to, means loopback, and the
//     policy sees loopback.
//   - sock_recv_from sets the family to AF_UNSPEC where there is no address.
//   - fd_close never lingers. RI_PEEK with RI_WAITALL does not wait for all.
//   - poll_oneoff without subscriptions, or with more than 65,536 and two for each
//     socket of the limit, is EINVAL. It returns at once when a subscription is in
//     error, and never because of a signal. What is ready has 1 byte. A pending
//     error or a hang-up makes a descriptor ready, to read as to write, and no
//     state makes a call return without an event. Files are ready.
//   - sock_getaddrinfo answers EAI_MEMORY rather than write past the room it was
//     given, looks at 256 nodes at most and ends with the list, takes SOCK_ANY for
//     streams and datagrams, and knows neither zones nor short forms of IPv4.
//   - The plain names take addresses of 128 bytes too, and the size of SO_ERROR and
//     SO_TYPE can be the value 4, as stealthrocket/net passes it.
//   - fd_renumber to a number that is not open is EBADF, and between a socket and
//     a file ENOTSUP.
package shim

import (
	"context"
	"strings"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// FallThrough is not an errno. The call of a Shared row returns it, and has done nothing, if the
// engine's own function of that name must be called with the same arguments.
const FallThrough sockabi.Errno = 0xffff

// A Memory is the guest's memory 0.
type Memory interface {
	// View returns size bytes at offset, which alias guest memory, or false if any of them lies
	// outside. size is never 0.
	View(offset, size uint32) ([]byte, bool)
}

// A Func is one function of the extension. args holds the i32 parameters in order; their upper
// halves are ignored. The result goes to the guest unchanged, except FallThrough.
type Func func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno

// A Row is one import that a guest can have, keyed by its name and its number of parameters.
//
// Call must not run concurrently: a guest has one thread. It blocks as long as the guest's call
// does, at most until sockets.Guest.Interrupt. It panics for no arguments.
type Row struct {
	sockabi.Function
	Call Func

	// Shared means that the engine has a function of this name too, and that Call may return
	// FallThrough. Always call Call first: fd_renumber of two files falls through only if both
	// are open, because no engine is trusted with a number that a guest made up.
	Shared bool
}

// Shared reports whether a row for f is Shared.
func Shared(f sockabi.Function) bool { return strings.HasPrefix(f.Name, "fd_") }

// A Watch gets a report of each call that does not fall through, when the call ends. The guest
// waits meanwhile. Each of the two fields may be nil.
type Watch struct {
	Calls func(name string, errno sockabi.Errno, took time.Duration)
	Trace host.Tracer
}

func (w Watch) none() bool { return w.Calls == nil && w.Trace == nil }

// Rows returns the function table of a guest's sockets: one row for each of sockabi.Functions, in
// that order. The caller owns the slice.
func Rows(g *sockets.Guest, w Watch) []Row { return rows(g, w) }
