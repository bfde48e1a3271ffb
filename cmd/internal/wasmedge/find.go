// Package wasmedge finds the programs wasmedge of this machine, and compiles guests ahead of time
// with them.
package wasmedge

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasisock/wasisock/internal/codecache"
	"github.com/wasisock/wasisock/internal/engines"
)

// Minors lists the minor versions that wasisock is tested with.
var Minors = engines.Minors(engines.WasmEdges())

// A Program is a wasmedge, or a path that should be one.
type Program struct {
	Path    string
	Version string // in full, such as 0.14.1
	From    string // where the path comes from: a variable, PATH or a directory
	Err     error  // why it cannot be used, or nil
}

func (p Program) minor() string {
	parts := strings.SplitN(p.Version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// Variable returns the environment variable that names the wasmedge of a minor version.
func Variable(minor string) string {
	return engines.Version{Engine: "wasmedge", Minor: minor}.Variable()
}

// Find returns the wasmedge of a minor version: the one that the environment names, or one in
// PATH, or one that scripts/get-wasmedge.sh unpacked. It returns an error for a version that is
// not in Minors, and if there is no such wasmedge.
func Find(ctx context.Context, minor string) (Program, error) {
	if !slices.Contains(Minors, minor) {
		return Program{}, fmt.Errorf("%q is not a version of WasmEdge that wasisock is tested with; there are %s", minor, strings.Join(Minors, " and "))
	}
	for _, p := range All(ctx) {
		switch {
		case p.From == Variable(minor):
			return p, p.Err
		case p.Err == nil && p.minor() == minor && !strings.HasPrefix(p.From, "WASISOCK_"):
			return p, nil
		}
	}
	return Program{}, fmt.Errorf("no wasmedge %s is named in %s, in PATH, or in %s; install one, or run scripts/get-wasmedge.sh %[1]s, which unpacks one there", minor, Variable(minor), prefix())
}

// All returns every wasmedge that can be found, in order of preference.
func All(ctx context.Context) []Program {
	var all []Program
	for _, minor := range Minors {
		if path := os.Getenv(Variable(minor)); path != "" {
			p := ask(ctx, path, Variable(minor))
			if p.Err == nil && p.minor() != minor {
				p.Err = fmt.Errorf("%s names %s, which is wasmedge %s; name one that is %s", p.From, path, p.Version, minor)
			}
			all = append(all, p)
		}
	}
	if path, err := exec.LookPath("wasmedge"); err == nil {
		all = append(all, ask(ctx, path, "PATH"))
	}
	for _, minor := range Minors {
		unpacked, _ := filepath.Glob(filepath.Join(prefix(), "*-"+minor+"-*", "wasmedge"))
		for _, path := range unpacked {
			all = append(all, ask(ctx, path, prefix()))
		}
	}
	return all
}

// prefix returns the directory in which scripts/get-wasmedge.sh unpacks WasmEdge.
func prefix() string {
	if dir := os.Getenv("WASISOCK_WASMEDGE_PREFIX"); dir != "" {
		return dir
	}
	dir, err := codecache.Dir("wasmedge")
	if err != nil {
		return "wasisock/wasmedge"
	}
	return dir
}

// ask returns the program at path with its version. It waits at most 20 s for the program.
func ask(ctx context.Context, path, from string) Program {
	p := Program{Path: path, From: from}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	line, _, _ := strings.Cut(string(out), "\n")
	if i := strings.LastIndex(line, "version "); i >= 0 {
		p.Version = strings.TrimSpace(line[i+len("version "):])
	}
	switch {
	case err != nil:
		p.Err = fmt.Errorf("%s in %s does not start: %w; name a program that runs WasmEdge", path, from, err)
	case p.Version == "":
		p.Err = fmt.Errorf("%s in %s says %q and no version; name a program that runs WasmEdge", path, from, line)
	}
	return p
}
