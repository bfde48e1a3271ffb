// Package guestbuild compiles guests for tests, each once.
//
// A module is kept in the user's cache directory. The go command replaces it when its sources have
// changed. So packages whose tests use the same guest share one build, and the code that is
// compiled ahead of time from it: equal flags make equal bytes.
package guestbuild

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wasisock/wasisock/internal/codecache"
)

// Flags are the flags of every build. They make modules that do not depend on the machine, and
// must be the same as in scripts/build-wasm.sh.
var Flags = []string{"-buildvcs=false", "-trimpath", "-ldflags=-s -w"}

// userCache is the user's cache directory, read before a test sets another one.
var userCache, userCacheErr = os.UserCacheDir()

// File compiles a package for wasip1 and returns the path of the module. pkg is an import path of
// the current module or of one that it requires, or a directory of any module, whose path is
// absolute or begins with a dot. flags are added to Flags. The contents of the file never change: a
// module that is compiled again has another path.
func File(pkg string, flags ...string) (string, error) {
	if userCacheErr != nil {
		return "", userCacheErr
	}
	module, err := current()
	if err != nil {
		return "", err
	}
	name := pkg
	if isDir(pkg) {
		if name, err = filepath.Abs(pkg); err != nil {
			return "", err
		}
	}
	key := sha256.Sum256([]byte(strings.Join(append([]string{module, name}, flags...), "\n")))
	dir := filepath.Join(userCache, "wasisock", "guests", filepath.Base(name)+"-"+hex.EncodeToString(key[:8]))
	if err := codecache.MakeDir(dir); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	file := filepath.Join(dir, "module.wasm")
	if err := build(pkg, file, flags); err != nil {
		return "", err
	}
	return published(dir, file)
}

func isDir(pkg string) bool { return strings.HasPrefix(pkg, ".") || filepath.IsAbs(pkg) }

// build runs go build, which does nothing if file is up to date.
func build(pkg, file string, flags []string) error {
	args := append([]string{"build"}, Flags...)
	args = append(append(args, flags...), "-o", file)
	cmd := exec.Command("go", append(args, pkg)...)
	if isDir(pkg) {
		cmd.Dir = pkg
		cmd.Args[len(cmd.Args)-1] = "."
	}
	cmd.Env = append(cmd.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// published returns a file in dir with the same contents, which its name is made from.
func published(dir, file string) (string, error) {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(wasm)
	kept := filepath.Join(dir, hex.EncodeToString(sum[:])+".wasm")
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	old, _ := filepath.Glob(filepath.Join(dir, strings.Repeat("?", 64)+".wasm"))
	if len(old) > 8 { // modules of earlier sources
		for _, name := range old {
			os.Remove(name)
		}
	}
	if err := os.WriteFile(kept+".new", wasm, 0o666); err != nil {
		return "", err
	}
	return kept, os.Rename(kept+".new", kept)
}

// current returns the path of the go.mod of the current directory.
var current = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	return string(out), nil
})

// paths holds what Path has returned in this process.
var paths sync.Map

// Path returns the path that File returns, or fails the test. It builds each guest once in a
// process.
func Path(t testing.TB, pkg string, flags ...string) string {
	t.Helper()
	key := strings.Join(append([]string{pkg}, flags...), "\n")
	if file, ok := paths.Load(key); ok {
		return file.(string)
	}
	file, err := File(pkg, flags...)
	if err != nil {
		t.Fatal(err)
	}
	paths.Store(key, file)
	return file
}

// Wasm returns the module in the file that Path returns.
func Wasm(t testing.TB, pkg string, flags ...string) []byte {
	t.Helper()
	wasm, err := os.ReadFile(Path(t, pkg, flags...))
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}
