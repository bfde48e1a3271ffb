//go:build wasmedge && cgo

package wasmedge

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/wasisock/wasisock/host/internal/compiler"
	"github.com/wasisock/wasisock/host/internal/inspect"
)

// engineName is the name of a compiler of this package.
const engineName = "wasmedge"

// ahead is the argument of a compiler that is to compile, with the options beside it. Without
// it, it only reads and validates the module.
const ahead = "ahead-of-time"

// outFile is the file in the directory of a job that the module is compiled to.
const outFile = "out.wasm"

// ServeCompiler reads and validates a module, compiles it and exits, if this process was started
// as a Config.Compiler. A program that calls it first in main can be named there, also by
// itself.
func ServeCompiler() {
	compiler.Serve(engineName, func(wasm []byte, dir string, args []string) (err error) {
		defer inspect.Recover("WasmEdge", &err)
		if err := checkVersion(); err != nil {
			return err
		}
		if err := read(wasm, false); err != nil || !slices.Contains(args, ahead) {
			return err
		}
		out := filepath.Join(dir, outFile)
		if err := compileTo(out, wasm, args); err != nil {
			return err
		}
		return mapped(out, func(text []byte) error { return read(text, true) })
	})
}

// read has WasmEdge read a module that is not used.
func read(text []byte, compiled bool) error {
	c, err := newCode(text, compiled)
	if err == nil {
		c.free()
	}
	return err
}

// inChild has the compiler of cfg do a job in a directory of it alone.
func (cfg *Config) inChild(ctx context.Context, dir string, wasm []byte, args ...string) error {
	return compiler.Job{
		Program: cfg.Compiler, Engine: engineName, Dir: dir, Module: wasm, Args: args,
		Memory: cmp.Or(cfg.CompileMemory, defaultMemory(len(wasm))), Timeout: cmp.Or(cfg.CompileTimeout, defaultTimeout(len(wasm))),
	}.Run(ctx)
}

// A module of Go's of 10 MB takes 154 s of CPU.
func defaultTimeout(size int) time.Duration {
	return 5*time.Minute + 2*time.Minute*time.Duration(size>>20)
}

func defaultMemory(size int) uint64 { return 2<<30 + 512*uint64(size) }
