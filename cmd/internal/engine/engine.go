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

// An Engine compiles guests with the settings of the flags. The zero value chooses an engine: see
// Choose.
type Engine struct {
	Name          string // what Progress calls the guest
	Interruptible bool
	CacheDir      string // "" means the engine's own directory, wazero.CacheOff none
	CacheSize     uint64 // bytes; 0 means 1 GiB

	// Limits of the process that reads and compiles the module: bytes, and time. 0 means the
	// engine's default.
	CompileMemory  uint64
	CompileTimeout time.Duration

	Progress io.Writer // gets lines about compiling that takes long; nil means none

	AsIs bool // do not rewrite Go's code

	Baseline bool // compile for every CPU of this architecture; wasmtime only

	CPUProfile *wazero.CPUProfile // of guests that wazero runs; nil means none

	Kind Kind
	AOT  *wasmedge.AOT // WasmEdge only; nil means AOTAuto
}

// A Kind is an engine.
type Kind string

const (
	Auto     Kind = "" // the fastest that is built in and supports every flag given
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

// Cache returns the directory of cached code, and creates it. It returns "" if caching is off or
// the directory cannot be created.
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

// self returns a path of this program that still leads to it if the file was replaced.
func self() (string, error) {
	const exe = "/proc/self/exe"
	if _, err := os.Readlink(exe); err == nil {
		return exe, nil
	}
	return os.Executable()
}

// Compile compiles a module for at most that many guests at once. better is called when
// guests that start from then on are faster. Compile returns an error for settings that the
// engine does not support.
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

// wasmEdge compiles a module with WasmEdge.
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
