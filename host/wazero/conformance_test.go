//go:build linux || darwin

package wazero

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hosttest"
	"github.com/wasisock/wasisock/internal/racetest"
)

// engine is wazero for the conformance suite.
var engine = hosttest.Engine{
	Name: "wazero",
	Can: hosttest.Compiled | hosttest.CompilesQuickly | hosttest.Interruptible | hosttest.TrapStacks |
		hosttest.BoundedRecursion | hosttest.ReservedMemory | hosttest.Survival,
	Compile: func(ctx context.Context, wasm []byte, cfg hosttest.Config) (host.Module, error) {
		return Compile(ctx, wasm, configOf(cfg))
	},
}

// configOf returns a Config whose code is kept for other tests, and for the next run in
// the processes of guests. This program is the compiler.
func configOf(cfg hosttest.Config) Config {
	c := Config{
		Interruptible: cfg.Interruptible, Library: cfg.Library, Name: cfg.Name, Progress: cfg.Progress,
		Compiler: self, CompileMemory: cfg.CompileMemory, CompileTimeout: cfg.CompileTimeout,
	}
	if scratch != "" {
		c.CacheDir = filepath.Join(scratch, "cache")
	}
	return c
}

func TestMain(m *testing.M) {
	clean := racetest.Compilers()
	ServeCompiler()
	hosttest.ServeChild(engine)
	var err error
	if scratch, err = os.MkdirTemp("", "wasisock"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	clean()
	os.Exit(code)
}

func TestConformance(t *testing.T) { hosttest.Run(t, engine) }

// TestLimitsWithoutReservedMemory runs the sentences about limits where memory cannot be
// reserved, as under RLIMIT_AS, and so moves when it grows.
func TestLimitsWithoutReservedMemory(t *testing.T) {
	withoutRanges(t)
	e := engine
	e.Name, e.Can = "wazero without reserved memory", e.Can&^hosttest.ReservedMemory
	hosttest.RunGroup(t, e, "limits")
}

// TestAlone runs the sentences about how guests end with Config.Alone.
func TestAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long; run it without -short")
	}
	e := engine
	e.Name = "wazero, alone"
	e.Compile = func(ctx context.Context, wasm []byte, cfg hosttest.Config) (host.Module, error) {
		c := configOf(cfg)
		c.Alone = 8
		return Compile(ctx, wasm, c)
	}
	hosttest.RunGroup(t, e, "life of a guest")
}
