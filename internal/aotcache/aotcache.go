// Package aotcache keeps what WasmEdge has compiled ahead of time.
package aotcache

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Dir is the folder that it is in unless another is named, which scripts/build-wasm.sh
// uses too.
func Dir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "wasisock", "aot"), err
}

// Key names what a version of WasmEdge makes of a module on this CPU.
// scripts/build-wasm.sh computes the same. options are those that it is not given there.
func Key(version string, wasm []byte, options ...string) string {
	parts := append([]string{version, cpuKind(), sum(wasm)}, options...)
	return sum([]byte(strings.Join(parts, " ") + "\n"))
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// cpuKind: WasmEdge compiles for the features of the CPU that it runs on.
var cpuKind = sync.OnceValue(func() string {
	kind, err := exec.Command("uname", "-sm").Output()
	if err != nil {
		kind = []byte(runtime.GOOS + " " + runtime.GOARCH + "\n")
	}
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

// month is how long a result is kept that nobody asks for.
const month = 30 * 24 * time.Hour

// Kept is what is kept in dir under key, or "". The folder need not be writable.
func Kept(dir, key string) string {
	kept := filepath.Join(dir, key+".wasm")
	f, err := os.Open(kept)
	if err != nil {
		return ""
	}
	f.Close()
	now := time.Now()
	os.Chtimes(kept, now, now)
	return kept
}

// File is what is kept in dir under key. If there is nothing, compile is to write it to
// out: a universal file, whose name has to end in .wasm.
func File(dir, key string, compile func(out string) error) (string, error) {
	if kept := Kept(dir, key); kept != "" {
		return kept, nil
	}
	unusable := func(err error) (string, error) {
		where := ""
		if own, _ := Dir(); own == dir {
			where = " in XDG_CACHE_HOME"
		}
		return "", fmt.Errorf("%w; make %s writable, or name another folder%s", err, dir, where)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return unusable(err)
	}
	forget(dir)
	temp, err := os.MkdirTemp(dir, key+".tmp.") // compilers leave files beside out
	if err != nil {
		return unusable(err)
	}
	defer os.RemoveAll(temp)
	out, kept := filepath.Join(temp, "out.wasm"), filepath.Join(dir, key+".wasm")
	if err := compile(out); err != nil {
		return "", err
	}
	return kept, os.Rename(out, kept)
}

// names are those of what is kept, and of what compilers have left. All else in the
// folder is somebody else's.
var names = regexp.MustCompile(`^[0-9a-f]{64}\.(wasm$|tmp\.)`)

// forget removes what nobody has asked for in a month.
func forget(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && names.MatchString(e.Name()) && time.Since(info.ModTime()) > month {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
