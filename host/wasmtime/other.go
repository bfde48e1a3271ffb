//go:build !wasmtime || !cgo

package wasmtime

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasisock/wasisock/host"
)

// Version returns the version of wasmtime, or "" in a program built without it.
func Version() string { return "" }

// ServeCompiler compiles a module and exits, if this process was started as a Config.Compiler.
func ServeCompiler() {}

// Compile makes wasm ready to run.
func Compile(ctx context.Context, wasm []byte, cfg Config) (host.Module, error) {
	return nil, fmt.Errorf("this program was built without wasmtime; install it by go install -tags wasmtime github.com/wasisock/wasisock/cmd/wasisock: %w", errors.ErrUnsupported)
}
