//go:build linux || darwin

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/internal/guestbuild"
	"github.com/wasisock/wasisock/internal/outputtest"
	"github.com/wasisock/wasisock/internal/racetest"
)

// scratch is a directory for files that all tests share: guests, and the cache of compiled code.
var scratch string

// home and environ are as they were before any test.
var (
	home, _ = os.Getwd()
	environ = os.Environ()
)

// userCache is the cache directory of the user who runs the tests.
var userCache string

// TestMain runs the tests, or the command itself in the processes that tests start.
func TestMain(m *testing.M) {
	clean := racetest.Compilers()
	engine.ServeCompiler()
	if os.Getenv("WASISOCK_TEST_COMMAND") != "" {
		main()
	}
	become = func(path string, _, _ []string) error { panic("the tests would end here, and become " + path) }
	// A shell's background job ignores some signals, which the commands that tests start would
	// inherit.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	var err error
	if scratch, err = os.MkdirTemp("", "wasisock"); err != nil {
		panic(err)
	}
	// The go command keeps its usual cache, unlike wasisock.
	gocache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		panic(err)
	}
	os.Setenv("GOCACHE", strings.TrimSpace(string(gocache)))
	userCache, _ = os.UserCacheDir()
	os.Setenv("XDG_CACHE_HOME", filepath.Join(scratch, "user"))
	// Commands that are killed leave a directory there.
	temp := filepath.Join(scratch, "tmp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", temp)
	code := m.Run()
	os.RemoveAll(scratch)
	clean()
	os.Exit(code)
}

// guest returns the test guest's file, which the command calls guest.wasm in its messages.
func guest(t *testing.T) string {
	t.Helper()
	file := filepath.Join(scratch, "guest.wasm")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if err := os.WriteFile(file, guestbuild.Wasm(t, "github.com/wasisock/wasisock/testdata/program"), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// file creates a file with text in it, and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs the command in this process. GUEST in args is the test guest.
func start(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	for i := range args {
		if args[i] == "GUEST" {
			args[i] = guest(t)
		}
	}
	if len(args) > 0 && args[0] == "run" { // not confined, as this process goes on
		args = append([]string{"run", "--no-confine", "--cache", filepath.Join(scratch, "cache")}, args[1:]...)
	}
	var out bytes.Buffer
	var errs outputtest.Buffer // the guest's, and the command's
	code = run(args, nil, &out, &errs)
	return code, out.String(), withoutProgress(errs.String())
}

// withoutProgress removes lines about compiling, which depend on the machine.
func withoutProgress(stderr string) string {
	var lines []string
	for _, line := range strings.SplitAfter(stderr, "\n") {
		if !strings.HasPrefix(line, "wasisock: compil") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

var buildCommand = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "wasisock")
	cmd := exec.Command("go", "build", "-o", file, ".")
	cmd.Dir, cmd.Env = home, environ
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return file, nil
})

// executable returns the file of the command, which compiles large guests in seconds. This test
// binary, if it has the race detector, takes minutes.
func executable(t *testing.T) string {
	t.Helper()
	file, err := buildCommand()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// execute runs the command as start does, but in a process of its own.
func execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if args[0] == "run" {
		args = append([]string{"run", "--cache", filepath.Join(scratch, "cache")}, args[1:]...)
	}
	cmd := exec.Command(executable(t), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), withoutProgress(errs.String())
}

const (
	trapping = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x05\x01\x03\x00\x00\x0b"
	ending   = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"
)

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		stderr string // a part of it; "" means none at all
	}{
		{"a guest that ends", []string{"run", "GUEST", "exit", "0"}, 0, ""},
		{"a guest that returns", []string{"run", file(t, "ending.wasm", ending)}, 0, ""},
		{"a guest that fails", []string{"run", "GUEST", "exit", "3"}, 3, ""},
		{"the highest code", []string{"run", "GUEST", "exit", "255"}, 255, ""},
		{"a code that would be 0", []string{"run", "GUEST", "exit", "256"}, 255, ""},
		{"a negative code", []string{"run", "GUEST", "exit", "-1"}, 255, ""},
		{"a guest that panics", []string{"run", "GUEST", "panic"}, 2, "panic: the guest's own"},
		{"a guest that traps", []string{"run", file(t, "t.wasm", trapping)}, 134, "t.wasm trapped: wasm error: unreachable\nwasm stack trace:\n"},
		{"flags of the guest's", []string{"run", "GUEST", "args", "--trace", "-h"}, 0, ""},

		{"no command", nil, 125, "usage: wasisock COMMAND"},
		{"an unknown command", []string{"walk"}, 125, `unknown command "walk"; see wasisock help`},
		{"a mistyped command", []string{"biuld"}, 125, `unknown command "biuld" (did you mean build?); see wasisock help`},
		{"a guest as a command", []string{"server.wasm"}, 125, "write wasisock run server.wasm"},
		{"help for an unknown command", []string{"help", "walk"}, 125, `no command or topic is called "walk"`},
		{"help for a mistyped topic", []string{"help", "exit-code"}, 125, "did you mean exit-codes?"},
		{"version of something", []string{"version", "x"}, 125, "version takes no arguments"},
		{"no guest", []string{"run"}, 125, "no guest was named; write wasisock run GUEST.wasm"},
		{"an unknown flag", []string{"run", "--net", "GUEST"}, 125, "unknown flag --net; see wasisock run --help"},
		{"a mistyped flag", []string{"run", "-metric", ":80", "GUEST"}, 125, "unknown flag -metric (did you mean --metrics?); see wasisock run --help"},
		{"an unknown letter", []string{"run", "-x", "GUEST"}, 125, "unknown flag -x; see wasisock run --help"},
		{"a flag without its value", []string{"run", "--allow"}, 125, "a value is missing after --allow; see wasisock run --help"},
		{"a rule to listen at a name", []string{"run", "--allow", "listen tcp localhost:80", "GUEST"}, 125, "one listens at addresses"},
		{"a rule too much", []string{"run", "--allow-all", "--allow", "resolve *", "GUEST"}, 125, "leave out one of them"},
		{"a directory without its place", []string{"run", "--dir", ".", "GUEST"}, 125, "write .:/ or .:/data"},
		{"a directory with a relative place", []string{"run", "--dir", ".:data", "GUEST"}, 125, "with an absolute GUEST"},
		{"a directory that is not there", []string{"run", "--dir", "none:/", "GUEST"}, 125, "no such file or directory"},
		{"a variable that is not set", []string{"run", "--env", "WASISOCK_TEST_NONE", "GUEST"}, 125, "write WASISOCK_TEST_NONE=VALUE"},
		{"a size without a number", []string{"run", "--max-memory", "M", "GUEST"}, 125, "write one such as 67108864, 64M or 1G"},
		{"a size of nothing", []string{"run", "--max-memory", "0", "GUEST"}, 125, "is not a size"},
		{"a size beyond 64 bits", []string{"run", "--max-memory", "17179869184G", "GUEST"}, 125, "is not a size"},
		{"too small a size", []string{"run", "--max-memory", "1K", "GUEST"}, 125, "the lowest is 65536"},
		{"a trace in another form", []string{"run", "--trace=xml", "GUEST"}, 125, `--trace: invalid value "xml": want text, json or chrome`},
		{"a trace for a viewer among messages", []string{"run", "--trace=chrome", "GUEST"}, 125, "add --trace-file FILE"},
		{"a trace nowhere", []string{"run", "--trace-file", "none/t", "GUEST"}, 125, "--trace-file: open none/t: no such file or directory"},
		{"a trace in a file without a name", []string{"run", "--trace-file=", "GUEST"}, 125, "write the name of a file"},
		{"a filter of nothing", []string{"run", "--trace-filter", "", "GUEST"}, 125, "a name or a number is missing"},
		{"a filter of what there is not", []string{"run", "--trace-filter", "sock_opne", "GUEST"}, 125, `no function that is traced is called "sock_opne"`},
		{"fewer sockets than none", []string{"run", "--max-sockets", "-1", "GUEST"}, 125, "is not a number above 0; write one"},
		{"a fault that there is not", []string{"run", "--fault", "rest=1", "GUEST"}, 125, `there is no fault "rest"; there are seed, `},
		{"a fault twice", []string{"run", "--fault", "reset=1", "--fault", "reset=0", "GUEST"}, 125, "comes twice"},

		{"an empty file", []string{"run", file(t, "e.wasm", "")}, 126, "e.wasm: it is empty; build one with GOOS=wasip1"},
		{"a text", []string{"run", file(t, "t.txt", "hello")}, 126, "no wasm file does"},
		{"a component", []string{"run", file(t, "c.wasm", "\x00asm\x0d\x00\x01\x00")}, 126, "it is a component"},
		{"a module that does nothing", []string{"run", file(t, "m.wasm", ending[:8])}, 126, "it exports no _start"},
		{"less memory than the guest needs", []string{"run", "--max-memory", "64K", "GUEST", "args"}, 126, "raise the limit"},

		{"no such file", []string{"run", "none.wasm"}, 127, "none.wasm: no such file; build the guest first"},
		{"no such directory", []string{"run", "none/none.wasm"}, 127, "no such file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := start(t, test.args...)
			if code != test.code || !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
				t.Errorf("%q: exit code %d, stderr %q; want %d, %q", test.args, code, stderr, test.code, test.stderr)
			}
			if code >= 125 && code <= 127 && test.args != nil && strings.Count(stderr, "\n") != 1 {
				t.Errorf("%q: %q is not one line", test.args, stderr)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	program := newProgram(streams{})
	for _, args := range [][]string{{"help"}, {"--help"}, {"-help"}, {"-h"}} {
		code, stdout, stderr := start(t, args...)
		if code != 0 || stderr != "" {
			t.Errorf("%q: %d, %q", args, code, stderr)
		}
		for _, c := range program.All() {
			if !strings.Contains(stdout, "  "+c.Name+" ") {
				t.Errorf("%q does not list %s", args, c.Name)
			}
		}
	}
	for _, c := range program.All() {
		want := program.HelpOf(c)
		if !strings.HasPrefix(want, "usage: wasisock "+c.Name) || !strings.Contains(want, "\n  ") {
			t.Errorf("%s: no usage or no example: %s", c.Name, want)
		}
		for _, args := range [][]string{{"help", c.Name}, {c.Name, "--help"}, {c.Name, "-help"}, {c.Name, "-h"}} {
			if code, stdout, stderr := start(t, args...); code != 0 || stderr != "" || stdout != want {
				t.Errorf("%q: %d, %q, %q; want %q", args, code, stderr, stdout, want)
			}
		}
	}
	for _, topic := range program.Topics {
		if code, stdout, stderr := start(t, "help", topic.Name); code != 0 || stderr != "" || stdout != program.HelpOn(topic) {
			t.Errorf("%s: %d, %q, %q", topic.Name, code, stderr, stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		code, stdout, stderr := start(t, arg)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "wasisock ") || strings.Count(stdout, "\n") != 1 {
			t.Errorf("%s: %d, %q, %q", arg, code, stdout, stderr)
		}
	}
}
