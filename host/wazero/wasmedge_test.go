//go:build wasmedge && (linux || darwin)

package wazero

import (
	"context"
	"os"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/wasmedge"
)

// With WASISOCK_ENGINE=wasmedge, or wasmedge-aot, that engine runs the guests of these
// tests, save of those that are about wazero.
func init() {
	all := map[string]wasmedge.AOT{"wasmedge": wasmedge.AOTOff, "wasmedge-aot": wasmedge.AOTWait}
	name := os.Getenv("WASISOCK_ENGINE")
	if aot, ok := all[name]; ok {
		engine = name
		compile = func(ctx context.Context, wasm []byte, cfg Config) (host.Module, error) {
			return wasmedge.Compile(ctx, wasm, wasmedge.Config{
				AOT: aot, Interruptible: cfg.Interruptible, Library: cfg.Library, Name: cfg.Name, Progress: cfg.Progress,
			})
		}
	}
}
