//go:build linux || darwin

package system

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/names"
	"github.com/wasisock/wasisock/host/internal/readiness"
	"github.com/wasisock/wasisock/sockabi"
)

// guest is the System of the systems that it works on.
type guest struct {
	account    account.Account
	engineStat func(context.Context, Memory, uint32) (uint8, sockabi.Errno)
	nanotime   func() int64
	nameserver bool // its own is offered
	names      names.Names
	stdio      [3]stdio
	onListen   func(net.Addr)
	dial       func(ctx context.Context, network, address string) (net.Conn, error)

	trace     host.Tracer
	calls     func(name string, errno sockabi.Errno, took time.Duration)
	listening listening

	mu        sync.Mutex // held during a call
	closed    bool
	wake      readiness.Wake
	interrupt func()

	listenersOf   []net.Listener  // the host's
	hostListeners []*hostListener // of listenersOf
	toRelease     []atomic.Bool

	preopened []*socket // by number less FirstPreopened; nil is closed
	paths     address.Paths
	draining  drain
	signals   signals
	streams   Streams
	table     table
	listeners int // open
	polls     readiness.Set
	polling   call     // that polls
	bufs      [][]byte // scratch space of iovecs
}

// stdio is what the operating system knows of descriptor 0, 1 or 2.
type stdio struct {
	file *os.File // keeps fd from being closed by the collector
	fd   int      // -1 if always ready
}

func (g *guest) open(cfg Config) error {
	g.account.Open(cfg.Limits, cfg.Faults, cfg.Policy, cfg.OnLimit)
	g.engineStat, g.nanotime = cfg.FDStat, cfg.Nanotime
	g.trace, g.calls, g.onListen = cfg.Trace, cfg.Calls, cfg.OnListen
	g.dial = cfg.Dial
	resolver := net.DefaultResolver
	if cfg.Resolver != nil {
		resolver = cfg.Resolver
	}
	g.names.Open(&g.account, resolver, len(cfg.Listeners) > 0)
	g.nameserver = cfg.Nameserver
	if cfg.Trace == nil && cfg.Calls == nil && !g.account.Injects && cfg.Limits.ReadRate == 0 && cfg.Limits.WriteRate == 0 {
		g.streams = cfg.Streams
	}
	for i, v := range []any{cfg.Stdin, cfg.Stdout, cfg.Stderr} {
		g.stdio[i] = stdioOf(v)
	}
	if err := g.wake.Open(); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if err := g.polls.Open(FirstSocket, pollGuest{g}, &g.account, &g.wake); err != nil {
		g.wake.Close()
		return os.NewSyscallError("epoll_create", err)
	}
	if err := g.openHostListeners(cfg.Listeners); err != nil {
		g.polls.Close()
		g.wake.Close()
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.account.Ended = ctx
	g.interrupt = func() { g.wake.Interrupt(); cancel() }
	if cfg.Preopen {
		if err := g.preopen(); err != nil {
			g.close()
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

func (g *guest) owns(fd uint32) bool { return g.table.get(g.number(fd)) != nil }
func (g *guest) interrupted() bool   { return g.wake.Interrupted() }

func (g *guest) close() error {
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
			g.closeSocket(s)
		}
	}
	g.account.Wait()
	g.account.Limits.Sockets = 0
	g.closeHostListeners()
	g.paths.Close()
	g.polls.Close()
	g.wake.Close()
	return nil
}

// now is a clock of the guest's, in nanoseconds.
func (g *guest) now(clock uint32) int64 {
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

// fdstat is the type of a descriptor of the engine's.
func (g *guest) fdstat(c call, fd uint32) (filetype uint8, errno sockabi.Errno) {
	switch {
	case g.engineStat != nil:
		return g.engineStat(c.ctx, c.Memory, fd)
	case int(fd) < len(g.stdio):
		return sockabi.FILETYPE_CHARACTER_DEVICE, 0
	}
	return 0, sockabi.EBADF
}

// forget makes polls lose sight of s, whose descriptor or number is about to become another's.
func (g *guest) forget(s *socket) { g.polls.Forget(&s.watched) }

func (g *guest) mount(guest, host string, readOnly bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paths.Mount(guest, host, readOnly)
}
