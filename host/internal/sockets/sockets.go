// Package sockets is the sockets of one guest, whatever the engine, in Go types.
//
// A [Guest] numbers sockets and does what the guest's calls ask of them: it asks the policy,
// chooses the [backend] that stands behind a socket, waits, and answers with an errno.
// Package shim decodes the calls. Buffers, and the subscriptions of a poll, are the guest's
// memory itself; all else is a copy.
//
// Errors cross at three doors: netos.Errno turns what the operating system says into an
// errno, account.Ask a refusal of the policy, and names a failure of the resolver.
//
// It works on Linux (epoll) and macOS (poll). Elsewhere the package compiles
// and [New] answers [errors.ErrUnsupported].
package sockets

import (
	"context"
	"net"
	"net/netip"

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

// A Config says what a guest may do and what surrounds it.
type Config struct {
	// Policy is asked before every use of an address or a name; nil refuses all.
	// It must be quick: the guest waits for it, and Interrupt does not end it.
	Policy host.Policy

	// OnListen gets the address at which a socket now listens or, of
	// datagrams, to be bound. The guest waits for it. It may be nil.
	OnListen func(net.Addr)

	// OnLimit is told the field of Limits that has refused or delayed something, of each
	// field once. The guest waits for it. It may be nil.
	OnLimit func(field string)

	// Dial makes the guest's connections, as host.Cmd says; nil dials.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Listeners are given to the guest when it binds a stream to their address, which
	// is not asked of Policy. They stay the caller's.
	Listeners []net.Listener

	// Preopen gives the guest the Listeners from the beginning, as the descriptors
	// FirstPreopened and up, which are not the engine's then: no function of the engine's
	// may be given what is Reserved.
	Preopen bool

	// Resolver looks names up, and nil is net.DefaultResolver. Nameserver offers it to
	// the guest's own DNS messages too, at the address Nameserver.
	Resolver   *net.Resolver
	Nameserver bool

	// Limits are those of sockets; memory and time are the engine's.
	Limits host.Limits

	// Stdin, Stdout and Stderr are the files of the descriptors 0, 1 and 2, so
	// that poll_oneoff can report whether they are ready. Of an *os.File the
	// operating system is asked; it must stay open until Close. Anything else,
	// nil included, counts as ready.
	Stdin, Stdout, Stderr any

	// FDStat returns the kind of a descriptor below FirstSocket: its type, one of
	// sockabi.FILETYPE_*, or EBADF if it is not open. The guest chose fd, so it
	// can be any number. ctx is that of the call being served. nil means that 0, 1
	// and 2 are open character devices and that nothing else is.
	FDStat func(ctx context.Context, fd uint32) (filetype uint8, errno sockabi.Errno)

	// Nanotime is the guest's monotonic clock, in nanoseconds, against which
	// absolute timeouts are measured. nil means CLOCK_MONOTONIC.
	Nanotime func() int64

	// Faults are injected into the guest's network; the zero value injects none.
	Faults hostfault.Faults

	// Streams are for an engine that can do without calls at times, see Grant.
	Streams Streams
}

// Streams are the plain connections of a guest, on which its engine may receive and send
// by itself, where the way to a row is long: those of TCP that do not block, while
// nothing is traced, counted, limited in its rate or made to fail, and nobody has asked
// the guest to end. A row that is called has them back.
//
// It may do so with one buffer that is not empty, and without flags. Where that ends in
// the end of the stream or to EPIPE, the row says what it is: it finds the same. Errno
// reports all other errors.
//
// The memory belongs to the engine, and is used until Close.
type Streams struct {
	Of             []Stream // by number, less FirstSocket
	Received, Sent *uint64  // bytes that the engine has, and no row knows of yet
}

// A Stream is one of them.
type Stream struct {
	FD int32 // the operating system's, plus 1; 0 means that the row must be called
}
