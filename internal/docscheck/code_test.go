package docscheck

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// file returns the Go file of a block: its text if that is one, else its imports and a function
// of its statements, where the names of its comment are declared.
func (b block) file() string {
	if strings.HasPrefix(b.text, "package ") {
		return b.text
	}
	imports, body := "", b.text
	if strings.HasPrefix(body, "import (") {
		i := strings.Index(body, "\n)\n") + 3
		imports, body = body[:i], body[i:]
	} else if strings.HasPrefix(body, "import ") {
		i := strings.Index(body, "\n") + 1
		imports, body = body[:i], body[i:]
	}
	return fmt.Sprintf("package snippet\n%s\n%s\nfunc snippet() error {\n%s\npanic(0)\n}\n", imports, b.with, body)
}

// TestGoCode holds that the Go code of the pages compiles.
func TestGoCode(t *testing.T) {
	type source struct {
		name string
		file *ast.File
	}
	var sources []source
	files := token.NewFileSet()
	needed := map[string]bool{}
	for _, page := range checkedPages(t) {
		all, _ := blocks(t, page)
		for _, b := range all {
			if b.info != "go" {
				continue
			}
			name := fmt.Sprintf("%s:%d", page, b.line)
			file, err := parser.ParseFile(files, name, b.file(), 0)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			sources = append(sources, source{name, file})
			for _, i := range file.Imports {
				path, _ := strconv.Unquote(i.Path.Value)
				needed[path] = true
			}
		}
	}
	if len(sources) < 8 {
		t.Fatalf("found %d blocks of Go code", len(sources))
	}
	exports := exportData(t, slices.Sorted(maps.Keys(needed)))
	compiled := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) {
		if file, ok := exports[path]; ok {
			return os.Open(file)
		}
		return nil, errors.New("no export data")
	})
	for _, s := range sources {
		config := types.Config{Importer: compiled, Error: func(err error) {
			// A snippet shows what a program goes on with.
			if text := err.Error(); !strings.Contains(text, "declared and not used") && !strings.Contains(text, "imported and not used") {
				t.Errorf("%v", err)
			}
		}}
		config.Check("snippet", files, []*ast.File{s.file}, nil)
	}
}

// exportData returns the files of what the compiler exports of packages and what they need.
func exportData(t *testing.T, packages []string) map[string]string {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			exports[path] = filepath.Clean(file)
		}
	}
	return exports
}
