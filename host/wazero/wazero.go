// Package wazero compiles guests with wazero, in pure Go, to machine code.
//
// Files, clocks, arguments and random numbers are wazero's own; sockets and waiting are
// wasisock's. It works on Linux and macOS. Elsewhere the package compiles, and starting a guest
// returns errors.ErrUnsupported.
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

// A Config says how to compile a module, and holds the settings of all its guests. The zero
// Config is valid.
type Config struct {
	// Interruptible lets guests be stopped while they compute. Without it a guest
	// stops at its next wait or use of a socket, never if there is none, and a
	// guest that computes for long also delays the garbage collector of the whole
	// process. It costs work on every iteration of every loop of the guest: HTTP
	// serving needs about 3 times the CPU, a tight loop up to 90 times.
	Interruptible bool

	// Alone is for a process that only runs guests, such as a command: the number of guests
	// that it runs at once, at most; 0 means another process. Garbage is then collected only
	// while all guests are in calls of the host, so a guest that computes without end does not
	// keep the process from handling signals. It changes settings of the whole process until
	// the last guest ends.
	Alone int

	// Library is for a module that exports functions, as go build -buildmode=c-shared makes:
	// Cmd.Start initializes the guest, and Cmd.Call calls its functions.
	Library bool

	// AsIs compiles a module without rewriting it. Otherwise each function of a module built by
	// Go gets a second body, which does the same and runs nearly twice as fast. Rewriting takes
	// 0.1 s for each MB; modules that wasisock build has rewritten are not rewritten again.
	AsIs bool

	// CPUProfile samples the code that the guests run. They then take about twice the time, and
	// functions that make many calls appear slower than they are. Nil costs nothing.
	CPUProfile *CPUProfile

	// Compiler is the path of the command wasisock of this version, or of another program that
	// calls ServeCompiler. Compile starts it to read and compile the module, and loads the
	// result.
	//
	// "" compiles in this process, which is unsafe for untrusted modules: a small one can take
	// minutes and gigabytes, and a crash of the compiler ends the process.
	Compiler string

	// CompileMemory is the number of bytes that Compiler may use; 0 means 1 GiB and 64 times
	// the size of the module. CompileTimeout is the time that it may take; 0 means a minute,
	// and 10 s for each MB of the module. Compile returns a *host.ModuleError for a module that
	// needs more.
	CompileMemory  uint64
	CompileTimeout time.Duration

	// Name is the module's name in messages of Progress.
	Name string

	// Progress receives a line when compiling takes more than two seconds, and further lines
	// until it ends. Nil means none.
	Progress io.Writer

	// CacheDir is the directory for compiled code. "" means wasisock/wazero in the user's cache
	// directory, and CacheOff no cache. If the directory cannot be made or written to, each
	// Compile compiles, and Progress receives a line if CacheDir is not "".
	//
	// Whoever can write to the directory can change the code that runs. If it is neither
	// root's nor this user's, or its group or others can write to it, Compile returns an
	// error; with "" it writes a line to Progress, once in a process, and uses no cache.
	CacheDir string

	// CacheSize is the number of bytes that CacheDir may hold: the least recently used code is
	// deleted for new code. 0 means 1 GiB.
	CacheSize int64
}

// Compile compiles wasm. If ctx ends first, Compile returns its cause at once, while compiling
// runs on in the background and its result is dropped. It returns a *host.ModuleError if wasm
// is not a module that can run here, also if wazero panics while it reads or compiles it.
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
