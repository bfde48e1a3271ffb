// Package aotcache keeps what WasmEdge has compiled ahead of time.
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

// Dir is the directory that it is in unless another is named.
func Dir() (string, error) { return codecache.Dir(DirName) }

// DirName is the name of Dir in the user's cache.
const DirName = "aot"

// Key names what a version of WasmEdge makes of a module on this CPU, with options.
func Key(version string, wasm []byte, options ...string) string {
	parts := append([]string{version, cpuKind(), sum(wasm)}, options...)
	return sum([]byte(strings.Join(parts, " ") + "\n"))
}

// Portable names what a version of an engine makes of a module for every CPU of this kind of
// machine, with options.
func Portable(version string, wasm []byte, options ...string) string {
	parts := append([]string{version, runtime.GOOS, runtime.GOARCH, "portable", sum(wasm)}, options...)
	return sum([]byte(strings.Join(parts, " ") + "\n"))
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// cpuKind: WasmEdge compiles for the features of the CPU that it runs on.
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

// Name is the name of a module's code in the cache.
func Name(key string) string { return key + ".wasm" }

// File returns the path of what is kept in dir under key. If there is nothing, compile is to
// write it to out: a universal file, whose name has to end in .wasm. What was not used for
// longest is deleted when all is larger than size bytes; 0 is codecache.DefaultSize.
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
	temp, err := c.Temp() // compilers leave files beside out
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
