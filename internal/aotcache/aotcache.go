// Package aotcache caches code that WasmEdge has compiled ahead of time.
package aotcache

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/wasisock/wasisock/internal/codecache"
)

// Dir returns the default directory of the cache.
func Dir() (string, error) { return codecache.Dir(DirName) }

// DirName is the name of Dir in the user's cache directory.
const DirName = "aot"

// Key returns the key of the code that a version of WasmEdge makes from a module on this CPU, with
// options.
func Key(version string, wasm []byte, options ...string) string {
	parts := append([]string{version, cpuKind(), sum(wasm)}, options...)
	return sum([]byte(strings.Join(parts, " ") + "\n"))
}

// Portable returns the key of the code that a version of an engine makes from a module for every
// CPU of this kind of machine, with options.
func Portable(version string, wasm []byte, options ...string) string {
	parts := append([]string{version, runtime.GOOS, runtime.GOARCH, "portable", sum(wasm)}, options...)
	return sum([]byte(strings.Join(parts, " ") + "\n"))
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// cpuKind describes this CPU: WasmEdge compiles for the features of the CPU on which it runs.
var cpuKind = sync.OnceValue(func() string {
	kind := []byte(system())
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if line := lines.Text(); strings.HasPrefix(line, "flags") || strings.HasPrefix(line, "Features") {
				kind = append(kind, line+"\n"...)
				break
			}
		}
	}
	return sum(kind)
})

// Name returns the name of the entry with a key.
func Name(key string) string { return key + ".wasm" }

// File returns the path of the code with a key in dir. If there is none, compile must write it to
// out: a universal file, whose name ends in .wasm. When the cache is larger than size bytes, the
// code that was not used for longest is deleted; 0 means codecache.DefaultSize.
func File(dir string, size int64, key string, compile func(out string) error) (string, error) {
	c, err := codecache.Open(dir, "", size, nil)
	switch {
	case err != nil:
		return "", err
	case c == nil:
		return "", unusable(dir, codecache.MakeDir(dir))
	}
	if kept := c.Get(Name(key)); kept != "" {
		return kept, nil
	}
	temp, err := c.Temp() // compilers leave other files beside out
	if err != nil {
		return "", unusable(dir, err)
	}
	defer codecache.Remove(temp)
	out := filepath.Join(temp, "out.wasm")
	if err := compile(out); err != nil {
		return "", err
	}
	kept := c.Put(Name(key), out)
	if kept == out {
		return "", unusable(dir, fmt.Errorf("%s cannot be written to", dir))
	}
	return kept, nil
}

func unusable(dir string, err error) error {
	where := ""
	if own, _ := Dir(); own == dir {
		where = " in XDG_CACHE_HOME"
	}
	return fmt.Errorf("%w; make %s writable, or name another directory%s", err, dir, where)
}
