//go:build wasmedge

package wasmedge

import (
	"context"
	"flag"
	"os"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hosttest"
)

// WasmEdge for the conformance suite, in both ways to run guests.
var (
	interpreted = engineWith("interpreted WasmEdge", AOTOff, hosttest.CompilesQuickly|hosttest.Interruptible|
		hosttest.InterruptsAlways|hosttest.BoundedRecursion|hosttest.ReservedMemory|hosttest.Survival)
	compiled = engineWith("compiled WasmEdge", AOTWait, hosttest.Compiled|hosttest.CompilesQuickly|hosttest.Interruptible|
		hosttest.InterruptsOften|hosttest.BoundedRecursion|hosttest.ReservedMemory|hosttest.Survival)
)

func engineWith(name string, aot AOT, can hosttest.Capability) hosttest.Engine {
	return hosttest.Engine{
		Name: name,
		Can:  can,
		Compile: func(ctx context.Context, wasm []byte, cfg hosttest.Config) (host.Module, error) {
			m, err := Compile(ctx, wasm, Config{
				AOT: aot, unoptimized: !optimized(), Interruptible: cfg.Interruptible, Library: cfg.Library, Name: cfg.Name, Progress: cfg.Progress,
				Compiler: self, CompileMemory: cfg.CompileMemory, CompileTimeout: cfg.CompileTimeout,
			})
			if err != nil {
				return nil, err // not a *Module that is nil
			}
			return m, nil
		},
	}
}

// optimized reports whether the suite's guests are compiled as those of users, which takes a
// minute for each instead of seconds: with -all. The command's own tests always do.
func optimized() bool { return flag.Lookup("all").Value.String() == "true" }

// self is this program, which is the compiler too.
var self, _ = os.Executable()

func TestMain(m *testing.M) {
	ServeCompiler()
	hosttest.ServeChild(interpreted, compiled)
	os.Exit(m.Run())
}

func TestInterpretedConformance(t *testing.T) { hosttest.Run(t, interpreted) }
func TestCompiledConformance(t *testing.T)    { hosttest.Run(t, compiled) }
