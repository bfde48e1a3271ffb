//go:build wasmedge

package hosttest_test

import (
	"context"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/wasmedge"
)

func init() {
	for name, aot := range map[string]wasmedge.AOT{"wasmedge": wasmedge.AOTOff, "wasmedge-aot": wasmedge.AOTWait} {
		compilers[name] = func(wasm []byte) (host.Module, error) {
			return wasmedge.Compile(context.Background(), wasm, wasmedge.Config{AOT: aot})
		}
	}
}
