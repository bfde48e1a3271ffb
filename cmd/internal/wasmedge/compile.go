package wasmedge

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/child"
)

// Output is the name of the file that wasm is compiled to for a minor version.
func Output(wasm, minor string) string {
	return strings.TrimSuffix(wasm, ".wasm") + ".aot-" + minor + ".wasm"
}

// Compile compiles wasm to out, or takes what was compiled before from the cache, which
// it shares with scripts/build-wasm.sh. Lines that tell of work that takes long go to
// progress. The code is 0, or that of a wasmedge that failed or was ended.
func (p Program) Compile(wasm, out string, progress io.Writer) (code int, err error) {
	text, err := os.ReadFile(wasm)
	if err != nil {
		return -1, err
	}
	cache, err := CacheDir("aot")
	if err != nil {
		return -1, err
	}
	kept := filepath.Join(cache, Key(p.Version, cpuKind(), text)+".wasm")
	now := time.Now()
	if os.Chtimes(kept, now, now) != nil {
		if code, err := p.fill(kept, wasm, progress); code != 0 || err != nil {
			return code, err
		}
	}
	return 0, place(kept, out)
}

// Key names what a version of WasmEdge makes of a module on a kind of CPU.
// scripts/build-wasm.sh computes the same.
func Key(version, cpu string, wasm []byte) string {
	return sum([]byte(version + " " + cpu + " " + sum(wasm) + "\n"))
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}

// cpuKind: WasmEdge compiles for the features of the CPU that it runs on.
func cpuKind() string {
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
}

// month is how long a result is kept that nobody asks for.
const month = 30 * 24 * time.Hour

// fill compiles wasm into the cache. The result is a universal file, whose name has to
// end in .wasm: other engines interpret it.
func (p Program) fill(kept, wasm string, progress io.Writer) (code int, err error) {
	cache := filepath.Dir(kept)
	unusable := func(err error) (int, error) {
		return -1, fmt.Errorf("%w; make %s writable, or name another folder in XDG_CACHE_HOME", err, cache)
	}
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return unusable(err)
	}
	forget(cache)
	f, err := os.CreateTemp(cache, strings.TrimSuffix(filepath.Base(kept), ".wasm")+".tmp.*.wasm")
	if err != nil {
		return unusable(err)
	}
	f.Close()
	defer os.Remove(f.Name())

	what := filepath.Base(wasm) + " for wasmedge " + p.Version
	cmd := exec.Command(p.Path, "compile", wasm, f.Name())
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	began, done := time.Now(), make(chan struct{})
	told := make(chan bool)
	go func() { told <- tell(progress, what, done) }()
	code, err = child.Run(cmd)
	close(done)
	if slow := <-told; slow && code == 0 && err == nil {
		fmt.Fprintf(progress, "compiled %s in %.0f s\n", what, time.Since(began).Seconds())
	}
	if err != nil || code != 0 {
		if code >= 0 && code < 128 {
			err = fmt.Errorf("%s could not compile %s: %s", p.Path, wasm, lastLines(log.String(), 4))
		}
		return code, err
	}
	return 0, os.Rename(f.Name(), kept)
}

// tell tells after two seconds, and then every ten, that the work goes on.
func tell(progress io.Writer, what string, done <-chan struct{}) (told bool) {
	began := time.Now()
	for wait := 2 * time.Second; ; wait = 10 * time.Second {
		select {
		case <-done:
			return told
		case <-time.After(wait):
			told = true
			fmt.Fprintf(progress, "compiling %s: %.0f s\n", what, time.Since(began).Seconds())
		}
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// forget removes what nobody has asked for in a month.
func forget(cache string) {
	entries, _ := os.ReadDir(cache)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > month {
			os.Remove(filepath.Join(cache, e.Name()))
		}
	}
}

// place copies a file so that the other appears whole.
func place(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".wasisock-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(text); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o755); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}
