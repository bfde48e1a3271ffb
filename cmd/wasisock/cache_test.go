//go:build linux || darwin

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCacheThatOthersCanChange gives --cache a directory to which others can write.
func TestCacheThatOthersCanChange(t *testing.T) {
	guest := file(t, "guest.wasm", ending)
	dir := filepath.Join(t.TempDir(), "cache")
	for _, size := range []string{"1", "1M"} {
		if code, _, stderr := execute(t, "run", "--cache", dir, "--cache-size", size, guest); code != 0 {
			t.Fatalf("exit code %d, %q", code, stderr)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v; the directory is not this user's alone", info, err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := execute(t, "run", "--cache", dir, guest)
	if code != 125 || !strings.Contains(stderr, "run chmod go-w "+dir) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if code, _, stderr := execute(t, "run", "--cache-size", "much", guest); code != 125 || !strings.Contains(stderr, "cache-size") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
