package wasmedge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/child"
	"github.com/wasisock/wasisock/internal/aotcache"
	"github.com/wasisock/wasisock/internal/progress"
)

// Output returns the name of the file to which the file wasm is compiled for a minor version.
func Output(wasm, minor string) string {
	return strings.TrimSuffix(wasm, ".wasm") + ".aot-" + minor + ".wasm"
}

// Compile compiles the file wasm to the file out, or copies cached code. Lines about compiling that
// takes long go to w. The code is 0, or that of a wasmedge that failed or that a signal ended. The
// error is nil after a signal.
func (p Program) Compile(wasm, out string, w io.Writer) (code int, err error) {
	text, err := os.ReadFile(wasm)
	if err != nil {
		return -1, err
	}
	dir, err := aotcache.Dir()
	if err != nil {
		return -1, err
	}
	code = -1
	kept, err := aotcache.File(dir, 0, aotcache.Key(p.Version, text), func(kept string) error {
		what := filepath.Base(wasm) + " for wasmedge " + p.Version
		return progress.Compiling(w, what, func() error {
			code, err = p.run(wasm, kept)
			return err
		})
	})
	switch {
	case errors.Is(err, errEnded):
		return code, nil
	case err != nil:
		return code, err
	}
	return 0, place(kept, out)
}

// errEnded means that wasmedge's exit code is that of a signal.
var errEnded = errors.New("wasmedge was ended")

func (p Program) run(wasm, out string) (code int, err error) {
	cmd := exec.Command(p.Path, "compile", wasm, out)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	code, err = child.Run(cmd)
	switch {
	case err == nil && code == 0:
		return 0, nil
	case code >= 0 && code < 128:
		return code, fmt.Errorf("%s could not compile %s: %s", p.Path, wasm, lastLines(log.String(), 4))
	case err == nil:
		err = errEnded
	}
	return code, err
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// place copies the file from to to, which never holds a part of it.
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
