// Package engine finds or builds the engines that the commands below prove compare:
// wasisock with wazero, wasmtime or WasmEdge in it, and WasmEdge's own program.
package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wasisock/wasisock/internal/aotcache"
	"github.com/wasisock/wasisock/internal/engines"
)

// Names lists the names of all engines.
var Names = func() []string {
	names := []string{"wazero", "wasmtime"}
	for _, v := range engines.WasmEdges() {
		names = append(names, "wasisock-"+v.Name())
	}
	for _, v := range engines.WasmEdges() {
		names = append(names, v.Name())
	}
	return names
}()

// A Config says how to make an engine.
type Config struct {
	// Cache is the directory for the programs that New builds.
	Cache string
	// Code is the directory for code that is compiled ahead of time. "" is the one
	// that wasisock uses by default. Without AOT, wasisock uses no directory unless
	// Code is "".
	Code string
	// AOT compiles ahead of time for WasmEdge, which interprets otherwise. The others
	// always compile.
	AOT bool
	// Optimize is the level at which WasmEdge's own program optimizes with AOT, such as
	// "0", which takes a tenth of the time. "" is the program's default.
	Optimize string
}

// An Engine runs programs for wasip1.
type Engine struct {
	// Name is the name of the engine, with "-aot" at the end if it compiles ahead
	// of time.
	Name    string
	command []string // the program, its subcommand and flags
	aot     bool
	code    string
	compile []string // the options of program's subcommand compile
	program string   // WasmEdge's own program, or ""
	version string   // of program, such as 0.14.1
}

// New builds or finds the engine of a name. It returns an error if the name is not in
// Names, or if the engine cannot be built or found.
func New(ctx context.Context, name string, cfg Config) (*Engine, error) {
	e := &Engine{Name: name, code: cfg.Code}
	if !slices.Contains(Names, name) {
		return nil, fmt.Errorf("unknown engine %q: want one of %s", name, strings.Join(Names, ", "))
	}
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/wasisock/wasisock")
	if err != nil {
		return nil, err
	}
	kind, minor, isWasmEdge := strings.Cut(name, "wasmedge-")
	if e.aot = cfg.AOT && isWasmEdge; e.aot {
		e.Name += "-aot"
	}
	if cfg.Optimize != "" {
		e.compile = []string{"--optimize", cfg.Optimize}
	}
	if isWasmEdge && kind == "" {
		err = e.find(ctx, root, minor)
	} else {
		err = e.build(ctx, root, minor, filepath.Join(cfg.Cache, name))
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// find finds WasmEdge's own program.
func (e *Engine) find(ctx context.Context, root, minor string) error {
	e.program = os.Getenv("WASISOCK_WASMEDGE_" + strings.ReplaceAll(minor, ".", ""))
	if e.program == "" {
		lines, err := output(ctx, filepath.Join(root, "scripts", "get-wasmedge.sh"), minor)
		if err != nil {
			return err
		}
		e.program = lines[strings.LastIndexByte(lines, '\n')+1:]
	}
	text, err := output(ctx, e.program, "--version")
	if err != nil {
		return err
	}
	if e.version = buildVersion.FindString(text); e.version == "" {
		return fmt.Errorf("%s --version: no version in %q", e.program, text)
	}
	e.command = []string{e.program, "--allow-af-unix"}
	if v, _ := engines.WasmEdge(minor); e.aot {
		e.command = append(e.command, v.AOT...)
	}
	return nil
}

var buildVersion = regexp.MustCompile(`\b\d+\.\d+\.\d+`)

// build builds wasisock with the engine in it. minor is WasmEdge's version.
func (e *Engine) build(ctx context.Context, root, minor, program string) error {
	e.command = []string{program, "run", "--allow-all"}
	build := []string{"go", "build", "-C", root, "-o", program}
	switch {
	case e.Name == "wasmtime":
		build = append(build, "-tags", "wasmtime")
		e.command = append(e.command, "--engine", "wasmtime")
	case minor != "":
		script := filepath.Join(root, "scripts", "get-wasmedge.sh")
		build = append([]string{"sh", "-c", inEnvironment, "sh", script, minor}, append(build, "-tags", "wasmedge")...)
		aot := "off"
		if e.aot {
			aot = "wait"
		}
		e.command = append(e.command, "--engine", "wasmedge", "--aot", aot)
	}
	switch {
	case e.aot:
		e.command = append(e.command, "--cache", e.code, "--cache-size", "1024G")
	case e.code != "":
		e.command = append(e.command, "--cache", "-")
	}
	_, err := output(ctx, build[0], append(build[1:], "./cmd/wasisock")...)
	return err
}

// inEnvironment runs a command in the environment that a script prints.
const inEnvironment = `environment=$("$1" --cgo-env "$2") && eval "$environment" && shift 2 && exec "$@"`

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// Command returns the command that runs a program that Prepare has returned. flags are
// flags of the engine, such as --dir and --env, which all engines have.
func (e *Engine) Command(flags []string, program string, args ...string) []string {
	return slices.Concat(e.command, flags, []string{program}, args)
}

// Prepare compiles a program ahead of time if the engine does so, and returns the file
// to run. wasisock compiles a program when it runs it, so Prepare runs it with args.
func (e *Engine) Prepare(ctx context.Context, program string, args ...string) (string, error) {
	switch {
	case !e.aot:
		return program, nil
	case e.program == "":
		_, err := output(ctx, "nice", slices.Concat([]string{"-n", "19"}, e.Command(nil, program, args...))...)
		return program, err
	}
	wasm, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	dir := e.code
	if dir == "" {
		if dir, err = aotcache.Dir(); err != nil {
			return "", err
		}
	}
	return aotcache.File(dir, 1<<40, aotcache.Key(e.version, wasm, e.compile...), func(out string) error {
		_, err := output(ctx, "nice", slices.Concat([]string{"-n", "19", e.program, "compile"}, e.compile, []string{program, out})...)
		return err
	})
}

// String returns the name of the engine.
func (e *Engine) String() string { return e.Name }
