//go:build wasmtime && cgo

package wasmtime

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hosttest"
	"github.com/wasisock/wasisock/internal/racetest"
)

// wasmtime for the conformance suite.
var tested = hosttest.Engine{
	Name: "wasmtime",
	Can: hosttest.Compiled | hosttest.CompilesQuickly | hosttest.Interruptible | hosttest.InterruptsAlways | hosttest.TrapStacks |
		hosttest.BoundedRecursion | hosttest.ReservedMemory | hosttest.Survival,
	Compile: func(ctx context.Context, wasm []byte, cfg hosttest.Config) (host.Module, error) {
		c := Config{
			Library: cfg.Library, Name: cfg.Name, Progress: cfg.Progress,
			Compiler: self, CompileMemory: cfg.CompileMemory, CompileTimeout: cfg.CompileTimeout,
		}
		if scratch != "" {
			c.CacheDir = filepath.Join(scratch, "cache")
		}
		return Compile(ctx, wasm, c)
	},
}

// scratch is a directory that all tests share, for the cache of compiled code.
var scratch string

// self is this program, which is its own compiler.
var self, _ = os.Executable()

func TestMain(m *testing.M) {
	clean := racetest.Compilers()
	ServeCompiler()
	hosttest.ServeChild(tested)
	var err error
	if scratch, err = os.MkdirTemp("", "wasisock"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	clean()
	os.Exit(code)
}

func TestConformance(t *testing.T) { hosttest.Run(t, tested) }
