//go:build !wasip1

package guestbuild

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestFile builds one guest from two goroutines, then again after a change.
func TestFile(t *testing.T) {
	userCache = t.TempDir()
	dir := t.TempDir()
	t.Chdir(dir)
	source := func(text string) {
		for name, content := range map[string]string{
			"go.mod":  "module example.com/guest\n\ngo 1.25\n",
			"main.go": "package main\n\nfunc main() { println(" + text + ") }\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	source(`"one"`)
	var files [2]string
	var wg sync.WaitGroup
	for i := range files {
		wg.Go(func() {
			var err error
			if files[i], err = File("."); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wasm, err := os.ReadFile(files[0])
	if err != nil || files[0] != files[1] || !bytes.HasPrefix(wasm, []byte("\x00asm")) {
		t.Fatal(files, err)
	}
	source(`"another"`)
	if changed, err := File("."); err != nil || changed == files[0] {
		t.Errorf("a change of the source is not seen: %v", err)
	}
	if again, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(again, wasm) {
		t.Errorf("the first file has changed: %v", err)
	}
	source(`no program`)
	if _, err := File("."); err == nil {
		t.Error("a program with an error is built")
	}
}
