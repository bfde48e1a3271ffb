package rewrite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// inPath is the version of Go in PATH, which is always tested.
const inPath = "local"

// versions lists the versions of Go to test with.
func versions() []string {
	others := strings.FieldsFunc(os.Getenv("WASISOCK_GO_VERSIONS"), func(r rune) bool { return r == ' ' || r == ',' })
	return append([]string{inPath}, others...)
}

// build returns the module that a version of Go makes from a directory in testdata.
func build(t testing.TB, version, dir string, flags ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "module.wasm")
	args := append([]string{"build", "-buildvcs=false", "-trimpath", "-o", file}, flags...)
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = filepath.Join("testdata", dir)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN="+version)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	module, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// casesOf returns the module of testdata/cases.
func casesOf(t testing.TB, version string) []byte {
	if version != inPath {
		return build(t, version, "cases")
	}
	localOnce.Do(func() { local = build(t, inPath, "cases") })
	if local == nil {
		t.Fatal("testdata/cases was not built")
	}
	return local
}

var (
	localOnce sync.Once
	local     []byte
)

// rewritten returns the rewritten module, and validates it if wasm-validate is installed.
func rewritten(t testing.TB, module []byte) ([]byte, *Report) {
	t.Helper()
	made, report, err := Module(module)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d after, %+v", len(module), len(made), *report)
	if program, err := exec.LookPath("wasm-validate"); err == nil {
		file := filepath.Join(t.TempDir(), "made.wasm")
		if err := os.WriteFile(file, made, 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program, file).CombinedOutput(); err != nil {
			t.Fatalf("wasm-validate: %v\n%s", err, out)
		}
	}
	return made, report
}

// A host runs modules on wazero.
type host struct {
	runtime wazero.Runtime
	ctx     context.Context
}

func newHost(t testing.TB) *host {
	ctx := context.Background()
	h := &host{wazero.NewRuntime(ctx), ctx}
	t.Cleanup(func() { h.runtime.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, h.runtime)
	callback := func(ctx context.Context, m api.Module, n int32) int32 {
		results, err := m.ExportedFunction("called").Call(ctx, uint64(uint32(n)))
		if err != nil {
			return -1
		}
		return int32(results[0])
	}
	if _, err := h.runtime.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(callback).Export("callback").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	return h
}

// compile compiles a module.
func (h *host) compile(t testing.TB, module []byte) wazero.CompiledModule {
	t.Helper()
	compiled, err := h.runtime.CompileModule(h.ctx, module)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// run runs a module and returns its output, and how it ends.
func (h *host) run(t testing.TB, compiled wazero.CompiledModule, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	config := wazero.NewModuleConfig().WithName("").WithStdout(&out).WithStderr(&out).WithArgs(append([]string{"program"}, args...)...).
		WithSysWalltime().WithSysNanotime().WithSysNanosleep()
	m, err := h.runtime.InstantiateModule(h.ctx, compiled, config)
	if m != nil {
		m.Close(h.ctx)
	}
	return fmt.Sprintf("%s%v", out.Bytes(), err)
}
