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
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/compiler"
	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/instance"
	"github.com/wasisock/wasisock/host/internal/wasi"
	"github.com/wasisock/wasisock/host/wazero/internal/workaround"
	"github.com/wasisock/wasisock/internal/codecache"
	"github.com/wasisock/wasisock/internal/pclntab"
	"github.com/wasisock/wasisock/internal/progress"
	"github.com/wasisock/wasisock/internal/rewrite"
)

// CacheOff as Config.CacheDir keeps no compiled code on disk.
const CacheOff = codecache.Off

// cacheName is the name of the default of Config.CacheDir in the user's cache.
const cacheName = "wazero"

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

	// AsIs compiles Go's code as Go's compiler made it. Otherwise the functions of a module that
	// says that Go made it, and that wasisock build has not rewritten already, get bodies which
	// run nearly twice as fast; they do the same. It takes 0.1 s for each MB, once.
	AsIs bool

	// CPUProfile gathers where the guests compute. They take about twice the time then,
	// and functions that make many calls seem to take more than they do. Nil costs
	// nothing.
	CPUProfile *CPUProfile

	// Compiler is the path of a wasisock program of this version, or of another that calls
	// ServeCompiler. Compile starts it to read and compile the module, and loads what it made.
	//
	// "" compiles in this process, which is unsafe for untrusted modules: there are small ones
	// that take minutes and gigabytes, and what ends the compiler ends the process.
	Compiler string

	// CompileMemory is how many bytes Compiler may use; 0 is 1 GiB and 64 times the size of the
	// module. CompileTimeout is how long it may take; 0 is a minute, and 10 s for each MB of the
	// module. A module that takes more is a *host.ModuleError.
	CompileMemory  uint64
	CompileTimeout time.Duration

	// Name is the module's name in messages of Progress.
	Name string

	// Progress receives a line when compiling takes more than two seconds, and more
	// until it ends. Nil is silent.
	Progress io.Writer

	// CacheDir is the directory for compiled code. "" is wasisock/wazero in the user's cache
	// directory, and CacheOff means no cache. A module is compiled every time where the
	// directory cannot be made or written to; Progress receives a line if the directory was named.
	//
	// Whoever can write to the directory can change the code that runs. If it is neither
	// root's nor this user's, or its group or others can write to it, Compile returns an
	// error; with "" it writes a line to Progress, once in a process, and uses no cache.
	CacheDir string

	// CacheSize is how many bytes CacheDir may have: the code that was not used for longest
	// is deleted for new code. 0 is 1 GiB.
	CacheSize int64
}

// Compile makes wasm ready to run. If ctx ends before, Compile returns its cause at once,
// and compiling goes on in the background without use. The error is a *host.ModuleError if
// wasm is not a module that can run here, also if wazero panics while it reads or compiles it.
func Compile(ctx context.Context, wasm []byte, cfg Config) (host.Module, error) {
	m := &module{alone: cfg.Alone, interruptible: cfg.Interruptible, library: cfg.Library, asIs: cfg.AsIs}
	if cfg.CPUProfile != nil {
		m.profiled = true
		m.listeners = &listeners{CPUProfile: cfg.CPUProfile}
	}
	if err := compiler.Await(ctx, func(ctx context.Context) error { return m.prepare(ctx, wasm, cfg) }, func() { m.Close() }); err != nil {
		return nil, err
	}
	return m, nil
}

// prepare reads the module, compiles and links it.
func (m *module) prepare(ctx context.Context, wasm []byte, cfg Config) (err error) {
	defer inspect.Recover("wazero", &err)
	inspected, err := inspect.Module(wasm)
	if err != nil {
		return err
	}
	m.start, m.elements = inspected.Start, inspected.Elements()
	m.asIs = m.asIs || !rewrite.IsFor(inspected)
	if m.profiled {
		m.listeners.table = pclntab.Find(inspected, rewrite.MinorOfGo(inspected))
		m.listeners.imported = uint32(inspected.Imported)
	}
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
	imports  *wasi.Functions
	alone    int
	library  bool
	start    bool   // it has a start function
	elements uint64 // that its tables can have
	asIs     bool

	profiled  bool
	listeners *listeners // nil in a compiler, which needs to know of none

	closers instance.Closers

	interruptible bool
}

func (m *module) Close() error {
	m.closers.Close()
	closeBeside()
	return nil
}

// compile makes the runtime, and the guest's machine code in it, unless the cache has that.
func (m *module) compile(ctx context.Context, wasm []byte, cfg Config) error {
	if m.profiled {
		m.listeners.names = goNamesOf(wasm)
		ctx = experimental.WithFunctionListenerFactory(ctx, m.listeners)
	}
	cache, err := codecache.Open(cfg.CacheDir, cacheName, cfg.CacheSize, cfg.Progress)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s (%.1f MB)", cmp.Or(cfg.Name, "the guest"), float64(len(wasm))/1e6)
	compiling := func(work func() error) error { return progress.Compiling(cfg.Progress, what, work) }
	if cfg.Compiler != "" {
		return m.compileCached(ctx, cache, wasm, func(dir string) (code string, err error) {
			err = compiling(func() error {
				code, err = m.compileInChild(ctx, dir, wasm, cfg)
				return err
			})
			return code, err
		})
	}
	// Panics of several workers, which are goroutines of wazero's, would end the process.
	ctx = experimental.WithCompilationWorkers(ctx, 1)
	makeCode := func(dir string) (string, error) {
		return dir, compiling(func() error { return m.makeCode(ctx, dir, wasm) })
	}
	if cache != nil && m.compileCached(ctx, cache, wasm, makeCode) == nil {
		return nil
	}
	return compiling(func() error {
		finished, err := m.finished(wasm)
		if err != nil {
			return err
		}
		return damaged(m.compileModule(ctx, finished, m.config()))
	})
}

// finished returns the module as wazero gets it.
func (m *module) finished(wasm []byte) ([]byte, error) {
	if !m.asIs {
		rewritten, _, err := rewrite.Module(wasm)
		if err != nil {
			return nil, inspect.Damaged(err)
		}
		wasm = rewritten
	}
	inspected, err := inspect.Module(wasm)
	if err != nil {
		return nil, err
	}
	if _, err := workaround.Apply(inspected); err != nil {
		return nil, inspect.Damaged(err)
	}
	if m.profiled {
		exportSP(inspected)
	}
	return inspected.Encode(), nil
}

func damaged(err error) error {
	if err != nil {
		err = inspect.Damaged(errors.New(firstLine(err)))
	}
	return err
}

func (m *module) config() wazero.RuntimeConfig {
	// Source positions would be those of another module than finished returns, and reading
	// them in a trap panics where a hostile module has wrong ones.
	return wazero.NewRuntimeConfig().WithCloseOnContextDone(m.interruptible).WithDebugInfoEnabled(false)
}

// compileModule makes a runtime and has it compile the module, or take its code from the
// cache of config.
func (m *module) compileModule(ctx context.Context, wasm []byte, config wazero.RuntimeConfig) (err error) {
	r := wazero.NewRuntimeWithConfig(ctx, config)
	m.runtime = r
	m.closers.Add(func() { r.Close(context.Background()) })
	m.compiled, err = r.CompileModule(ctx, wasm)
	return err
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
