// Package gocmd runs the go command for wasip1 with the overlay of package stdnet.
package gocmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/child"
	"github.com/wasisock/wasisock/stdnet"
)

// A Go is a go command with an overlay.
type Go struct {
	*stdnet.Overlay
	dir  string // the value of -C; "" means the current directory
	file string // the overlay, merged with the user's own
	temp string // the file that Close removes, or ""
}

// New makes the overlay for the Go that dir chooses, and merges the user's own into it. overlay is
// the value of -overlay; if it is "", New takes that of GOFLAGS, if any.
func New(ctx context.Context, dir, overlay string) (*Go, error) {
	made, err := stdnet.Make(ctx, stdnet.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	g := &Go{Overlay: made, dir: dir, file: made.File}
	from := "-overlay"
	if overlay == "" {
		flags, err := g.Flags()
		if err != nil {
			return nil, err
		}
		for _, flag := range flags {
			if value, ok := overlayFlag(flag); ok {
				overlay, from = value, "-overlay in GOFLAGS"
			}
		}
	}
	if overlay == "" {
		return g, nil
	}
	if !filepath.IsAbs(overlay) {
		overlay = filepath.Join(dir, overlay)
	}
	if overlay == made.File {
		return g, nil
	}
	if err := g.merge(overlay); err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return g, nil
}

// Close removes the merged overlay.
func (g *Go) Close() {
	if g.temp != "" {
		os.Remove(g.temp)
	}
}

// overlayFlag returns the value of a flag, and whether the flag is -overlay.
func overlayFlag(flag string) (value string, ok bool) {
	name, value, ok := strings.Cut(strings.TrimPrefix(flag, "-"), "=")
	return value, ok && strings.TrimPrefix(name, "-") == "overlay"
}

// IsOverlay reports whether a flag is -overlay.
func IsOverlay(flag string) bool {
	_, ok := overlayFlag(flag)
	return ok
}

// Flags returns the flags in GOFLAGS.
func (g *Go) Flags() ([]string, error) {
	out, err := g.Output("env", "GOFLAGS")
	if err != nil {
		return nil, err
	}
	return fields(out), nil
}

// fields splits GOFLAGS as the go command does: at spaces, except in fields that begin with a
// quote.
func fields(text string) []string {
	var all []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end, after := strings.IndexAny(text, " \t\n\r"), 0
		if quote := text[0]; quote == '\'' || quote == '"' {
			text = text[1:]
			end, after = strings.IndexByte(text, quote), 1
		}
		if end < 0 {
			return append(all, text)
		}
		all = append(all, text[:end])
		text = text[end+after:]
	}
	return all
}

type replacements struct{ Replace map[string]string }

func readOverlay(file string) (replacements, error) {
	var r replacements
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// merge adds the user's overlay, whose paths are relative to the directory of the go command. It
// returns an error if both overlays replace a file.
func (g *Go) merge(overlay string) error {
	user, err := readOverlay(overlay)
	if err != nil {
		return err
	}
	ours, err := readOverlay(g.File)
	if err != nil {
		return err
	}
	for from, to := range user.Replace {
		if from, err = g.abs(from); err != nil {
			return err
		}
		if to != "" {
			if to, err = g.abs(to); err != nil {
				return err
			}
		}
		if own, both := ours.Replace[from]; both && own != to {
			return fmt.Errorf("%s replaces %s, and so does wasisock; leave that file out, or the whole flag if it is an older overlay of wasisock", overlay, from)
		}
		ours.Replace[from] = to
	}
	text, err := json.Marshal(ours)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "wasisock-overlay-*.json")
	if err != nil {
		return err
	}
	g.temp, g.file = f.Name(), f.Name()
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (g *Go) abs(path string) (string, error) {
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	return filepath.Abs(filepath.Join(g.dir, path))
}

// Command returns a go command for wasip1. It has the overlay, except for go env.
func (g *Go) Command(name string, args ...string) *exec.Cmd {
	line := []string{name}
	if name != "env" {
		line = append(line, "-overlay="+g.file)
	}
	cmd := exec.Command(g.Go(), append(line, args...)...)
	cmd.Dir = g.dir
	cmd.Env = append(cmd.Environ(), g.Env()...)
	return cmd
}

// Output runs a go command and returns its standard output. An error has its standard error.
func (g *Go) Output(name string, args ...string) (string, error) {
	cmd := g.Command(name, args...)
	cmd.Env = append(cmd.Env, "GOBIN=") // with one, go list has no Target
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// Run runs a go command and returns its exit code. It returns an error if the command cannot be
// started.
func (g *Go) Run(stdin io.Reader, stdout, stderr io.Writer, name string, args ...string) (int, error) {
	cmd := g.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	return child.Run(cmd)
}

// Install runs go install, which unlike go build can build PACKAGE@VERSION. It returns the files
// that are built below dir, and the exit code.
func (g *Go) Install(dir string, stdin io.Reader, stdout, stderr io.Writer, args ...string) (files []string, code int, err error) {
	modules, err := g.Output("env", "GOMODCACHE")
	if err != nil {
		return nil, 0, err
	}
	cmd := g.Command("install", args...)
	cmd.Env = append(cmd.Env, "GOBIN=", "GOPATH="+dir, "GOMODCACHE="+modules) // with GOBIN, it builds for its own system alone
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	if code, err = child.Run(cmd); code != 0 || err != nil {
		return nil, code, err
	}
	files, err = filepath.Glob(filepath.Join(dir, "bin", "wasip1_wasm", "*"))
	return files, 0, err
}

// A Program is a package that a build names.
type Program struct {
	Name string
	Main bool // false for a package that is not a program, and leaves no file
}

// Programs returns the packages that a line names.
func (g *Go) Programs(line Line) ([]Program, error) {
	out, err := g.Output("list", append([]string{"-f", "{{.Name}} {{.Target}}"}, listFlags(line)...)...)
	if err != nil {
		return nil, err
	}
	var all []Program
	for _, l := range strings.Split(out, "\n") {
		name, target, _ := strings.Cut(l, " ")
		all = append(all, Program{filepath.Base(target), name == "main" && target != ""})
	}
	return all, nil
}

// listFlags returns the flags and packages of a line, for go list.
func listFlags(line Line) []string {
	var flags []string
	for _, arg := range line.Rest {
		if arg != "-json" && arg != "--json" { // it has another meaning in go list
			flags = append(flags, arg)
		}
	}
	return flags
}
