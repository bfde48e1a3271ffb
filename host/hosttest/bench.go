package hosttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// A bench runs the guests of sentences on the engine under test.
type bench struct {
	engine  Engine
	modules *modules
}

// has reports whether the engine can do that.
func (b *bench) has(c Capability) bool { return b.engine.has(c) }

// compile compiles a module.
func (b *bench) compile(ctx context.Context, wasm []byte, cfg Config) (host.Module, error) {
	return b.engine.Compile(ctx, wasm, cfg)
}

// run compiles a module and runs it once.
func (b *bench) run(ctx context.Context, wasm []byte, cmd *host.Cmd) (exitCode int, err error) {
	return b.runAs(ctx, wasm, Config{}, cmd)
}

// runAs is run with a Config.
func (b *bench) runAs(ctx context.Context, wasm []byte, cfg Config, cmd *host.Cmd) (exitCode int, err error) {
	if cmd.Module, err = b.compile(ctx, wasm, cfg); err != nil {
		return -1, err
	}
	defer cmd.Module.Close()
	return exitCodeOf(cmd.Run(ctx))
}

// exitCodeOf returns the exit code that the error of a Cmd holds, or -1 and another error.
func exitCodeOf(err error) (int, error) {
	var exit *host.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode, nil
	case err != nil:
		return -1, err
	}
	return 0, nil
}

// goGuest returns a guest that Go builds. Every engine compiles testdata/program,
// testdata/hostile and guest/server; a sentence about another needs CompilesQuickly.
func (b *bench) goGuest(t testing.TB, g built) []byte {
	t.Helper()
	file, err := g.file()
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// program returns testdata/program, which does what its first argument says.
func (b *bench) program(t testing.TB) []byte {
	t.Helper()
	return b.goGuest(t, guestProgram)
}

// compiled returns testdata/program, compiled.
func (b *bench) compiled(t testing.TB, cfg Config) host.Module {
	t.Helper()
	return b.shared(t, guestProgram, cfg)
}

// runProgram runs testdata/program once.
func (b *bench) runProgram(t testing.TB, ctx context.Context, cfg Config, cmd *host.Cmd) (exitCode int, err error) {
	t.Helper()
	cmd.Module = b.compiled(t, cfg)
	return exitCodeOf(cmd.Run(ctx))
}

// shared returns a guest that Go builds, compiled once for all sentences.
func (b *bench) shared(t testing.TB, g built, cfg Config) host.Module {
	t.Helper()
	b.modules.mu.Lock()
	defer b.modules.mu.Unlock()
	key := fmt.Sprint(g, cfg.Interruptible, cfg.Library)
	if m := b.modules.all[key]; m != nil {
		return m
	}
	m, err := b.compile(context.Background(), b.goGuest(t, g), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.modules.all[key] = m
	return m
}

// A modules holds what is compiled once for all sentences of a run.
type modules struct {
	mu  sync.Mutex
	all map[string]host.Module
}

func (m *modules) close() {
	for _, module := range m.all {
		module.Close()
	}
}

// module compiles a module, which is closed when the test ends.
func (b *bench) module(t testing.TB, wasm []byte, cfg Config) host.Module {
	t.Helper()
	m, err := b.compile(t.Context(), wasm, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// command is a run of testdata/program. Everything on loopback is allowed.
func command(t testing.TB, args ...string) *host.Cmd {
	t.Helper()
	return &host.Cmd{
		Args:   append([]string{"guest"}, args...),
		Policy: policy(t, "dial tcp 127.0.0.0/8:1024-65535", "listen tcp 127.0.0.1:*"),
	}
}

// commandOf is command with a module.
func commandOf(t testing.TB, m host.Module, args ...string) *host.Cmd {
	t.Helper()
	cmd := command(t, args...)
	cmd.Module = m
	return cmd
}

func policy(t testing.TB, rules ...string) host.Policy {
	t.Helper()
	p, err := host.ParsePolicy(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// text assembles a file of testdata/hostile.
func (b *bench) text(t testing.TB, name string) []byte {
	t.Helper()
	wasm, err := asm.Text(hostileText(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
