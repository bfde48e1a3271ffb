package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasisock/wasisock/internal/rewrite"
	"github.com/wasisock/wasisock/stdnet"
)

// A suite holds the tests of one version of Go.
type suite struct {
	version string
	overlay *stdnet.Overlay
	file    string // the overlay, with the patched tests
	module  string // the directory of the module whose packages are tested; "" means Go's own
	modfile string // used in place of that module's go.mod, if not ""
	cache   string
	rewrite bool // the test programs
}

// newSuite makes the overlay for a toolchain, which the go command downloads if necessary, and adds
// the patched tests.
func newSuite(ctx context.Context, toolchain, module, cache string) (*suite, error) {
	cfg := stdnet.Config{}
	if toolchain != "" {
		cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+toolchain)
		cmd.Dir = os.TempDir() // has no go.mod that selects another one
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("GOTOOLCHAIN=%s go env GOROOT: %w", toolchain, err)
		}
		goroot := strings.TrimSpace(string(out))
		cfg.Go, cfg.Dir = filepath.Join(goroot, "bin", "go"), os.TempDir()
	}
	o, err := stdnet.Make(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if toolchain != "" && o.Version != toolchain {
		return nil, fmt.Errorf("-go %s: GOROOT is that of %s", toolchain, o.Version)
	}
	s := &suite{version: o.Version, overlay: o, module: module, cache: cache}
	src := filepath.Join(o.GOROOT, "src")
	files, err := patched(os.DirFS(src), patches, o.Version)
	if err != nil {
		return nil, fmt.Errorf("the tests of %s are not what prove knows: %w", o.Version, err)
	}
	for _, c := range []struct {
		names      []string
		constraint string
	}{{forWASIP1, "wasip1"}, {forJS, "js"}} {
		for _, name := range c.names {
			if files[name], err = constrained(os.DirFS(src), files, name, c.constraint); err != nil {
				return nil, err
			}
		}
	}
	files = under(src, files)
	if module != "" {
		more, err := s.patchModule(ctx)
		if err != nil {
			return nil, err
		}
		maps.Copy(files, more)
	}
	if s.file, err = extend(o, files, cache); err != nil {
		return nil, err
	}
	return s, nil
}

// under returns files, keyed by their paths below dir.
func under(dir string, files map[string][]byte) map[string][]byte {
	whole := map[string][]byte{}
	for name, text := range files {
		whole[filepath.Join(dir, filepath.FromSlash(name))] = text
	}
	return whole
}

// extend writes files, and an overlay that replaces them in addition to those of o. It returns the
// path of the overlay.
func extend(o *stdnet.Overlay, files map[string][]byte, cache string) (string, error) {
	text, err := os.ReadFile(o.File)
	if err != nil {
		return "", err
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &overlay); err != nil {
		return "", fmt.Errorf("%s: %w", o.File, err)
	}
	for target, text := range files {
		overlay.Replace[target] = ""
		if text == nil {
			continue
		}
		if overlay.Replace[target], err = keep(filepath.Join(cache, "test"), text, ".go"); err != nil {
			return "", err
		}
	}
	if text, err = json.MarshalIndent(overlay, "", "\t"); err != nil {
		return "", err
	}
	return keep(filepath.Join(cache, "test"), text, ".json")
}

// keep writes a file whose name depends on its content, unless it exists, and returns its path.
func keep(dir string, content []byte, suffix string) (string, error) {
	sum := sha256.Sum256(content)
	name := filepath.Join(dir, hex.EncodeToString(sum[:16])+suffix)
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	temp, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return "", err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(content)
	if e := temp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", err
	}
	return name, os.Rename(temp.Name(), name)
}

// compile compiles the test program of a package, and returns its path, or "" if the package has no
// tests.
func (s *suite) compile(ctx context.Context, pkg string) (string, error) {
	dir, err := os.MkdirTemp("", "prove-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "test.wasm")
	// The linker's flags keep the program small: nothing here reads the symbol table.
	if _, err := s.goCommand(ctx, "test", "-c", "-vet=off", "-overlay", s.file, "-ldflags=-s -w", "-o", out, pkg); err != nil {
		return "", err
	}
	program, err := os.ReadFile(out)
	if err != nil {
		if os.IsNotExist(err) {
			return "", nil
		}
		return "", err
	}
	if s.rewrite {
		if program, _, err = rewrite.Module(program); err != nil {
			return "", fmt.Errorf("rewrite: %w", err)
		}
	}
	return keep(filepath.Join(s.cache, "program"), program, ".wasm")
}

// directory returns the directory in which a package's tests expect to run. It has no links to
// absolute paths, as in a GOROOT of links, since WasmEdge does not follow them.
func (s *suite) directory(ctx context.Context, pkg string) (string, error) {
	dir, err := s.goCommand(ctx, "list", "-f", "{{.Dir}}", pkg)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// goCommand runs the go command in the directory of the packages, and returns its output.
func (s *suite) goCommand(ctx context.Context, args ...string) (string, error) {
	if s.modfile != "" {
		args = slices.Insert(args, 1, "-modfile="+s.modfile)
	}
	cmd := exec.CommandContext(ctx, s.overlay.Go(), args...)
	if cmd.Dir = s.module; cmd.Dir == "" {
		cmd.Dir = s.cache // is in no module
	}
	cmd.Env = append(os.Environ(), s.overlay.Env()...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// patched returns the files of src that patches change, with the patches for version applied.
func patched(src fs.FS, patches []patch, version string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, p := range patches {
		if !p.appliesTo(version) {
			continue
		}
		text, ok := files[p.file]
		if !ok {
			var err error
			if text, err = fs.ReadFile(src, p.file); err != nil {
				return nil, err
			}
		}
		if p.remove {
			files[p.file] = nil
			continue
		}
		if !bytes.Contains(text, []byte(p.old)) {
			return nil, fmt.Errorf("%s: %q does not stand there", p.file, p.old)
		}
		files[p.file] = bytes.ReplaceAll(text, []byte(p.old), []byte(p.new))
	}
	return files, nil
}

// constrained returns a file with another build constraint in place of its own.
func constrained(src fs.FS, files map[string][]byte, name, constraint string) ([]byte, error) {
	text, ok := files[name]
	if !ok {
		var err error
		if text, err = fs.ReadFile(src, name); err != nil {
			return nil, err
		}
	}
	if n := len(goBuild.FindAll(text, -1)); n != 1 {
		return nil, fmt.Errorf("%s: it has %d build constraints", name, n)
	}
	return goBuild.ReplaceAll(text, []byte("//go:build "+constraint)), nil
}
