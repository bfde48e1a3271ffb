// Package wazero runs guests on wazero: in pure Go, compiled to machine code when
// they start.
//
// Files, clocks, arguments and random numbers are wazero's own; sockets and waiting
// are wasisock's. It works on Linux and macOS. Elsewhere the package compiles, and
// Run answers errors.ErrUnsupported.
package wazero

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/system"
)

// Run runs a guest, a WASI command module such as GOOS=wasip1 go build makes, to its
// end. A guest that calls proc_exit, or returns from _start, ends without an error,
// and exitCode is its exit code, which has 32 bits. With an error exitCode is -1:
//
//   - the cause of ctx, when ctx ended first. What the guest waits for ends at once,
//     save a Stdout or Stderr that blocks and a FIFO being opened; a guest that
//     computes ends at its next call of the host, or at once if cfg.Interruptible;
//   - a *host.ModuleError when wasm is no module that can run here;
//   - a *host.TrapError when the guest trapped;
//   - errors.ErrUnsupported on an operating system that sockets do not work on;
//   - another error when the host failed, or cfg is wrong.
//
// Everything that the guest held is closed and freed when Run returns. Any number of
// guests can run at once.
func Run(ctx context.Context, wasm []byte, cfg host.Config) (exitCode int, err error) {
	if ctx.Err() != nil {
		return -1, context.Cause(ctx)
	}
	if err := inspect(wasm); err != nil {
		return -1, err
	}
	g, err := newGuest(cfg)
	if err != nil {
		return -1, err
	}
	defer g.close()
	err = g.run(ctx, wasm, cfg)

	var exit *sys.ExitError
	switch {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil && (!g.started || errors.Is(err, errStopped) || errors.Is(err, ctx.Err())):
		return -1, context.Cause(ctx)
	case errors.As(err, &exit):
		return int(exit.ExitCode()), nil
	case !g.started || strings.Contains(err.Error(), "(recovered by wazero)\n"): // a panic of the host's
		return -1, err
	}
	return -1, &host.TrapError{Text: err.Error()}
}

// A guest is one run of one. Its own goroutine is that of Run.
type guest struct {
	system  *system.System
	clock   func() int64
	memory  memory
	stdio   stdio
	started bool // from here on an error is a trap
	ended   sync.Once
	stop    chan struct{} // closed when the guest is to end
	closers []func()
}

// errStopped ends a guest from within one of its calls.
var errStopped = errors.New("the guest was stopped")

func newGuest(cfg host.Config) (*guest, error) {
	began := time.Now()
	g := &guest{
		clock: func() int64 { return int64(time.Since(began)) },
		stop:  make(chan struct{}),
	}
	var err error
	g.system, err = system.New(system.Config{
		Policy:     cfg.Policy,
		MaxSockets: cfg.MaxSockets,
		Stdin:      cfg.Stdin,
		Stdout:     cfg.Stdout,
		Stderr:     cfg.Stderr,
		FDStat:     g.memory.filetype,
		Nanotime:   g.clock,
		Trace:      cfg.Trace,
	})
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	g.closers = append(g.closers, func() { g.system.Close() })
	if err := g.stdio.open(cfg.Stdin, cfg.Stdout, cfg.Stderr); err != nil {
		g.close()
		return nil, fmt.Errorf("stdin: %w", err)
	}
	g.closers = append(g.closers, g.stdio.close)
	return g, nil
}

func (g *guest) close() {
	for i := len(g.closers) - 1; i >= 0; i-- {
		g.closers[i]()
	}
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

func (g *guest) run(ctx context.Context, wasm []byte, cfg host.Config) error {
	config, err := g.moduleConfig(cfg)
	if err != nil {
		return err
	}
	r, compiled, err := g.compile(ctx, wasm, cfg)
	if err != nil {
		return err
	}
	if err := g.link(ctx, r, compiled); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, g.end)()
	if cfg.Alone {
		defer alone()()
	}
	module, err := g.instantiate(ctx, r, compiled, config)
	if err != nil {
		return err
	}
	g.started = true
	_, err = module.ExportedFunction("_start").Call(ctx)
	return err
}

// instantiate gives the guest its memory. A guest can end already here, if its
// module has a start function that exits.
func (g *guest) instantiate(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule, config wazero.ModuleConfig) (module api.Module, err error) {
	pages := &allocator{}
	g.closers = append(g.closers, pages.free)
	defer func() {
		if v := recover(); v != nil {
			if pages.failed == nil {
				panic(v)
			}
			err = fmt.Errorf("the guest's memory: %w; give the process more, or build a smaller guest", pages.failed)
		}
	}()
	module, err = r.InstantiateModule(experimental.WithMemoryAllocator(ctx, pages), compiled, config)
	var exit *sys.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, errStopped) {
		err = unusable("it does not start: %s; ask whoever built it", firstLine(err))
	}
	return module, err
}

func (g *guest) moduleConfig(cfg host.Config) (wazero.ModuleConfig, error) {
	config := wazero.NewModuleConfig().
		WithName("").
		WithStartFunctions().
		WithArgs(cfg.Args...).
		WithStdin(g.stdinOf(cfg.Stdin)).
		WithStdout(cfg.Stdout).
		WithStderr(cfg.Stderr).
		WithSysWalltime().
		WithNanotime(g.clock, 1).
		WithRandSource(rand.Reader)
	for _, v := range cfg.Env {
		key, value, found := strings.Cut(v, "=")
		if !found || key == "" || strings.ContainsRune(v, 0) {
			return nil, fmt.Errorf("the environment has %q; write KEY=value", v)
		}
		config = config.WithEnv(key, value)
	}
	for _, v := range cfg.Args {
		if strings.ContainsRune(v, 0) {
			return nil, fmt.Errorf("the argument %q has a NUL, which no argument can have", v)
		}
	}
	dirs, err := g.mount(cfg.Dirs)
	if err != nil {
		return nil, err
	}
	return config.WithFSConfig(dirs), nil
}
