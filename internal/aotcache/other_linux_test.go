package aotcache

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/internal/codecache"
)

func get(dir, name string) string {
	c, err := codecache.Open(dir, "", 0, nil)
	if err != nil {
		return ""
	}
	return c.Get(name)
}

// TestWhatSomebodyElseKeeps uses a cache as a user who can only read it.
func TestWhatSomebodyElseKeeps(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.WriteFile(filepath.Join(dir, "key.wasm"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	kept := make(chan string)
	go func() {
		runtime.LockOSThread() // until the goroutine ends, and the thread with it
		const nobody = 65534
		unix.SetfsuidRetUid(nobody)
		kept <- get(dir, "key.wasm")
	}()
	if <-kept == "" {
		t.Error("it is not used")
	}
}
