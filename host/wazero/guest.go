package wazero

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/system"
)

// A guest is one run of a module.
type guest struct {
	*module
	system  *system.System
	rows    []system.Row
	clock   func() int64
	memory  memory
	pages   allocator
	cpu     cpuClock
	wall    atomic.Int64 // nanoseconds, once it ended
	stdio   stdio
	ended   sync.Once
	stop    chan struct{} // closed when the guest is to end
	closers closers

	computes atomic.Bool // and is in no call

	done     chan struct{} // closed when it ended and all is freed
	exitCode int
	err      error
}

// errStopped ends a guest from within one of its calls.
var errStopped = errors.New("the guest was stopped")

// guestKey is that of the guest in the context of its calls.
type guestKey struct{}

func guestOf(ctx context.Context) *guest { return ctx.Value(guestKey{}).(*guest) }

// Start prepares the guest here, and runs it on a goroutine of its own.
func (m *module) Start(ctx context.Context, c *host.Cmd) (host.Guest, error) {
	if c.Limits.CPUTime > 0 && !cpuClockWorks {
		return nil, fmt.Errorf("the CPU time of guests is not known on %s; leave Limits.CPUTime at 0: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	g, err := m.newGuest(c)
	if err != nil {
		return nil, err
	}
	config, err := g.moduleConfig(c)
	if err != nil {
		g.closers.close()
		return nil, err
	}
	go g.run(ctx, config)
	return g, nil
}

func (m *module) newGuest(c *host.Cmd) (*guest, error) {
	began := time.Now()
	g := &guest{
		module: m,
		clock:  func() int64 { return int64(time.Since(began)) },
		memory: memory{fdstat: m.fdstat},
		pages:  allocator{limit: c.Limits.Memory},
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	var err error
	g.system, err = system.New(system.Config{
		Policy:     c.Policy,
		Limits:     c.Limits,
		OnListen:   c.OnListen,
		Listeners:  c.Listeners,
		Resolver:   c.Resolver,
		Nameserver: !c.NoNameserver,
		Stdin:      c.Stdin,
		Stdout:     c.Stdout,
		Stderr:     c.Stderr,
		FDStat:     g.memory.filetype,
		Nanotime:   g.clock,
		Faults:     c.Faults,
		Calls:      c.Calls,
		Trace:      c.Trace,
	})
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	g.rows = g.system.Rows()
	g.closers.add(func() { g.system.Close() })
	if err := g.stdio.open(c.Stdin, c.Stdout, c.Stderr); err != nil {
		g.closers.close()
		return nil, fmt.Errorf("stdin: %w", err)
	}
	g.closers.add(g.stdio.close)
	return g, nil
}

func (g *guest) Addrs() []net.Addr     { return g.system.Addrs() }
func (g *guest) Done() <-chan struct{} { return g.done }
func (g *guest) Drain(hurry bool)      { g.system.Drain(hurry) }

func (g *guest) Stats() host.Stats {
	stats := g.system.Stats()
	stats.Memory = g.pages.size.Load()
	stats.CPUTime = g.cpu.time()
	if stats.WallTime = time.Duration(g.wall.Load()); stats.WallTime == 0 {
		stats.WallTime = time.Duration(g.clock())
	}
	return stats
}

func (g *guest) Wait() (exitCode int, err error) {
	<-g.done
	return g.exitCode, g.err
}

// end makes the guest end at its next call, and the call that it waits in return.
func (g *guest) end() {
	g.ended.Do(func() {
		close(g.stop)
		g.system.Interrupt()
		g.stdio.wake()
	})
}

// checkStopped does not return when the guest is to end.
func (g *guest) checkStopped() {
	if g.system.Interrupted() {
		panic(errStopped)
	}
}

// run has a thread of its own, whose CPU time is the guest's.
func (g *guest) run(ctx context.Context, config wazero.ModuleConfig) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g.cpu.start()
	g.exitCode, g.err = g.outcome(ctx, config)
	g.cpu.stop()
	g.wall.Store(g.clock())
	g.system.Close() // before what takes longer: clients wait for it
	g.closers.close()
	close(g.done)
}

func (g *guest) outcome(ctx context.Context, config wazero.ModuleConfig) (exitCode int, err error) {
	defer context.AfterFunc(ctx, g.end)()
	if g.alone > 0 {
		defer g.join()()
	}
	calls := context.WithValue(ctx, guestKey{}, g)
	started := false
	instance, err := g.instantiate(calls, config)
	if err == nil {
		started = true
		g.computes.Store(true)
		_, err = instance.ExportedFunction("_start").Call(calls)
	}
	var exit *sys.ExitError
	switch {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil && (!started || errors.Is(err, errStopped) || errors.Is(err, ctx.Err())):
		return -1, context.Cause(ctx)
	case errors.As(err, &exit):
		return int(exit.ExitCode()), nil
	case !started || strings.Contains(err.Error(), "(recovered by wazero)\n"): // a panic of the host's
		return -1, err
	}
	return -1, &host.TrapError{Text: err.Error()}
}

// instantiate gives the guest its memory. A guest can end already here, if its
// module has a start function that exits.
func (g *guest) instantiate(ctx context.Context, config wazero.ModuleConfig) (instance api.Module, err error) {
	g.closers.add(g.pages.free)
	defer func() {
		if v := recover(); v != nil {
			if err = g.pages.failed; err == nil {
				panic(v)
			}
		}
	}()
	instance, err = g.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, &g.pages), g.compiled, config)
	if err == nil {
		g.closers.add(func() { instance.Close(context.Background()) })
	}
	var exit *sys.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, errStopped) {
		err = unusable("it does not start: %s; ask whoever built it", firstLine(err))
	}
	return instance, err
}

func (g *guest) moduleConfig(c *host.Cmd) (wazero.ModuleConfig, error) {
	config := wazero.NewModuleConfig().
		WithName("").
		WithStartFunctions().
		WithArgs(c.Args...).
		WithStdin(g.stdinOf(c.Stdin)).
		WithStdout(c.Stdout).
		WithStderr(c.Stderr).
		WithSysWalltime().
		WithNanotime(g.clock, 1).
		WithRandSource(rand.Reader)
	for _, v := range c.Env {
		key, value, found := strings.Cut(v, "=")
		if !found || key == "" || strings.ContainsRune(v, 0) {
			return nil, fmt.Errorf("the environment has %q; write KEY=value", v)
		}
		config = config.WithEnv(key, value)
	}
	for _, v := range c.Args {
		if strings.ContainsRune(v, 0) {
			return nil, fmt.Errorf("the argument %q has a NUL, which no argument can have", v)
		}
	}
	dirs, err := g.mount(c.Dirs, !c.NoNameserver)
	if err != nil {
		return nil, err
	}
	return config.WithFSConfig(dirs), nil
}
