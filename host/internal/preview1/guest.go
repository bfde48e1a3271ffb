// Package preview1 is what guests of every engine import and are, besides their code:
// the sockets and waiting of package system, and the files, clocks, arguments and
// random numbers of wazero, whose functions can be called for guests that it does not
// run.
package preview1

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/rootfs"
	"github.com/wasisock/wasisock/host/internal/system"
)

// A Guest is one run of a module. It is a host.Guest once it was started.
type Guest struct {
	system *system.System
	rows   []system.Row
	clock  func() int64
	memory memory
	config wazero.ModuleConfig
	size   func() uint64
	cpu    cpuClock
	wall   atomic.Int64 // nanoseconds, once it ended
	stdio  stdio
	dirs   []*rootfs.FS
	files  files
	ended  sync.Once
	stop   chan struct{} // closed when the guest is to end
	stage  stage

	interruptible bool
	onCall        func()
	fits          func() bool // see OnThread

	requests chan request // nil for a program

	closers Closers

	done     chan struct{} // closed when it ended and all is freed
	exitCode int
	err      error
}

// ErrStopped ends a guest from within one of its calls.
var ErrStopped = errors.New("the guest was stopped")

// Closers are called once, in the other order.
type Closers []func()

func (c *Closers) Add(f func()) { *c = append(*c, f) }

func (c *Closers) Close() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
	*c = nil
}

// NewGuest is a guest as c says. size tells, at any time, how many bytes of memory it
// has. Either Start or Close must be called.
func (fs *Functions) NewGuest(c *host.Cmd, size func() uint64, streams system.Streams) (*Guest, error) {
	if c.Limits.CPUTime > 0 && !cpuClockWorks {
		return nil, fmt.Errorf("the CPU time of guests is not known on %s; leave Limits.CPUTime at 0: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	began := time.Now()
	g := &Guest{
		clock:  func() int64 { return int64(time.Since(began)) },
		memory: memory{fdstat: fs.fdstat},
		size:   size,
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	if err := g.open(c, streams); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func (g *Guest) open(c *host.Cmd, streams system.Streams) (err error) {
	g.system, err = system.New(system.Config{
		Policy:     c.Policy,
		Limits:     c.Limits,
		OnListen:   c.OnListen,
		OnLimit:    c.OnLimit,
		Dial:       c.Dial,
		Listeners:  c.Listeners,
		Preopen:    c.ListenFDs,
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
		Streams:    streams,
	})
	if err != nil {
		return fmt.Errorf("sockets: %w", err)
	}
	g.rows = g.system.Rows()
	g.files.limit(c)
	if err := g.stdio.open(c.Stdin, c.Stdout, c.Stderr); err != nil {
		return fmt.Errorf("stdin: %w", err)
	}
	g.closers.Add(g.stdio.close)
	return g.configure(c)
}

func (g *Guest) configure(c *host.Cmd) error {
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
	env := c.Env
	if c.ListenFDs {
		env = append(slices.Clone(env), fmt.Sprint("LISTEN_FDS=", len(c.Listeners)), "LISTEN_PID=3")
	}
	for _, v := range env {
		key, value, found := strings.Cut(v, "=")
		if !found || key == "" || strings.ContainsRune(v, 0) {
			return fmt.Errorf("the environment has %q; write KEY=value", v)
		}
		config = config.WithEnv(key, value)
	}
	for _, v := range c.Args {
		if strings.ContainsRune(v, 0) {
			return fmt.Errorf("the argument %q has a NUL, which no argument can have", v)
		}
	}
	reserved := 0
	if c.ListenFDs {
		reserved = len(c.Listeners)
	}
	resolvConf := ""
	if !c.NoNameserver {
		resolvConf = resolvConfOf(c.Resolver == nil)
	}
	dirs, err := g.mount(reserved, c.Dirs, resolvConf)
	if err != nil {
		return err
	}
	g.config = config.WithFSConfig(dirs)
	return nil
}

// Config is how a module of wazero's is instantiated for the guest, once.
func (g *Guest) Config() wazero.ModuleConfig { return g.config }

// OnEnd has f called when the guest has ended, before what was there earlier is freed.
func (g *Guest) OnEnd(f func()) { g.closers.Add(f) }

// OnCall has f called at the beginning of each call, when the guest does not compute any
// more. It may panic as Pause does.
func (g *Guest) OnCall(f func()) { g.onCall = f }

// Close frees all that a guest has that does not run.
func (g *Guest) Close() {
	if g.system != nil {
		g.system.Close() // before what takes longer: clients wait for it
	}
	g.closers.Close()
}

// OnThread has Start try threads until fits, called on one, reports that the guest can run there.
func (g *Guest) OnThread(fits func() bool) { g.fits = fits }

// Start runs the guest, on a thread of its own, whose CPU time is the guest's. run is
// its code from the beginning to the end. Its error is ErrStopped or that of a context
// for a guest that was ended, a *sys.ExitError for one that exited, and else what
// Wait returns.
func (g *Guest) Start(ctx context.Context, run func(context.Context) error) {
	go g.onThread(func() {
		g.cpu.start()
		g.exitCode, g.err = g.outcome(ctx, run)
		g.cpu.stop()
		g.wall.Store(g.clock())
		g.Close()
		close(g.done)
	}, func() {})
}

// onThread calls f on a thread that fits, and found before. Others are kept until then: Go would
// give them to the next goroutine again.
func (g *Guest) onThread(f, found func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if g.fits == nil || g.fits() {
		found()
		f()
		return
	}
	var another sync.WaitGroup
	another.Add(1)
	go g.onThread(f, another.Done)
	another.Wait()
	found()
}

func (g *Guest) outcome(ctx context.Context, run func(context.Context) error) (exitCode int, err error) {
	defer context.AfterFunc(ctx, g.end)()
	err = run(ctx)
	var exit *sys.ExitError
	switch {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil && (errors.Is(err, ErrStopped) || errors.Is(err, ctx.Err())):
		return -1, context.Cause(ctx)
	case errors.As(err, &exit):
		return int(exit.ExitCode()), nil
	}
	return -1, err
}

// end makes the guest end at its next call, and the call that it waits in return. Its
// sockets close at once: another call may not return, and clients wait for it.
func (g *Guest) end() {
	g.ended.Do(func() {
		g.stage.bits.Or(stopped)
		close(g.stop)
		g.system.Interrupt()
		go g.system.Close()
		g.stdio.wake()
		for _, dir := range g.dirs {
			dir.Interrupt()
		}
	})
}

// Nanotime is the guest's monotonic clock.
func (g *Guest) Nanotime() int64 { return g.clock() }

func (g *Guest) Addrs() []net.Addr      { return g.system.Addrs() }
func (g *Guest) Done() <-chan struct{}  { return g.done }
func (g *Guest) Drain(hurry bool)       { g.system.Drain(hurry) }
func (g *Guest) Signal(n int) bool      { return g.system.Signal(n) }
func (g *Guest) Release(l net.Listener) { g.system.Release(l) }

func (g *Guest) Stats() host.Stats {
	stats := g.system.Stats()
	stats.Memory = g.size()
	stats.CPUTime = g.cpu.time()
	if stats.WallTime = time.Duration(g.wall.Load()); stats.WallTime == 0 {
		stats.WallTime = time.Duration(g.clock())
	}
	return stats
}

func (g *Guest) Wait() (exitCode int, err error) {
	<-g.done
	return g.exitCode, g.err
}
