//go:build linux || darwin

package sockets

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/names"
	"github.com/wasisock/wasisock/host/internal/readiness"
	"github.com/wasisock/wasisock/sockabi"
)

// A Guest holds the sockets of one guest. Calls are served one at a time, between Lock and
// Unlock. Interrupt, Interrupted, Drain, Signal, Release, Addrs, Stats, Limited and Close may be
// called from any goroutine at any time, without the lock.
type Guest struct {
	Account    account.Account
	engineStat func(context.Context, uint32) (uint8, sockabi.Errno)
	nanotime   func() int64
	nameserver bool // the host's own nameserver is offered
	Names      names.Names
	stdio      [3]stdio
	onListen   func(net.Addr)
	dial       func(ctx context.Context, network, address string) (net.Conn, error)

	listening listening

	mu        sync.Mutex // held during a call
	closed    bool
	wake      readiness.Wake
	interrupt func()

	listenersOf   []net.Listener  // the host's
	hostListeners []*hostListener // of listenersOf
	toRelease     []atomic.Bool

	preopened []*Socket // by number less FirstPreopened; nil if closed
	paths     address.Paths
	draining  drain
	signals   signals
	streams   Streams
	table     table
	listeners int // open
	polls     readiness.Set
	polling   context.Context // the context of the poll that is being served
}

// stdio is the operating system's descriptor for descriptor 0, 1 or 2.
type stdio struct {
	file *os.File // keeps the garbage collector from closing fd
	fd   int      // -1 if always ready
}

// New returns a Guest without sockets, except preopened ones. The error is EMFILE if the process
// has no descriptor left for the poller, and errors.ErrUnsupported on unsupported systems.
func New(cfg Config) (*Guest, error) {
	g := new(Guest)
	if err := g.open(cfg); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Guest) open(cfg Config) error {
	g.Account.Open(cfg.Limits, cfg.Faults, cfg.Policy, cfg.OnLimit)
	g.engineStat, g.nanotime = cfg.FDStat, cfg.Nanotime
	g.onListen, g.dial = cfg.OnListen, cfg.Dial
	resolver := net.DefaultResolver
	if cfg.Resolver != nil {
		resolver = cfg.Resolver
	}
	g.Names.Open(&g.Account, resolver, len(cfg.Listeners) > 0)
	g.Names.OnLookup = cfg.OnLookup
	g.nameserver = cfg.Nameserver
	if !g.Account.Injects && cfg.Limits.ReadRate == 0 && cfg.Limits.WriteRate == 0 {
		g.streams = cfg.Streams
	}
	for i, v := range []any{cfg.Stdin, cfg.Stdout, cfg.Stderr} {
		g.stdio[i] = stdioOf(v)
	}
	if err := g.wake.Open(); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if err := g.polls.Open(FirstSocket, pollGuest{g}, &g.Account, &g.wake); err != nil {
		g.wake.Close()
		return os.NewSyscallError("epoll_create", err)
	}
	if err := g.openHostListeners(cfg.Listeners); err != nil {
		g.polls.Close()
		g.wake.Close()
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.Account.Ended = ctx
	g.interrupt = func() { g.wake.Interrupt(); cancel() }
	if cfg.Preopen {
		if err := g.preopen(); err != nil {
			g.Close()
			return err
		}
	}
	return nil
}

func stdioOf(v any) stdio {
	s := stdio{fd: -1}
	if f, ok := v.(*os.File); ok && f != nil {
		if raw, err := f.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { s = stdio{f, int(fd)} })
		}
	}
	return s
}

// Lock begins a call of the guest's, and Unlock ends it.
func (g *Guest) Lock()   { g.mu.Lock() }
func (g *Guest) Unlock() { g.mu.Unlock() }

// Socket returns the open socket with a number, or nil.
func (g *Guest) Socket(fd uint32) *Socket { return g.table.get(fd) }

// Owns reports whether fd is the number of an open socket. It must not run during a call.
func (g *Guest) Owns(fd uint32) bool { return g.table.get(g.number(fd)) != nil }

// Interrupt wakes a waiting call, which then returns EINTR. Every later call that would wait
// returns EINTR at once. This cannot be undone: it is for a guest that is stopped. The engine
// should end the guest when a call returns and Interrupted is true.
func (g *Guest) Interrupt() { g.interrupt() }

// Interrupted reports whether Interrupt or Close was called.
func (g *Guest) Interrupted() bool { return g.wake.Interrupted() }

// Close interrupts the guest, waits until the current call has returned, and closes every socket.
// After it, opening a socket fails with EMFILE. Closing twice is not an error.
func (g *Guest) Close() error {
	g.interrupt()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	g.revokeAll()
	g.streams = Streams{}
	for _, s := range g.table.sockets {
		if s != nil {
			g.CloseSocket(s)
		}
	}
	g.Account.Wait()
	g.Account.Limits.Sockets = 0
	g.closeHostListeners()
	g.paths.Close()
	g.polls.Close()
	g.wake.Close()
	return nil
}

// now returns the time of one of the guest's clocks, in nanoseconds.
func (g *Guest) now(clock uint32) int64 {
	switch {
	case clock == sockabi.CLOCK_REALTIME:
		return time.Now().UnixNano()
	case g.nanotime != nil:
		return g.nanotime()
	}
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

// FDStat returns the type of a descriptor of the engine, as Config.FDStat does. ctx is the context
// of the current call.
func (g *Guest) FDStat(ctx context.Context, fd uint32) (filetype uint8, errno sockabi.Errno) {
	switch {
	case g.engineStat != nil:
		return g.engineStat(ctx, fd)
	case int(fd) < len(g.stdio):
		return sockabi.FILETYPE_CHARACTER_DEVICE, 0
	}
	return 0, sockabi.EBADF
}

// forget removes s from polls. Call it before its descriptor or number gets another meaning.
func (g *Guest) forget(s *Socket) { g.polls.Forget(&s.watched) }

// Mount records that the guest has the host's directory host at the path guest. Both are absolute.
// Paths of UNIX sockets below guest are in that directory. Mount must not run during a call.
func (g *Guest) Mount(guest, host string, readOnly bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paths.Mount(guest, host, readOnly)
}
