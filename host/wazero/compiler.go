package wazero

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasisock/wasisock/host/internal/compiler"
	"github.com/wasisock/wasisock/host/internal/inspect"
)

// engineName is the name of a compiler of this package.
const engineName = "wazero"

// Arguments of a compiler.
const (
	interruptible = "interruptible"
	profiled      = "profiled"
	asIs          = "as-is"
)

// codeDir is the directory in that of a job that has the code.
const codeDir = "code"

// ServeCompiler compiles a module and exits if this process was started as a Config.Compiler,
// and otherwise returns. A program that calls it first in main can be its own Config.Compiler.
func ServeCompiler() {
	compiler.Serve(engineName, func(wasm []byte, dir string, args []string) (err error) {
		defer inspect.Recover("wazero", &err)
		m := &module{interruptible: slices.Contains(args, interruptible), profiled: slices.Contains(args, profiled), asIs: slices.Contains(args, asIs)}
		// wazero has a panic of its workers end the process, which is this one's purpose.
		ctx := experimental.WithCompilationWorkers(context.Background(), runtime.GOMAXPROCS(0))
		if m.profiled {
			ctx = experimental.WithFunctionListenerFactory(ctx, &listeners{})
		}
		return m.makeCode(ctx, filepath.Join(dir, codeDir), wasm)
	})
}

func (m *module) compilerArgs() (args []string) {
	if m.interruptible {
		args = append(args, interruptible)
	}
	if m.profiled {
		args = append(args, profiled)
	}
	if m.asIs {
		args = append(args, asIs)
	}
	return args
}

// compileInChild has the compiler of cfg write the code to a directory in dir, loads it from
// there, and returns that directory.
func (m *module) compileInChild(ctx context.Context, dir string, wasm []byte, cfg Config) (code string, err error) {
	job := compiler.Job{
		Program: cfg.Compiler, Engine: engineName, Args: m.compilerArgs(), Dir: dir, Module: wasm,
		Memory: cmp.Or(cfg.CompileMemory, defaultMemory(len(wasm))), Timeout: cmp.Or(cfg.CompileTimeout, defaultTimeout(len(wasm))),
	}
	if err := job.Run(ctx); err != nil {
		return "", err
	}
	code = filepath.Join(dir, codeDir)
	err = m.load(ctx, code)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("the code that the compiler %s made cannot be used: %w; name the wasisock program of this version", cfg.Compiler, err)
	}
	return code, err
}

// A module of Go's of 10 MB takes 4 s of two CPUs, and 0.6 GB.
func defaultTimeout(size int) time.Duration {
	return time.Minute + 10*time.Second*time.Duration(size>>20)
}

func defaultMemory(size int) uint64 { return 1<<30 + 64*uint64(size) }
