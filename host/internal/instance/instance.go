// Package instance is a guest's life: how it starts, is stopped and interrupted, and how it ends.
package instance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/host/internal/wasi"
)

// An Instance is one run of a module. It is a host.Guest once it was started.
type Instance struct {
	*wasi.Guest

	size  func() uint64
	cpu   cpuClock
	wall  atomic.Int64 // nanoseconds, once it ended
	ended sync.Once

	interruptible bool
	thread        func(func()) error // see OnThread

	requests chan request // nil for a program

	closers Closers

	done     chan struct{} // closed when it ended and all is freed
	exitCode int
	err      error
}

// Closers are called once, in the other order.
type Closers []func()

func (c *Closers) Add(f func()) { *c = append(*c, f) }

func (c *Closers) Close() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
	*c = nil
}

// New makes a guest as c says. size returns, at any time, how many bytes of memory it
// has. Either Start or Close must be called.
func New(fs *wasi.Functions, c *host.Cmd, size func() uint64, streams sockets.Streams) (*Instance, error) {
	if c.Limits.CPUTime > 0 && !cpuClockWorks {
		return nil, fmt.Errorf("the CPU time of guests is not known on %s; leave Limits.CPUTime at 0: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	guest, err := fs.NewGuest(c, streams)
	if err != nil {
		return nil, err
	}
	return &Instance{Guest: guest, size: size, done: make(chan struct{})}, nil
}

// OnEnd has f called when the guest has ended, before what was there earlier is freed.
func (g *Instance) OnEnd(f func()) { g.closers.Add(f) }

// Close frees all that a guest has that does not run.
func (g *Instance) Close() {
	g.Sockets.Close() // before what takes longer: clients wait for it
	g.closers.Close()
	g.Guest.Close()
}

// OnThread has Start run the guest on the thread that start calls its argument on. The thread is
// that of no other goroutine until the call returns.
func (g *Instance) OnThread(start func(run func()) error) { g.thread = start }

// Start runs the guest, on a thread of its own, whose CPU time is the guest's. run is
// its code from the beginning to the end. Its error is ErrStopped or that of a context
// for a guest that was ended, a *sys.ExitError for one that exited, and else what
// Wait returns. Start returns an error, and has closed the guest, if there is no thread.
func (g *Instance) Start(ctx context.Context, run func(context.Context) error) error {
	start := g.thread
	if start == nil {
		start = onGoThread
	}
	err := start(func() {
		g.cpu.start()
		g.exitCode, g.err = g.outcome(ctx, run)
		g.cpu.stop()
		g.wall.Store(g.Nanotime())
		g.Close()
		close(g.done)
	})
	if err != nil {
		g.Close()
	}
	return err
}

// onGoThread runs f on a thread of Go's.
func onGoThread(f func()) error {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f()
	}()
	return nil
}

func (g *Instance) outcome(ctx context.Context, run func(context.Context) error) (exitCode int, err error) {
	defer context.AfterFunc(ctx, g.end)()
	err = run(ctx)
	var exit *sys.ExitError
	switch {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil && (errors.Is(err, wasi.ErrStopped) || errors.Is(err, ctx.Err())):
		return -1, context.Cause(ctx)
	case errors.As(err, &exit):
		return int(exit.ExitCode()), nil
	}
	return -1, err
}

func (g *Instance) end() { g.ended.Do(g.End) }

// Interruptible reports that the engine ends the guest's code when its context ends.
func (g *Instance) Interruptible() { g.interruptible = true }

// Stop is for when the guest's context has ended.
func (g *Instance) Stop() error {
	g.end()
	if !g.interruptible && g.Computes() {
		return host.ErrNotInterruptible
	}
	return nil
}

func (g *Instance) Addrs() []net.Addr      { return g.Sockets.Addrs() }
func (g *Instance) Done() <-chan struct{}  { return g.done }
func (g *Instance) Drain(hurry bool)       { g.Sockets.Drain(hurry) }
func (g *Instance) Signal(n int) bool      { return g.Sockets.Signal(n) }
func (g *Instance) Release(l net.Listener) { g.Sockets.Release(l) }

func (g *Instance) Stats() host.Stats {
	stats := g.Sockets.Stats()
	stats.Memory = g.size()
	stats.CPUTime = g.cpu.time()
	if stats.WallTime = time.Duration(g.wall.Load()); stats.WallTime == 0 {
		stats.WallTime = time.Duration(g.Nanotime())
	}
	return stats
}

func (g *Instance) Wait() (exitCode int, err error) {
	<-g.done
	return g.exitCode, g.err
}
