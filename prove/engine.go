package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wasisock/wasisock/internal/aotcache"
)

// engines are the names of all.
var engines = []string{"wazero", "wasisock-wasmedge-0.14", "wasisock-wasmedge-0.17", "wasmedge-0.14", "wasmedge-0.17"}

// An engine runs test programs.
type engine struct {
	name    string
	command []string // with the program and its arguments to follow
	aot     bool     // it compiles ahead of time
	program string   // WasmEdge's own, if that runs the tests
	version string   // of program, such as 0.14.1
}

// newEngine finds or builds what runs the tests. All of them give the file system and
// the whole network, which is that of a namespace.
func newEngine(ctx context.Context, name, cache string, aot bool) (engine, error) {
	e := engine{name: name}
	if !slices.Contains(engines, name) {
		return e, fmt.Errorf("-engine %s is none of %s", name, strings.Join(engines, ", "))
	}
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/wasisock/wasisock")
	if err != nil {
		return e, err
	}
	kind, minor, isWasmEdge := strings.Cut(name, "wasmedge-")
	if e.aot = aot && isWasmEdge; e.aot {
		e.name += "-aot"
	}
	if isWasmEdge && kind == "" {
		err = e.find(ctx, root, minor)
	} else {
		err = e.build(ctx, root, minor, filepath.Join(cache, name))
	}
	if err != nil {
		return e, err
	}
	// Programs for wasip1 learn their working directory from PWD, and have no other
	// environment than what they are given.
	for _, v := range []string{"PWD", "HOME", "PATH", "USER", "TMPDIR"} {
		if value := os.Getenv(v); value != "" || v == "PWD" {
			e.command = append(e.command, "--env", v+"="+value)
		}
	}
	return e, nil
}

// find finds WasmEdge's own program.
func (e *engine) find(ctx context.Context, root, minor string) error {
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
	e.command = []string{e.program, "--dir", "/:/", "--allow-af-unix"}
	if e.aot && minor != "0.14" { // which knows no such flag, and needs none
		e.command = append(e.command, "--run-mode", "aot")
	}
	return nil
}

var buildVersion = regexp.MustCompile(`\b\d+\.\d+\.\d+`)

// build builds wasisock, with a WasmEdge in it if a version is named.
func (e *engine) build(ctx context.Context, root, minor, program string) error {
	e.command = []string{program, "run", "--allow-all", "--dir", "/:/"}
	build := []string{"go", "build", "-C", root, "-o", program}
	if minor != "" {
		script := filepath.Join(root, "scripts", "get-wasmedge.sh")
		build = append([]string{"sh", "-c", inEnvironment, "sh", script, minor}, append(build, "-tags", "wasmedge")...)
		aot := "off"
		if e.aot {
			aot = "wait"
		}
		e.command = append(e.command, "--engine", "wasmedge", "--aot", aot)
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

// prepare compiles a program ahead of time, where that was asked for, and answers what
// to run. What wasisock compiles and what WasmEdge does are one.
func (e engine) prepare(ctx context.Context, program string) (string, error) {
	switch {
	case !e.aot:
		return program, nil
	case e.program == "":
		_, err := output(ctx, "nice", slices.Concat([]string{"-n", "19"}, e.command, []string{program, "-test.list=^$"})...)
		return program, err
	}
	wasm, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	dir, err := aotcache.Dir()
	if err != nil {
		return "", err
	}
	return aotcache.File(dir, 1<<40, aotcache.Key(e.version, wasm), func(out string) error {
		_, err := output(ctx, "nice", "-n", "19", e.program, "compile", program, out)
		return err
	})
}

// namespaces tells whether network namespaces can be made here.
func namespaces(ctx context.Context) error {
	if out, err := inNamespace(ctx, "true").CombinedOutput(); err != nil {
		return fmt.Errorf("the tests need a network namespace, which unshare cannot make here: %w: %s\ninstall util-linux and iproute2, and run this as root or where users may make namespaces, on a kernel with veth devices", err, bytes.TrimSpace(out))
	}
	return nil
}

// In a namespace are a loopback, and the addresses of RFC 2544 and RFC 5180, which
// Go's tests take to be those of hosts that never answer. Nothing does there.
const network = `ip link set lo up &&
ip link add hole type veth peer name bottom && ip link set bottom up && ip link set hole up &&
ip address add 198.18.0.1/15 dev hole && ip address add 2001:2::1/48 dev hole nodad && exec "$@"`

// inNamespace is a command in a network namespace of its own.
func inNamespace(ctx context.Context, command ...string) *exec.Cmd {
	args := []string{"--net"}
	if os.Getuid() != 0 {
		args = append(args, "--map-root-user")
	}
	args = append(args, "--", "sh", "-c", network, "sh")
	return exec.CommandContext(ctx, "unshare", append(args, command...)...)
}

// run runs a test program in dir, with what it writes to log. An end other than by
// itself is an error that says what became of it.
func (e engine) run(ctx context.Context, program, dir string, args []string, limit time.Duration, log *os.File) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	command := append([]string{}, e.command...)
	for i, word := range command {
		if strings.HasPrefix(word, "PWD=") {
			command[i] = "PWD=" + dir
		}
	}
	command = append(append(command, program), args...)
	cmd := inNamespace(limited, command...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case limited.Err() != nil:
		return fmt.Errorf("it was killed after %v", limit)
	case errors.As(err, &exit):
		return fmt.Errorf("it ended with %v", exit)
	}
	return err
}
