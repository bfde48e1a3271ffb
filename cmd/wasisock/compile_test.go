//go:build linux || darwin

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompile compiles a guest into a directory, and runs it with that.
func TestCompile(t *testing.T) {
	guest := file(t, "guest.wasm", ending)
	dir := filepath.Join(t.TempDir(), "code")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(dir, "private")
	if err := os.WriteFile(private, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := execute(t, "compile", "-o", dir, guest); code != 0 || stdout != "" {
		t.Fatalf("%d, %q, %q", code, stdout, stderr)
	}
	names := func() (all []string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			mode := os.FileMode(0o044)
			if e.Name() == filepath.Base(private) {
				mode = 0
			}
			if info.Mode().Perm()&0o044 != mode || info.Mode().Perm()&0o022 != 0 {
				t.Errorf("%s: %v", e.Name(), info.Mode())
			}
			all = append(all, e.Name())
		}
		return all
	}
	made := names()
	if len(made) != 1+2 {
		t.Errorf("%q", made)
	}
	if code, _, stderr := execute(t, "run", "--cache", dir, guest); code != 0 {
		t.Errorf("%d, %q", code, stderr)
	}
	if now := names(); len(now) != len(made) {
		t.Errorf("run has compiled: %q, before %q", now, made)
	}
}

func TestCompileRefuses(t *testing.T) {
	guest := file(t, "guest.wasm", ending)
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{guest}, 125, "name a directory with -o, and a guest"},
		{[]string{"-o", t.TempDir()}, 125, "name a directory with -o, and a guest"},
		{[]string{"-o", t.TempDir(), "--cpu", "mine", guest}, 125, "want native or baseline"},
		{[]string{"-o", t.TempDir(), "--cpu", "baseline", guest}, 125, "--cpu baseline is of wasmtime"},
		{[]string{"-o", t.TempDir(), guest, guest}, 125, "name one guest"},
		{[]string{"-o", t.TempDir(), file(t, "text.wasm", "text")}, 126, "which no wasm file does"},
	} {
		if code, _, stderr := execute(t, append([]string{"compile"}, test.args...)...); code != test.code || !strings.Contains(stderr, test.says) {
			t.Errorf("%q: %d, %q", test.args, code, stderr)
		}
	}
}
