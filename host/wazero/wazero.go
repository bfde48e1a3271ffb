// Package wazero compiles guests with wazero, in pure Go, to machine code.
//
// Files, clocks, arguments and random numbers are wazero's own; sockets and waiting
// are wasisock's. It works on Linux and macOS. Elsewhere the package compiles, and
// starting a guest answers errors.ErrUnsupported.
package wazero

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/preview1"
	"github.com/wasisock/wasisock/host/wazero/internal/workaround"
	"github.com/wasisock/wasisock/internal/progress"
)

// CacheOff as Config.CacheDir keeps no compiled code on disk.
const CacheOff = "-"

// Config is how a module is compiled, and what holds for all its guests.
type Config struct {
	// Interruptible lets guests be stopped while they compute. Without it a guest
	// stops at its next wait or use of a socket, never if there is none, and a
	// guest that computes for long also delays the garbage collector of the whole
	// process. It costs work on every iteration of every loop of the guest: HTTP
	// serving needs about 3 times the CPU, a tight loop up to 90 times.
	Interruptible bool

	// Alone is for a process that runs guests and does nothing else, such as a command:
	// how many it runs at once, at most. Garbage is then collected while all guests are
	// in calls only, and so one that computes without end does not stop the process
	// from heeding signals. It changes settings of the whole process until the last
	// guest ends.
	Alone int

	// Library is for a module such as go build -buildmode=c-shared makes: Cmd.Call calls
	// the functions that its guests export, once Cmd.Start has begun to initialize them.
	Library bool

	// CPUProfile gathers where the guests compute. They take about twice the time then,
	// and functions that make many calls seem to take more than they do. Nil costs
	// nothing.
	CPUProfile *CPUProfile

	// Name is what Progress calls the module.
	Name string

	// Progress receives a line when compiling takes more than two seconds, and more
	// until it ends. Nil is silent.
	Progress io.Writer

	// CacheDir is the folder for compiled code. "" is wasisock in the user's cache
	// folder, and CacheOff is none. Where it cannot be used the guest is compiled
	// anew every time, silently. Whoever can write to the folder can change the code
	// that runs.
	CacheDir string
}

// Compile makes wasm ready to run. If ctx ends before, Compile returns its cause at once,
// and compiling goes on in the background without use. The error is a *host.ModuleError if
// wasm is not a module that can run here, also if wazero panics while it reads or compiles it.
func Compile(ctx context.Context, wasm []byte, cfg Config) (host.Module, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	m := &module{alone: cfg.Alone, interruptible: cfg.Interruptible, library: cfg.Library, profile: cfg.CPUProfile}
	done := make(chan error, 1)
	go func() { done <- m.prepare(ctx, wasm, cfg) }()
	select {
	case err := <-done:
		if err != nil {
			m.Close()
			return nil, err
		}
		return m, nil
	case <-ctx.Done():
		go func() {
			<-done
			m.Close()
		}()
		return nil, context.Cause(ctx)
	}
}

// prepare reads the module, compiles and links it.
func (m *module) prepare(ctx context.Context, wasm []byte, cfg Config) (err error) {
	defer preview1.Recover("wazero", &err)
	inspected, err := preview1.Inspect(wasm)
	if err != nil {
		return err
	}
	if _, err := workaround.Apply(inspected); err != nil {
		return preview1.Damaged(err)
	}
	m.start = inspected.Start
	if err := m.compile(ctx, inspected.Encode(), cfg); err != nil {
		return err
	}
	return m.link(ctx)
}

// A module has a runtime of its own, in which all its guests are. They import from one
// host module, whose functions find the guest in the context of the call.
type module struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	imports  *preview1.Functions
	alone    int
	library  bool
	start    bool // it has a start function
	profile  *CPUProfile
	closers  preview1.Closers

	interruptible bool
}

func (m *module) Close() error {
	m.closers.Close()
	closeBeside()
	return nil
}

// compile makes the runtime, and the guest's machine code in it.
func (m *module) compile(ctx context.Context, wasm []byte, cfg Config) error {
	what := fmt.Sprintf("%s (%.1f MB)", cmp.Or(cfg.Name, "the guest"), float64(len(wasm))/1e6)
	return progress.Compiling(cfg.Progress, what, func() error { return m.compileNow(ctx, wasm, cfg) })
}

func (m *module) compileNow(ctx context.Context, wasm []byte, cfg Config) error {
	// Source positions would be those of the module before workaround.Apply, and reading
	// them in a trap panics where a hostile module has wrong ones.
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(cfg.Interruptible).WithDebugInfoEnabled(false)
	// Panics of several workers, which are goroutines of wazero's, would end the process.
	ctx = experimental.WithCompilationWorkers(ctx, 1)

	if m.profile != nil {
		ctx = experimental.WithFunctionListenerFactory(ctx, &listeners{m.profile, goNamesOf(wasm)})
	}

	var err error
	if cache := m.openCache(cfg.CacheDir, wasm); cache != nil {
		m.newRuntime(ctx, config.WithCompilationCache(cache))
		// Code that could be made, but not be stored, is there the second time.
		for range 2 {
			if m.compiled, err = m.runtime.CompileModule(ctx, wasm); err == nil {
				return nil
			}
		}
	}
	m.newRuntime(ctx, config)
	if m.compiled, err = m.runtime.CompileModule(ctx, wasm); err != nil && ctx.Err() == nil {
		return preview1.Damaged(errors.New(firstLine(err)))
	}
	return err
}

func (m *module) newRuntime(ctx context.Context, config wazero.RuntimeConfig) {
	r := wazero.NewRuntimeWithConfig(ctx, config)
	m.runtime = r
	m.closers.Add(func() { r.Close(context.Background()) })
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
