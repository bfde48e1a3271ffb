// Package system implements the WasmEdge socket extension for one guest,
// whatever the engine.
//
// A [System] holds one guest's sockets and gives the functions of package
// sockabi as a table of rows. An engine binds each row to an import of the
// guest and does nothing else. The functions behave as WasmEdge's do where a
// guest can see it, and better where WasmEdge merely fails; package sockabi
// says what a guest may rely on.
//
// The seam, in one paragraph: the files call*.go alone read and write guest
// memory, always through [Memory]. They decode, check every bound in 64 bits,
// copy addresses out before the policy sees them, act, and write results last
// and only on success. All else here speaks Go types: request_unix.go is what a
// guest asks of a socket. Errors cross at three doors: netos.Errno turns what the
// operating system says into an errno, account.Ask a refusal of the policy, and
// names a failure of the resolver.
//
// It works on Linux (epoll) and macOS (poll). Elsewhere the package compiles
// and [New] answers [errors.ErrUnsupported].
//
// # Differences from WasmEdge
//
// What a guest can see of them, besides the options that sockabi marks as
// wasisock's, the policy's EACCES, and the absence of WasmEdge's aborts:
//
//   - The policy is asked about a bind to port 0 at sock_listen, or of datagrams at the
//     first receipt or poll to read. A stream bound so to another address than loopback or
//     all has port 0 until then.
//   - Sockets are numbered from FirstSocket, not at random.
//   - The flags of sock_accept are the new descriptor's. fd_write to a peer that
//     is gone is EPIPE. fd_fdstat_get calls a datagram socket one.
//   - A number that does not fit, such as a port above 65535, is EINVAL, and so are
//     SO_ERROR and SO_TYPE with room for less than 4 bytes, a UNIX address without
//     a path, and sock_recv_from of a UNIX socket without room for a path, which
//     takes no datagram then. A path of 108 bytes is ENAMETOOLONG, and a relative
//     one EINVAL.
//   - A family that there is not is EAFNOSUPPORT. Setting SO_BINDTODEVICE is EACCES.
//   - UNIX sockets need no flag, only a policy. An abstract name ends before its
//     padding. The port beside a UNIX address is 0. A path in a directory of the
//     guest's is in that directory; others are the host's. Files of UNIX sockets
//     that are left when the guest ends are removed.
//   - To connect or to send to an unspecified address is to do so to loopback,
//     which is what the policy is asked.
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
package system

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/sockabi"
)

// FirstSocket is the lowest number that a socket can have. The guest's sockets
// are numbered from here, lowest free number first; every lower number is the
// engine's.
const FirstSocket = 1 << 20

// Nameserver is where Config.Nameserver is, over UDP and TCP. Link-local addresses have
// no other meaning in a guest, which has no zones.
var Nameserver = netip.MustParseAddrPort("169.254.1.53:53")

// FallThrough is not an errno: it is what the call of a Shared row answers when
// the engine's own function of that name is to be called, with the same
// arguments. Nothing has been done then.
const FallThrough sockabi.Errno = 0xffff

// A Memory is the guest's memory 0.
type Memory interface {
	// View returns the size bytes at offset, aliasing guest memory, or false
	// if any of them lies outside. It is never asked for 0 bytes.
	View(offset, size uint32) ([]byte, bool)
}

// A Func is one function of the extension. args holds the i32 parameters in
// order; their upper halves are ignored. Its result is for the guest as it is.
type Func func(ctx context.Context, mem Memory, args []uint64) sockabi.Errno

// A Row is one import that a guest can have, keyed by its name and its number
// of parameters.
//
// Call serves one call at a time: a guest has one thread. It blocks as long as
// the guest's call would, at most until [System.Interrupt]. It never panics,
// whatever the arguments.
type Row struct {
	sockabi.Function
	Call Func

	// Shared tells that the engine has a function of this name too, and that
	// Call answers FallThrough where that one is to serve. Always call Call
	// first: fd_renumber of two files falls through only if both are open,
	// because no engine is trusted with a number that a guest made up.
	Shared bool
}

// Config says what a guest may do and what surrounds it.
type Config struct {
	// Policy is asked before every use of an address or a name; nil refuses all.
	// It must be quick: the guest waits for it, and Interrupt does not end it.
	Policy host.Policy

	// OnListen is told the address at which a socket has come to listen or, of
	// datagrams, to be bound. The guest waits for it. It may be nil.
	OnListen func(net.Addr)

	// OnLimit is told the field of Limits that has refused or delayed something, of each
	// field once. The guest waits for it. It may be nil.
	OnLimit func(field string)

	// Dial makes the guest's connections, as host.Cmd says; nil dials.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Listeners is what the guest gets when it binds a stream to their address, which
	// is not asked of Policy. They stay the caller's.
	Listeners []net.Listener

	// Preopen gives the guest the Listeners from the beginning, as the descriptors
	// FirstPreopened and up, which are not the engine's then: of no other function than
	// rows must it look at what is Reserved.
	Preopen bool

	// Resolver looks names up, and nil is net.DefaultResolver. Nameserver offers it to
	// the guest's own DNS messages too, at the address Nameserver.
	Resolver   *net.Resolver
	Nameserver bool

	// Limits are those of sockets; memory and time are the engine's.
	Limits host.Limits

	// Stdin, Stdout and Stderr are what the descriptors 0, 1 and 2 lead to, so
	// that poll_oneoff can tell whether they are ready. Of an *os.File the
	// operating system is asked; it must stay open until Close. Anything else,
	// nil included, counts as ready.
	Stdin, Stdout, Stderr any

	// FDStat tells what a descriptor below FirstSocket is: its type, one of
	// sockabi.FILETYPE_*, or EBADF if it is not open. The guest chose fd, so it
	// can be any number. ctx and mem are those of the call being served; memory
	// must be as it was when FDStat returns. nil means that 0, 1 and 2 are open
	// character devices and that nothing else is.
	FDStat func(ctx context.Context, mem Memory, fd uint32) (filetype uint8, errno sockabi.Errno)

	// Nanotime is the guest's monotonic clock, in nanoseconds, against which
	// absolute timeouts are measured. nil means CLOCK_MONOTONIC.
	Nanotime func() int64

	// Faults are what the guest meets; the zero value is none.
	Faults hostfault.Faults

	// Calls is told of each call that does not fall through, when it ends. The guest
	// waits for it. nil costs nothing.
	Calls func(name string, errno sockabi.Errno, took time.Duration)

	// Trace is told of each call that does not fall through; nil costs nothing.
	Trace host.Tracer

	// Streams are for an engine that can do without rows at times.
	Streams Streams
}

// A System is the sockets of one guest. Its rows serve one call at a time;
// Interrupt, Drain, Signal, Release, Interrupted, Addrs, Stats and Close can be called from any goroutine at
// any time.
type System struct{ guest }

// New makes a System without sockets. It fails with EMFILE when the process has
// no descriptor left for its poller, and with errors.ErrUnsupported on systems
// that it does not work on.
func New(cfg Config) (*System, error) {
	s := new(System)
	if err := s.open(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// Rows is the function table, one row for each of sockabi.Functions and in that
// order, in a slice of the caller's own.
func (s *System) Rows() []Row { return s.rows() }

// Shared reports whether a row for f is Shared.
func Shared(f sockabi.Function) bool { return strings.HasPrefix(f.Name, "fd_") }

// Mount tells that the guest has the host's directory of an absolute path, at the path
// guest, which is absolute too. UNIX sockets whose path lies in it are made and found
// there. It must not run beside a call of a row.
func (s *System) Mount(guest, host string, readOnly bool) error {
	return s.mount(guest, host, readOnly)
}

// Addrs is the addresses that OnListen was told of, of the sockets that are still
// open.
func (s *System) Addrs() []net.Addr { return s.addrs() }

// Stats is what went through the sockets; times and memory are the engine's.
func (s *System) Stats() host.Stats { return s.stats() }

// Limited counts a refusal at a field of host.Limits that the engine holds, and tells
// OnLimit.
func (s *System) Limited(field string) { s.limited(field) }

// Reserved reports whether fd is a number below FirstSocket that is not the engine's.
func (s *System) Reserved(fd uint32) bool { return s.reserved(fd) }

// Owns reports whether fd is the number of an open socket. It must not run
// beside a call of a row.
func (s *System) Owns(fd uint32) bool { return s.owns(fd) }

// Interrupt wakes a waiting call, which then answers EINTR, and makes every
// later call that would wait answer EINTR at once. There is no way back: it is
// for a guest that is to end, and the engine should end it when a call returns
// and Interrupted is true.
func (s *System) Interrupt() { s.interrupt() }

// Drain makes the guest's listeners take no more connections: the host's are no longer
// accepted from, the guest's own refuse them once their queue is served. When no
// accepted connection is open, or the guest does not handle SIGDRAIN any more, accepting is
// EINVAL, as on a listener that was shut down; until then polls of them wait. With hurry,
// that is at once, and connections are at their end when nothing is left to read.
func (s *System) Drain(hurry bool) { s.drain(hurry) }

// Signal delivers a signal of WASI's number to a guest that handles it, and reports
// whether the guest handles or ignores it. Any other leaves the guest as it is.
func (s *System) Signal(number int) bool { return s.signal(number) }

// Release gives up the host's claim to one of Config.Listeners, a socket, which the host then
// closes: it remains open while a guest accepts from it. A guest that drains still accepts
// what has come before.
func (s *System) Release(l net.Listener) { s.release(l) }

// Interrupted reports whether Interrupt or Close was called.
func (s *System) Interrupted() bool { return s.interrupted() }

// Close interrupts, waits for the call being served to return, and closes every
// socket. After it none can be opened, EMFILE. Closing twice is no error.
func (s *System) Close() error { return s.close() }
