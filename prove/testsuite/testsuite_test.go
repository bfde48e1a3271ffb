//go:build linux || darwin

// Package testsuite runs the programs of github.com/WebAssembly/wasi-testsuite on wazero, and on
// wasmtime where it is built in.
package testsuite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/wasmtime"
	"github.com/wasisock/wasisock/host/wazero"
)

// cannotPass is the programs of wasi-testsuite that fail here, and why.
var cannotPass = map[string]string{
	"dir_fd_op_failures":   "wazero's fd_prestat_dir_name takes room that is too small, and fills it",
	"fd_fdstat_set_rights": noRights,
	"overwrite_preopen":    noRenumber,
	"path_filestat":        "wazero does not report that a file was opened with FDFLAGS_SYNC",
	"path_link":            "wazero's path_link ignores LOOKUPFLAGS_SYMLINK_FOLLOW, which must be refused",
	"path_open_read_write": noRights,
	"readlink":             "wazero's path_readlink answers ERANGE to room that is too small, and does not fill it",
	"stdio":                noRenumber,
	"symlink_filestat":     "wazero's path_filestat_set_times always follows symbolic links",
	"truncation_rights":    noRights,
}

const (
	noRights   = "wazero keeps no rights of descriptors: all of a kind have the same"
	noRenumber = "wazero renumbers neither directories that it opened at the start nor standard input and output"
)

// TestSuite runs the preview 1 programs of github.com/WebAssembly/wasi-testsuite.
// WASISOCK_WASI_TESTSUITE names a copy with the programs compiled.
func TestSuite(t *testing.T) {
	suite := os.Getenv("WASISOCK_WASI_TESTSUITE")
	if suite == "" {
		t.Skip("WASISOCK_WASI_TESTSUITE names no copy of wasi-testsuite: run make wasi-testsuite DIR=...")
	}
	programs, _ := filepath.Glob(filepath.Join(suite, "tests", "*", "testsuite", "wasm32-wasip1", "*.wasm"))
	if len(programs) == 0 {
		t.Fatalf("%s has no tests/*/testsuite/wasm32-wasip1/*.wasm; they are on the branch prod/testsuite-base", suite)
	}
	t.Run("wazero", func(t *testing.T) {
		testPrograms(t, programs, func(ctx context.Context, wasm []byte) (host.Module, error) {
			return wazero.Compile(ctx, wasm, wazero.Config{CacheDir: wazero.CacheOff})
		})
	})
	t.Run("wasmtime", func(t *testing.T) {
		if wasmtime.Version() == "" {
			t.Skip("wasmtime is not built in; give go test -tags wasmtime")
		}
		testPrograms(t, programs, func(ctx context.Context, wasm []byte) (host.Module, error) {
			return wasmtime.Compile(ctx, wasm, wasmtime.Config{CacheDir: wasmtime.CacheOff})
		})
	})
}

// A compiler compiles a program for an engine.
type compiler func(ctx context.Context, wasm []byte) (host.Module, error)

func testPrograms(t *testing.T, programs []string, compile compiler) {
	passed, seen := 0, map[string]bool{}
	for _, program := range programs {
		name := strings.TrimSuffix(filepath.Base(program), ".wasm")
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			why, listed := cannotPass[name]
			err := conform(t, program, compile)
			if err == nil {
				passed++
			}
			switch {
			case err != nil && !listed:
				t.Error(err)
			case err == nil && listed:
				t.Error("it passes, and is listed as one that cannot")
			case listed:
				t.Logf("%s\n%v", why, err)
			}
		})
	}
	for name := range cannotPass {
		if !seen[name] {
			t.Errorf("%s is listed, and is not a program", name)
		}
	}
	t.Logf("%d of %d pass", passed, len(programs))
}

// conform runs a program as the file beside it says, in a copy of its directory.
func conform(t *testing.T, program string, compile compiler) error {
	var spec struct {
		Args           []string
		Env            map[string]string
		Root           string
		ExitCode       int `json:"exit_code"`
		Stdout, Stderr *string
	}
	text, err := os.ReadFile(strings.TrimSuffix(program, ".wasm") + ".json")
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		err = d.Decode(&spec)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	in, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer end.Close()
	var stdout, stderr bytes.Buffer
	cmd := &host.Cmd{Args: append([]string{filepath.Base(program)}, spec.Args...), Stdin: in, Stdout: &stdout, Stderr: &stderr, NoNameserver: true}
	for key, value := range spec.Env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	if spec.Root != "" {
		root := t.TempDir()
		if err := os.CopyFS(root, os.DirFS(filepath.Join(filepath.Dir(program), spec.Root))); err != nil {
			t.Fatal(err)
		}
		cmd.Dirs = []host.Dir{{Host: root, Guest: "/"}}
	}
	module, err := compile(t.Context(), wasm)
	if err != nil {
		return err
	}
	defer module.Close()
	cmd.Module = module
	code := 0
	err = cmd.Run(t.Context())
	var exit *host.ExitError
	if errors.As(err, &exit) {
		code, err = exit.ExitCode, nil
	}
	unlike := func(want *string, got bytes.Buffer) bool { return want != nil && *want != got.String() }
	if err != nil || code != spec.ExitCode || unlike(spec.Stdout, stdout) || unlike(spec.Stderr, stderr) {
		return fmt.Errorf("exit code %d, error %v; stdout %q, stderr:\n%s", code, err, &stdout, &stderr)
	}
	return nil
}
