package wazero

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/guestbuild"
)

// scratch is a directory that all tests share, for the cache of compiled code.
var scratch string

// self is this program, which is its own compiler.
var self, _ = os.Executable()

// cached returns a Config whose code is kept for other tests.
func cached() Config { return Config{CacheDir: filepath.Join(scratch, "cache"), Compiler: self} }

// guestWasm returns testdata/program, which does what its first argument says.
func guestWasm(t testing.TB, flags ...string) []byte {
	t.Helper()
	return guestbuild.Wasm(t, "github.com/wasisock/wasisock/testdata/program", flags...)
}

// command is a run of testdata/program. Everything on loopback is allowed.
func command(t testing.TB, args ...string) *host.Cmd {
	t.Helper()
	policy, err := host.ParsePolicy("dial tcp 127.0.0.0/8:1024-65535", "listen tcp 127.0.0.1:*")
	if err != nil {
		t.Fatal(err)
	}
	return &host.Cmd{
		Args:   append([]string{"guest"}, args...),
		Policy: policy,
	}
}

// run compiles wasm and runs it once.
func run(ctx context.Context, wasm []byte, cmd *host.Cmd) (exitCode int, err error) {
	return runAs(ctx, wasm, cached(), cmd)
}

func runAs(ctx context.Context, wasm []byte, cfg Config, cmd *host.Cmd) (exitCode int, err error) {
	if cmd.Module, err = Compile(ctx, wasm, cfg); err != nil {
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

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
