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
	"strings"
	"time"
)

// An engine runs test programs.
type engine struct {
	name    string
	command []string // with the program and its arguments to follow
	compile []string // ahead of time; nil for none
	build   string   // the compiler's, such as 0.14.1
	cache   string
}

var buildVersion = regexp.MustCompile(`\b\d+\.\d+\.\d+`)

// newEngine finds or builds what runs the tests. All of them give the file system and
// the whole network, which is that of a namespace.
func newEngine(ctx context.Context, name, cache string, aot bool) (engine, error) {
	e := engine{name: name, cache: cache}
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/wasisock/wasisock")
	if err != nil {
		return e, err
	}
	version, ok := strings.CutPrefix(name, "wasmedge-")
	switch {
	case name == "wazero":
		program := filepath.Join(cache, "wasisock")
		if _, err := output(ctx, "go", "build", "-C", root, "-o", program, "./cmd/wasisock"); err != nil {
			return e, err
		}
		e.command = []string{program, "run", "--allow-all", "--dir", "/:/"}
	case ok:
		wasmedge := os.Getenv("WASISOCK_WASMEDGE_" + strings.ReplaceAll(version, ".", ""))
		if wasmedge == "" {
			lines, err := output(ctx, filepath.Join(root, "scripts", "get-wasmedge.sh"), version)
			if err != nil {
				return e, err
			}
			wasmedge = lines[strings.LastIndexByte(lines, '\n')+1:]
		}
		e.command = []string{wasmedge, "--dir", "/:/", "--allow-af-unix"}
		if aot {
			e.name += "-aot"
			text, err := output(ctx, wasmedge, "--version")
			if err != nil {
				return e, err
			}
			if e.build = buildVersion.FindString(text); e.build == "" {
				return e, fmt.Errorf("%s --version: no version in %q", wasmedge, text)
			}
			e.compile = []string{wasmedge, "compile"}
			if version != "0.14" { // which knows no such flag, and needs none
				e.command = append(e.command, "--run-mode", "aot")
			}
		}
	default:
		return e, fmt.Errorf("-engine %s is none of wazero, wasmedge-0.14 and wasmedge-0.17", name)
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

// prepare compiles a program ahead of time, where that was asked for.
func (e engine) prepare(ctx context.Context, program string) (string, error) {
	if e.compile == nil {
		return program, nil
	}
	compiled := strings.TrimSuffix(program, ".wasm") + ".wasmedge-" + e.build + ".wasm"
	if _, err := os.Stat(compiled); err == nil {
		return compiled, nil
	}
	temp := compiled + ".new.wasm"
	command := append([]string{"-n", "19"}, append(e.compile, program, temp)...)
	if _, err := output(ctx, "nice", command...); err != nil {
		return "", err
	}
	return compiled, os.Rename(temp, compiled)
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
