//go:build unix

package stdnet

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNobodyElseWritesTheOverlay makes overlays where an older wasisock made directories that
// others could write to, whatever the umask was.
func TestNobodyElseWritesTheOverlay(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	cache := filepath.Join(t.TempDir(), "cache")
	make := func() string {
		o, err := Make(t.Context(), Config{Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		return o.File
	}
	overlay := make()
	writable := func() (all []string) {
		filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
			if info, err := d.Info(); err == nil && info.Mode().Perm()&0o022 != 0 {
				all = append(all, path)
			}
			return nil
		})
		return all
	}
	if all := writable(); all != nil {
		t.Errorf("others can write to %q", all)
	}
	for _, dir := range []string{filepath.Dir(filepath.Dir(overlay)), filepath.Dir(overlay)} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(overlay, []byte("planted"), 0o666); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(make()); err != nil || strings.Contains(string(text), "planted") {
		t.Errorf("%.20q, %v; what others wrote is used", text, err)
	}
	if all := writable(); all != nil {
		t.Errorf("others can write to %q", all)
	}
	if err := os.Chmod(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(t.Context(), Config{Cache: cache}); err == nil || !strings.Contains(err.Error(), "run chmod go-w "+cache) {
		t.Errorf("%v, want the remedy", err)
	}
}
