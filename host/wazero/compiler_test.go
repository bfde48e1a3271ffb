//go:build linux || darwin

package wazero

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

// TestNothingIsCompiledHere has a compiler that makes nothing.
func TestNothingIsCompiledHere(t *testing.T) {
	nothing := filepath.Join(t.TempDir(), "nothing")
	if err := os.WriteFile(nothing, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, cache := range []string{CacheOff, t.TempDir()} {
		_, err := Compile(t.Context(), asm.Exit(asm.ConstI32(7)).Bytes(), Config{CacheDir: cache, Compiler: nothing})
		var module *host.ModuleError
		if errors.As(err, &module) || err == nil || !strings.Contains(err.Error(), "cannot be used: ") || !strings.Contains(err.Error(), errNotCompiled.Error()) {
			t.Errorf("%v, want that there is no code", err)
		}
	}
}

// TestWhatTheCompilerLeaves holds that the cache has the code, and no other directory anything.
func TestWhatTheCompilerLeaves(t *testing.T) {
	temp, cache := t.TempDir(), filepath.Join(t.TempDir(), "cache")
	t.Setenv("TMPDIR", temp)
	for _, dir := range []string{CacheOff, cache, cache} {
		for _, interruptible := range []bool{false, true} {
			cfg := Config{CacheDir: dir, Compiler: self, Interruptible: interruptible, CPUProfile: NewCPUProfile()}
			if code, err := runAs(t.Context(), asm.Exit(asm.ConstI32(7)).Bytes(), cfg, &host.Cmd{}); code != 7 || err != nil {
				t.Errorf("%d, %v", code, err)
			}
		}
	}
	if left := cachedFiles(t, temp); left != nil {
		t.Errorf("%q is left", left)
	}
	files := cachedFiles(t, cache)
	if len(files) != 2 {
		t.Errorf("the cache has %q, want the code of two", files)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".wasm") {
			t.Errorf("the cache has the module %s", file)
		}
	}
}
