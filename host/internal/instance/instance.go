// Package instance runs guests: it starts, stops and interrupts them, and reports how they end.
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

// An Instance is one run of a module. After Start, it is a host.Guest.
type Instance struct {
	*wasi.Guest

	size  func() uint64
	cpu   cpuClock
	wall  atomic.Int64 // nanoseconds, set when it has ended
	ended sync.Once

	interruptible bool
	thread        func(func()) error // see OnThread

	requests chan request // nil for a command

	closers Closers

	done     chan struct{} // closed when it has ended and everything is freed
	exitCode int
	err      error
}

// Closers are functions that are called once, in reverse order.
type Closers []func()

func (c *Closers) Add(f func()) { *c = append(*c, f) }

func (c *Closers) Close() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
	*c = nil
}

// New makes a guest with the settings of c. size returns the bytes of memory that the guest has; it
// may be called at any time. The caller must call either Start or Close.
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

// OnEnd makes the end of the guest call f, before everything is freed that was added earlier.
func (g *Instance) OnEnd(f func()) { g.closers.Add(f) }

// Close frees the resources of a guest that was not started.
func (g *Instance) Close() {
	g.Sockets.Close() // first, since clients wait for it
	g.closers.Close()
	g.Guest.Close()
}

// OnThread makes Start run the guest on the thread on which start calls run. No other goroutine may
// use the thread until that call returns.
func (g *Instance) OnThread(start func(run func()) error) { g.thread = start }

// Start runs the guest, on a thread of its own, whose CPU time is the guest's. run runs its code
// from the beginning to the end. It returns ErrStopped or the error of a context for a guest that
// was stopped, a *sys.ExitError for one that exited, and otherwise the error that Wait returns.
// Start returns an error, and has closed the guest, if there is no thread.
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

// onGoThread runs f on a thread of Go's runtime.
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

// Interruptible records that the engine ends the guest's code when its context is done.
func (g *Instance) Interruptible() { g.interruptible = true }

// Stop stops the guest. It is called when the guest's context is done.
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
