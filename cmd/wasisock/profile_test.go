//go:build linux || darwin

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

func TestCPUProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a guest in another way; run it without -short")
	}
	file := filepath.Join(t.TempDir(), "cpu.pprof")
	if code, _, stderr := start(t, "run", "--cpu-profile", file, "GUEST", "hot"); code != 0 || stderr != "" {
		t.Fatal(code, stderr)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p, err := profile.Parse(f); err != nil || len(p.Sample) == 0 {
		t.Errorf("%v, %v", p, err)
	}
	file = filepath.Join(file, "none")
	if code, _, stderr := start(t, "run", "--cpu-profile", file, "GUEST", "exit", "0"); code != 125 || !strings.Contains(stderr, "--cpu-profile: open "+file) {
		t.Error(code, stderr)
	}
}
