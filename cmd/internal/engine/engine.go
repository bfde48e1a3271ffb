// Package engine compiles guests for the engines that the command has.
package engine

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/host/wasmtime"
	"github.com/wasisock/wasisock/host/wazero"
	"github.com/wasisock/wasisock/internal/aotcache"
	"github.com/wasisock/wasisock/internal/codecache"
)

// An Engine compiles guests, as its flags say. The zero value chooses: see Choose.
type Engine struct {
	Name          string // what Progress calls the guest
	Interruptible bool
	CacheDir      string // "" is the engine's own directory, and wazero.CacheOff none
	CacheSize     uint64 // bytes; 0 is 1 GiB

	// What the process may take that reads and compiles the module; 0 is the engine's default.
	CompileMemory  uint64
	CompileTimeout time.Duration

	Progress io.Writer // of compiling that takes long; nil is silent

	AsIs bool // Go's code is not rewritten

	Baseline bool // for every CPU of this architecture; wasmtime alone can

	CPUProfile *wazero.CPUProfile // of guests that wazero runs; nil means none

	Kind Kind
	AOT  *wasmedge.AOT // of WasmEdge; nil is AOTAuto
}

// A Kind is an engine.
type Kind string

const (
	Auto     Kind = "" // the fastest that is built in and has every flag given
	Wazero   Kind = "wazero"
	WasmEdge Kind = "wasmedge"
	Wasmtime Kind = "wasmtime"
)

// Choose returns the engine that compiles, and the reason for the choice.
func (e *Engine) Choose() (kind Kind, why string) {
	switch {
	case e.Kind != Auto:
		return e.Kind, "named by --engine"
	case wasmtime.Version() == "":
		return Wazero, "wasmtime, which is faster, is not built in"
	case e.CPUProfile != nil:
		return Wazero, "--cpu-profile is of wazero alone"
	}
	return Wasmtime, "the fastest that is built in"
}

// Cache returns the directory that compiled code is kept in, or "" if there is none. It makes
// the directory.
func (e *Engine) Cache() string {
	dir := e.CacheDir
	if dir == "" {
		kind, _ := e.Choose()
		name := map[Kind]string{Wazero: "wazero", WasmEdge: aotcache.DirName, Wasmtime: "wasmtime"}
		var err error
		if dir, err = codecache.Dir(name[kind]); err != nil {
			return ""
		}
	}
	if dir == codecache.Off || codecache.MakeDir(dir) != nil {
		return ""
	}
	return dir
}

// ServeCompiler compiles a module and exits, if this process was started as a compiler by
// another of the same program. Every main whose program has an Engine calls it first.
func ServeCompiler() {
	wazero.ServeCompiler()
	wasmedge.ServeCompiler()
	wasmtime.ServeCompiler()
}

// self returns the path of this program, also after another was put in its place.
func self() (string, error) {
	const exe = "/proc/self/exe"
	if _, err := os.Readlink(exe); err == nil {
		return exe, nil
	}
	return os.Executable()
}

// Compile compiles a module of which so many guests at most run at once. better is
// called when guests that start from now on are faster.
func (e Engine) Compile(ctx context.Context, wasm []byte, guests int, better func()) (host.Module, error) {
	compiler, err := self()
	if err != nil {
		return nil, err
	}
	kind, _ := e.Choose()
	switch {
	case e.AOT != nil && kind != WasmEdge:
		return nil, fmt.Errorf("--aot is for WasmEdge, and %s always compiles; add --engine wasmedge, or leave out --aot", kind)
	case e.CPUProfile != nil && kind != Wazero:
		return nil, fmt.Errorf("--cpu-profile is of guests that wazero runs; leave out --engine %s", kind)
	case e.Baseline && kind != Wasmtime:
		return nil, fmt.Errorf("--cpu baseline is of wasmtime, and %s compiles for this CPU; leave it out, or use a wasisock with wasmtime in it", kind)
	}
	switch kind {
	case Wasmtime:
		return wasmtime.Compile(ctx, wasm, wasmtime.Config{
			Name: e.Name, Progress: e.Progress, AsIs: e.AsIs, Baseline: e.Baseline,
			CacheDir: e.CacheDir, CacheSize: int64(min(e.CacheSize, math.MaxInt64)),
			Compiler: compiler, CompileMemory: e.CompileMemory, CompileTimeout: e.CompileTimeout,
		})
	case WasmEdge:
		return e.wasmEdge(ctx, compiler, wasm, better)
	}
	cfg := wazero.Config{
		Interruptible: e.Interruptible, Name: e.Name, Progress: e.Progress, AsIs: e.AsIs, CPUProfile: e.CPUProfile,
		CacheDir: e.CacheDir, CacheSize: int64(min(e.CacheSize, math.MaxInt64)),
		Compiler: compiler, CompileMemory: e.CompileMemory, CompileTimeout: e.CompileTimeout,
	}
	if !e.Interruptible {
		cfg.Alone = guests
	}
	return wazero.Compile(ctx, wasm, cfg)
}

// wasmEdge compiles with WasmEdge.
func (e Engine) wasmEdge(ctx context.Context, compiler string, wasm []byte, better func()) (host.Module, error) {
	aot := wasmedge.AOTAuto
	if e.AOT != nil {
		aot = *e.AOT
	}
	m, err := wasmedge.Compile(ctx, wasm, wasmedge.Config{
		AOT: aot, Interruptible: e.Interruptible, AsIs: e.AsIs, Name: e.Name, Progress: e.Progress,
		CacheDir: e.CacheDir, CacheSize: int64(min(e.CacheSize, math.MaxInt64)),
		Compiler: compiler, CompileMemory: e.CompileMemory, CompileTimeout: e.CompileTimeout,
		OnCompiled: func(err error) {
			if err == nil {
				better()
			} else if e.Progress != nil {
				fmt.Fprintf(e.Progress, "%s stays interpreted: %v\n", e.Name, err)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if aot == wasmedge.AOTAuto && !m.Compiled() && e.Progress != nil {
		fmt.Fprintf(e.Progress, "%s is interpreted until it is compiled, a minute for a program with net/http\n", e.Name)
	}
	return m, nil
}
