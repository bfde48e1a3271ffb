package wazero

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// scratch is for what all tests share: the guest, and the cache of compiled code.
var scratch string

// cached is a Config whose code is kept for other tests.
func cached() Config { return Config{CacheDir: filepath.Join(scratch, "cache")} }

// compile is Compile, or that of another engine that is to pass these tests too.
var (
	compile = Compile
	engine  = "wazero"
)

// aboutWazero skips what another engine need not pass.
func aboutWazero(t *testing.T) {
	t.Helper()
	if engine != "wazero" {
		t.Skip("this is about wazero, and the engine is " + engine)
	}
}

// run compiles wasm and runs it once.
func run(ctx context.Context, wasm []byte, cmd *host.Cmd) (exitCode int, err error) {
	return runAs(ctx, wasm, cached(), cmd)
}

func runAs(ctx context.Context, wasm []byte, cfg Config, cmd *host.Cmd) (exitCode int, err error) {
	if cmd.Module, err = compile(ctx, wasm, cfg); err != nil {
		return -1, err
	}
	defer cmd.Module.Close()
	err = cmd.Run(ctx)
	var exit *host.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode, nil
	case err != nil:
		return -1, err
	}
	return 0, nil
}
