// Package sockets implements the sockets of one guest, for every engine, in Go types.
//
// A [Guest] numbers sockets and serves the guest's calls: it asks the policy, chooses the
// [backend] of a socket, waits, and returns an errno. Package shim decodes the calls. Buffers, and
// the subscriptions of a poll, are the guest's memory itself; everything else is a copy.
//
// Errors become errnos at three places: netos.Errno converts errors of the operating system,
// account.Ask refusals of the policy, and package names failures of the resolver.
//
// It works on Linux (epoll) and macOS (poll). On other systems the package compiles,
// and [New] returns [errors.ErrUnsupported].
package sockets

import (
	"context"
	"net"
	"net/netip"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/sockabi"
)

// FirstSocket is the lowest number that a socket can have. The guest's sockets are numbered from
// it, lowest free number first. Lower numbers belong to the engine.
const FirstSocket = 1 << 20

// Nameserver is the address of the host's own nameserver, over UDP and TCP: see Config.Nameserver.
// A guest has no zones, so it cannot use link-local addresses for anything else.
var Nameserver = netip.MustParseAddrPort("169.254.1.53:53")

// A Config holds the policy, the limits and the surroundings of a guest.
type Config struct {
	// Policy is asked before every use of an address or a name; nil refuses all.
	// It must be quick: the guest waits for it, and Interrupt does not end it.
	Policy host.Policy

	// OnListen, if not nil, gets the address of each socket that begins to listen or, for
	// datagrams, to receive. The guest waits for it.
	OnListen func(net.Addr)

	// OnLimit, if not nil, gets the name of each field of Limits that has refused or delayed
	// something, once for each field. The guest waits for it.
	OnLimit func(field string)

	// OnLookup, if not nil, gets each look-up of a name, from any goroutine. The look-up waits for
	// it.
	OnLookup func(host.Lookup)

	// Dial makes the guest's connections; see host.Cmd. nil means that the kernel does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Listeners are given to the guest when it binds a stream to their address. Policy is not
	// asked then. The caller keeps owning them.
	Listeners []net.Listener

	// Preopen gives the guest the Listeners from the beginning, as the descriptors FirstPreopened
	// and up. These do not belong to the engine then: no function of the engine may get a
	// descriptor that is Reserved.
	Preopen bool

	// Resolver looks names up; nil means net.DefaultResolver. Nameserver lets it also answer the
	// guest's own DNS messages, at the address Nameserver.
	Resolver   *net.Resolver
	Nameserver bool

	// Limits limits sockets. The engine enforces the limits of memory and time.
	Limits host.Limits

	// Stdin, Stdout and Stderr are the files of the descriptors 0, 1 and 2, so that poll_oneoff
	// can report whether they are ready. For an *os.File, which must stay open until Close, the
	// operating system is asked. Everything else, including nil, is always ready.
	Stdin, Stdout, Stderr any

	// FDStat returns the type of a descriptor below FirstSocket, one of sockabi.FILETYPE_*, or
	// EBADF if it is not open. fd can be any number, since the guest chooses it. ctx is that of
	// the current call. nil means that only 0, 1 and 2 are open, as character devices.
	FDStat func(ctx context.Context, fd uint32) (filetype uint8, errno sockabi.Errno)

	// Nanotime is the guest's monotonic clock, in nanoseconds, against which
	// absolute timeouts are measured. nil means CLOCK_MONOTONIC.
	Nanotime func() int64

	// Faults are injected into the guest's network; the zero value injects none.
	Faults hostfault.Faults

	// Streams is for an engine that receives and sends by itself at times; see Grant.
	Streams Streams
}

// Streams lists the connections of a guest on which its engine may receive and send by itself,
// because calling a row is slow: those of TCP that do not block, while nothing is traced, counted,
// limited in its rate or made to fail, and the guest is not stopped. A row that is called takes
// its sockets back.
//
// The engine may do so with one buffer that is not empty, and without flags. At the end of the
// stream and after EPIPE it must call the row, which finds the same. Errno converts all other
// errors.
//
// The engine owns the memory, which is used until Close.
type Streams struct {
	Of             []Stream // by number less FirstSocket
	Received, Sent *uint64  // bytes that the engine has received and sent since the last row
}

// A Stream is one element of Streams.
type Stream struct {
	FD int32 // the operating system's descriptor plus 1; 0 means that the row must be called
}
