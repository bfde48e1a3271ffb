package libraries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasisock/wasisock/internal/engines"
	"github.com/wasisock/wasisock/stdnet"
)

// An engine runs guests, or the same tests natively.
type engine struct {
	name    string
	command func(gift) []string // with the program and its arguments to follow
	compile []string            // ahead of time; nil for none
}

var (
	engineNames = flag.String("engine", "", "comma-separated `names` of engines: native, wazero, wasmtime, wasmedge-VERSION; by default wazero, wasmtime and those WasmEdges that WASISOCK_WASMEDGE_014 and others like it name")
	aot         = flag.Bool("aot", false, "compile guests ahead of time for WasmEdge: takes a minute or more for each, once")
)

var allEngines = append([]string{"native"}, columns...)

// newEngine is the engine of a name, or an error that says what to do. What it builds
// goes to dir.
func newEngine(name, dir string) (engine, error) {
	e := engine{name: name}
	version, isWasmEdge := strings.CutPrefix(name, "wasmedge-")
	switch {
	case name == "native":
		e.command = func(g gift) []string {
			return append([]string{"env", "-i", "GOTRACEBACK=all"}, pairs(g.env)...)
		}
	case name == "wazero", name == "wasmtime":
		host := filepath.Join(dir, "wasisock-"+name)
		if _, err := goCommand(nil, "build", "-C", "../..", "-tags", name, "-o", host, "./cmd/wasisock"); err != nil {
			return e, err
		}
		e.command = func(g gift) []string {
			argv := []string{host, "run", "--engine", name}
			for _, rule := range g.allow {
				argv = append(argv, "--allow", rule)
			}
			for _, v := range pairs(g.env) {
				argv = append(argv, "--env", v)
			}
			return argv
		}
	case isWasmEdge:
		variable := wasmEdgeVariable(version)
		program := os.Getenv(variable)
		if program == "" {
			return e, fmt.Errorf("%s does not name a wasmedge %s; scripts/get-wasmedge.sh %s prints one", variable, version, version)
		}
		if *aot {
			e.compile = []string{program, "compile"}
		}
		e.command = func(g gift) []string {
			argv := []string{program, "--allow-af-unix"}
			if v, _ := engines.WasmEdge(version); *aot {
				argv = append(argv, v.AOT...)
			}
			for _, v := range pairs(g.env) {
				argv = append(argv, "--env", v)
			}
			return argv
		}
	default:
		return e, fmt.Errorf("-engine %s is not one of %s", name, strings.Join(allEngines, ", "))
	}
	return e, nil
}

func wasmEdgeVariable(version string) string {
	return engines.Version{Engine: "wasmedge", Minor: version}.Variable()
}

func pairs(env map[string]string) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// wanted is the names of the engines to run.
func wanted() []string {
	if *engineNames != "" {
		return strings.Split(*engineNames, ",")
	}
	names := []string{"wazero", "wasmtime"}
	for _, name := range allEngines {
		if version, ok := strings.CutPrefix(name, "wasmedge-"); ok && (os.Getenv(wasmEdgeVariable(version)) != "" || os.Getenv("WASISOCK_ENGINES") == "required") {
			names = append(names, name)
		}
	}
	return names
}

// cacheDirectory keeps what is compiled.
func cacheDirectory() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no directory for what is compiled: %w", err)
	}
	dir = filepath.Join(dir, "wasisock", "libraries")
	return dir, os.MkdirAll(dir, 0o777)
}

func goCommand(env []string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// build compiles the guests with the overlay, or natively.
func (w *world) build(guests []string, native bool) error {
	dir, env := w.native, []string(nil)
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w"}
	if !native {
		dir = w.wasm
		o, err := stdnet.Make(context.Background(), stdnet.Config{})
		if err != nil {
			return err
		}
		args, env = append(args, "-overlay", o.File), o.Env()
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	args = append(args, "-o", dir+"/")
	for _, g := range guests {
		args = append(args, "./guest/"+g)
	}
	_, err := goCommand(env, args...)
	return err
}

// prepare is the program of a guest for an engine.
func (w *world) prepare(e engine, guest string) (string, error) {
	if e.name == "native" {
		return filepath.Join(w.native, guest+".test"), nil
	}
	program := filepath.Join(w.wasm, guest+".test")
	if e.compile == nil {
		return program, nil
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	compiled := filepath.Join(w.cache, hex.EncodeToString(sum[:16])+"."+e.name+".wasm")
	if _, err := os.Stat(compiled); err == nil {
		return compiled, nil
	}
	temp := strings.TrimSuffix(compiled, ".wasm") + ".new.wasm"
	argv := append(append([]string{"-n", "19"}, e.compile...), program, temp)
	if out, err := exec.Command("nice", argv...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return compiled, os.Rename(temp, compiled)
}
