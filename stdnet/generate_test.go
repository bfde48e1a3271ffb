package stdnet

import (
	"bytes"
	"context"
	"go/build"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// read is the files of GOROOT that the overlay is made from.
func read(t *testing.T) fstest.MapFS {
	t.Helper()
	recorder := recordingFS{os.DirFS(filepath.Join(goroot(t), "src")), fstest.MapFS{}}
	if _, err := generate(recorder); err != nil {
		t.Fatal(err)
	}
	return recorder.files
}

func goroot(t *testing.T) string {
	t.Helper()
	env, err := goEnv(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	return env.GOROOT
}

type recordingFS struct {
	fs.FS
	files fstest.MapFS
}

func (r recordingFS) ReadFile(name string) ([]byte, error) {
	text, err := fs.ReadFile(r.FS, name)
	if err == nil {
		r.files[name] = &fstest.MapFile{Data: text}
	}
	return text, err
}

// TestOtherGo changes each line of Go's that the overlay changes, and wants an error
// that names the file.
func TestOtherGo(t *testing.T) {
	files := read(t)
	made, err := generate(files)
	if err != nil {
		t.Fatal(err)
	}
	all := []byte("\n")
	for _, text := range made {
		all = append(append(all, text...), '\n')
	}
	changes := 0
	for name, file := range files {
		if _, ok := made[name]; !ok && path.Dir(name) == "syscall" {
			continue // read for names alone
		}
		fails := func(what string, text []byte) {
			t.Helper()
			other := maps.Clone(files)
			if other[name] = nil; text == nil {
				delete(other, name)
			} else {
				other[name] = &fstest.MapFile{Data: text}
			}
			if _, err := generate(other); err == nil || !strings.Contains(err.Error(), "src/"+name+":") {
				t.Errorf("%s %s: the error is %v", name, what, err)
			}
		}
		fails("is missing", nil)
		if text, ok := made[name]; ok && text == nil || path.Dir(name) == abiDirectory {
			continue // what is in it does not matter
		}
		for _, line := range bytes.SplitAfter(file.Data, []byte("\n")) {
			if bytes.Count(file.Data, line) != 1 || len(line) < 2 || bytes.Contains(all, append([]byte("\n"), line...)) {
				continue
			}
			changes++
			fails("lacks "+string(line), bytes.Replace(file.Data, line, nil, 1))
			fails("has twice "+string(line), append(slices.Clone(file.Data), append([]byte("\n"), line...)...))
		}
	}
	if changes < 8 {
		t.Errorf("only %d lines of Go's are changed", changes)
	}
}

// TestErrorNamesVersion makes an overlay for a Go whose files are others.
func TestErrorNamesVersion(t *testing.T) {
	root := goroot(t)
	fake := t.TempDir()
	for name, file := range read(t) {
		target := filepath.Join(fake, "src", name)
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			t.Fatal(err)
		}
		text := file.Data
		if name == "net/fd_unix.go" {
			text = bytes.ReplaceAll(text, []byte("//go:build"), []byte("// build"))
		}
		if err := os.WriteFile(target, text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOROOT", fake)
	_, err := Make(context.Background(), Config{Go: filepath.Join(root, "bin", "go"), Cache: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "src/net/fd_unix.go") || !strings.Contains(err.Error(), "go1.") || !strings.Contains(err.Error(), fake) {
		t.Errorf("the error is %v", err)
	}
}

func TestNoGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Make(context.Background(), Config{Cache: t.TempDir()}); err != ErrNoGo {
		t.Errorf("the error is %v", err)
	}
}

// others are systems that the overlay must not touch.
var others = []string{
	"aix/ppc64", "android/arm64", "darwin/arm64", "dragonfly/amd64", "freebsd/amd64", "illumos/amd64", "ios/arm64",
	"linux/386", "linux/amd64", "netbsd/amd64", "openbsd/amd64", "plan9/amd64", "solaris/amd64", "windows/amd64",
}

// matches reports whether a file with that text is compiled for a system.
func matches(t *testing.T, system, name string, text []byte) bool {
	t.Helper()
	ctxt := build.Default
	ctxt.GOOS, ctxt.GOARCH, _ = strings.Cut(system, "/")
	ctxt.CgoEnabled = true
	ctxt.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	ok, err := ctxt.MatchFile(path.Dir(name), path.Base(name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return ok
}

// TestOthersUnchanged holds that what is replaced is of wasip1 and js alone, that js
// gets what it had, and that what is new is of wasip1 alone.
func TestOthersUnchanged(t *testing.T) {
	src := os.DirFS(filepath.Join(goroot(t), "src"))
	files, err := generate(src)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		was, err := fs.ReadFile(src, name)
		exists := err == nil
		for _, system := range others {
			if exists && matches(t, system, name, was) {
				t.Errorf("%s is replaced, and is of %s", name, system)
			}
			if text != nil && matches(t, system, name, text) {
				t.Errorf("%s is new, and would be of %s", name, system)
			}
		}
		before := exists && matches(t, "js/wasm", name, was)
		after := text != nil && matches(t, "js/wasm", name, text)
		if before != after {
			t.Errorf("%s is of js: %v, and was before: %v", name, after, before)
		}
		if before && after && !bytes.Equal(unconstrained(was), unconstrained(text)) {
			t.Errorf("%s is another for js", name)
		}
		if exists && text != nil && !before && !matches(t, "wasip1/wasm", name, text) {
			t.Errorf("%s is replaced by what no system uses", name)
		}
	}
}

// unconstrained is text without its build constraint.
func unconstrained(text []byte) []byte {
	var rest []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("//go:build ")) {
			rest = append(rest, line...)
		}
	}
	return rest
}
