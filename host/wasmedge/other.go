//go:build !wasmedge || !cgo

package wasmedge

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasisock/wasisock/host"
)

// Version returns the version of libwasmedge, or "" in a program built without it.
func Version() string { return "" }

// ServeCompiler compiles a module and exits, if this process was started as a Config.Compiler.
func ServeCompiler() {}

// Compile makes wasm ready to run.
func Compile(ctx context.Context, wasm []byte, cfg Config) (*Module, error) {
	return nil, fmt.Errorf(`this program was built without WasmEdge; run eval "$(scripts/get-wasmedge.sh --cgo-env 0.14)" in wasisock's source and build it with -tags wasmedge: %w`, errors.ErrUnsupported)
}

// A Module is a guest's code.
type Module struct{ host.Module }

// Compiled reports whether guests that start now run compiled code.
func (*Module) Compiled() bool { return false }
