//go:build linux || darwin

package wazero

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wasisock/wasisock/host"
)

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "wasisock"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// programs is a Go program's module for wasip1, by the folder of its source and flags.
var programs = struct {
	sync.Mutex
	wasm map[string][]byte
}{wasm: map[string][]byte{}}

// built compiles a Go program for wasip1, once.
func built(t testing.TB, dir string, flags ...string) []byte {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	key := strings.Join(append([]string{dir}, flags...), " ")
	if wasm := programs.wasm[key]; wasm != nil {
		return wasm
	}
	file := filepath.Join(scratch, fmt.Sprint(len(programs.wasm), ".wasm"))
	cmd := exec.Command("go", append(append([]string{"build", "-ldflags=-s -w"}, flags...), "-o", file, ".")...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("building %s: %v\n%s", dir, err, out)
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	programs.wasm[key] = wasm
	return wasm
}

func guestWasm(t testing.TB) []byte {
	t.Helper()
	return built(t, "testdata/guest")
}

// command is a run of the test guest. Everything on loopback is permitted.
func command(t testing.TB, args ...string) *host.Cmd {
	t.Helper()
	policy, err := host.ParsePolicy("dial tcp 127.0.0.0/8:1024-65535", "listen tcp 127.0.0.1:*")
	if err != nil {
		t.Fatal(err)
	}
	return &host.Cmd{
		Args:   append([]string{"guest"}, args...),
		Policy: policy,
	}
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"args"}, 0},
		{[]string{"exit", "0"}, 0},
		{[]string{"exit", "1"}, 1},
		{[]string{"exit", "255"}, 255},
		{[]string{"exit", "256"}, 256},
		{[]string{"exit", "-1"}, 0xffffffff},
		{[]string{"exit", "-268435457"}, 0xefffffff}, // wazero's own for a deadline
		{[]string{"panic"}, 2},
	} {
		for _, interruptible := range []bool{false, true} {
			cfg := cached()
			cfg.Interruptible = interruptible
			code, err := runAs(t.Context(), guestWasm(t), cfg, command(t, test.args...))
			if code != test.want || err != nil {
				t.Errorf("%q: exit code %#x, error %v; want %#x", test.args, code, err, test.want)
			}
		}
	}
}

func TestReturningFromStartIsSuccess(t *testing.T) {
	if code, err := run(t.Context(), wasmModule{noMemory: true}.bytes(), &host.Cmd{}); code != 0 || err != nil {
		t.Error(code, err)
	}
}

func TestExitingFromTheStartFunctionOfWasm(t *testing.T) {
	m := exitWith(constI32(7))
	m.isStarted = true
	if code, err := run(t.Context(), m.bytes(), &host.Cmd{}); code != 7 || err != nil {
		t.Error(code, err)
	}
}

func TestWhatAGuestIsGiven(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		cfg  func(*host.Cmd)
		out  string
		err  string
	}{
		{"arguments", []string{"args", "", "a b", "ü"}, nil, "[\"guest\" \"args\" \"\" \"a b\" \"ü\"]\n", ""},
		{"no environment", []string{"env"}, nil, "[]\n", ""},
		{"environment", []string{"env"}, func(c *host.Cmd) { c.Env = []string{"B=", "A=1=2"} }, "[\"A=1=2\" \"B=\"]\n", ""},
		{"stdout and stderr", []string{"both"}, nil, "out", "err"},
		{"no stdin", []string{"stdin"}, nil, "\"\" <nil>\n", ""},
		{"stdin", []string{"stdin"}, func(c *host.Cmd) { c.Stdin = strings.NewReader("hello\n") }, "\"hello\\n\" <nil>\n", ""},
		{"stdin that fails", []string{"stdin"}, func(c *host.Cmd) { c.Stdin = readFunc(func([]byte) (int, error) { return 0, errors.New("no") }) }, "\"\" read /dev/stdin: I/O error\n", ""},
		{"stdin that panics", []string{"stdin"}, func(c *host.Cmd) { c.Stdin = readFunc(func([]byte) (int, error) { panic("no") }) }, "\"\" read /dev/stdin: I/O error\n", ""},
		{"no network", []string{"dial", "127.0.0.1:1024"}, func(c *host.Cmd) { c.Policy = nil }, "refused\n", ""},
		{"some network", []string{"dial", "127.0.0.1:1023"}, nil, "refused\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			cfg := command(t, test.args...)
			cfg.Stdout, cfg.Stderr = &out, &stderr
			if test.cfg != nil {
				test.cfg(cfg)
			}
			if code, err := run(t.Context(), guestWasm(t), cfg); code != 0 || err != nil {
				t.Error(code, err)
			}
			if out.String() != test.out || stderr.String() != test.err {
				t.Errorf("stdout %q, stderr %q; want %q, %q", &out, &stderr, test.out, test.err)
			}
		})
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

func TestConfigsThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		cmd  host.Cmd
		want string
	}{
		{"an environment entry without =", host.Cmd{Env: []string{"A"}}, "write KEY=value"},
		{"an environment entry without a key", host.Cmd{Env: []string{"=A"}}, "write KEY=value"},
		{"an environment entry with a NUL", host.Cmd{Env: []string{"A=\x00"}}, "write KEY=value"},
		{"an argument with a NUL", host.Cmd{Args: []string{"a\x00b"}}, "has a NUL"},
		{"less than a page of memory", host.Cmd{Limits: host.Limits{Memory: 65535}}, "the lowest is 65536"},
		{"a folder that is not there", host.Cmd{Dirs: []host.Dir{{Host: "testdata/none", Guest: "/"}}}, "no such file"},
		{"a file as a folder", host.Cmd{Dirs: []host.Dir{{Host: "run_test.go", Guest: "/"}}}, "is no folder"},
		{"a relative folder in the guest", host.Cmd{Dirs: []host.Dir{{Host: ".", Guest: "data"}}}, "write an absolute path"},
		{"an empty folder in the guest", host.Cmd{Dirs: []host.Dir{{Host: "."}}}, "write an absolute path"},
		{"two folders as one", host.Cmd{Dirs: []host.Dir{{Host: ".", Guest: "/a/"}, {Host: "..", Guest: "/a"}}}, "name another"},
	} {
		code, err := run(t.Context(), exitWith(constI32(0)).bytes(), &test.cmd)
		var module *host.ModuleError
		if code != -1 || err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &module) {
			t.Errorf("%s: %d, %v; want %q", test.name, code, err, test.want)
		}
	}
}

func TestTraps(t *testing.T) {
	recursive := wasmModule{pages: 1, code: callFunc(0)}
	for _, test := range []struct {
		name   string
		module wasmModule
		want   string
	}{
		{"unreachable", wasmModule{pages: 1, code: unreachable}, "unreachable"},
		{"memory that is not there", wasmModule{pages: 1, code: instructions(constI32(65533), loadI32, drop)}, "out of bounds memory access"},
		{"division by zero", wasmModule{pages: 1, code: instructions(constI32(1), constI32(0), divideI32, drop)}, "integer divide by zero"},
		{"endless recursion", recursive, "stack overflow"},
	} {
		if engine != "wazero" && test.name == "endless recursion" {
			continue // compiled by others it is an endless loop
		}
		for _, interruptible := range []bool{false, true} {
			cfg := cached()
			cfg.Interruptible = interruptible
			code, err := runAs(t.Context(), test.module.bytes(), cfg, &host.Cmd{})
			var trap *host.TrapError
			if code != -1 || !errors.As(err, &trap) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %d, %v; want %q", test.name, code, err, test.want)
			}
			if engine == "wazero" && test.name != "endless recursion" && !strings.Contains(fmt.Sprint(err), "wasm stack trace:\n\t.$0()") {
				t.Errorf("%s: %v has no stack", test.name, err)
			}
		}
	}
}

// TestPanicsOfTheEmbeddersOwn holds that they are errors of Run, and leave nothing locked.
func TestPanicsOfTheEmbeddersOwn(t *testing.T) {
	boom := func([]byte) (int, error) { panic("boom") }
	for _, test := range []struct {
		name string
		args []string
		want string
		cfg  func(*host.Cmd)
	}{
		{"in the policy", []string{"dial", "127.0.0.1:2000"}, "boom", func(c *host.Cmd) { c.Policy = func(host.Request) error { panic("boom") } }},
		{"in the policy, of the runtime", []string{"dial", "127.0.0.1:2000"}, "index out of range", func(c *host.Cmd) {
			c.Policy = func(host.Request) error { return errors.New([]string{}[len("boom")]) }
		}},
		{"in stdout", []string{"args"}, "boom", func(c *host.Cmd) { c.Stdout = writeFunc(boom) }},
		{"in stderr", []string{"both"}, "boom", func(c *host.Cmd) { c.Stderr = writeFunc(boom) }},
		{"in the trace", []string{"dial", "127.0.0.1:2000"}, "boom", func(c *host.Cmd) { c.Trace = func(host.Call) { panic("boom") } }},
	} {
		cfg := command(t, test.args...)
		test.cfg(cfg)
		code, err := run(t.Context(), guestWasm(t), cfg)
		var trap *host.TrapError
		if code != -1 || err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &trap) {
			t.Errorf("%s: %d, %v; want an error that is no trap of the guest's", test.name, code, err)
		}
	}
}

func TestManyGuestsAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var out bytes.Buffer
			cfg := command(t, "work")
			cfg.Stdout = &out
			if code, err := run(t.Context(), guestWasm(t), cfg); code != 0 || err != nil || out.String() != "worked\n" {
				t.Error(code, err, out.String())
			}
		})
	}
	wg.Wait()
}

// TestDescriptorsThatOthersShare holds that a guest is told that stdin, stdout and
// stderr do not block, as it asked for, while the host's files stay as they are.
func TestDescriptorsThatOthersShare(t *testing.T) {
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); feed.Close(); out.Close() }()
	regular, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	cfg := command(t, "flags")
	cfg.Stdin, cfg.Stdout, cfg.Stderr = in, outW, regular
	blocking := map[string]bool{}
	cfg.Trace = func(host.Call) {
		for name, f := range map[string]*os.File{"stdin": in, "stdout": outW, "stderr": regular} {
			blocking[name] = isBlocking(t, f)
		}
	}
	code, err := run(t.Context(), guestWasm(t), cfg)
	outW.Close()
	text, _ := io.ReadAll(out)
	const want = "0 nonblock true\n1 nonblock true\n2 nonblock true\nclosed: Bad file number\n"
	if code != 0 || err != nil || string(text) != want {
		t.Errorf("%d, %v, %q; want %q", code, err, text, want)
	}
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		if !blocking[name] {
			t.Errorf("the host's %s was made non-blocking, or nothing was traced", name)
		}
	}
}

// TestFullStdoutBlocksNobodyElse holds that a guest goes on while a pipe is full.
func TestFullStdoutBlocksNobodyElse(t *testing.T) {
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	errs, errW := io.Pipe()
	cfg := command(t, "alive")
	cfg.Stdout, cfg.Stderr = outW, errW
	done := make(chan error, 1)
	go func() {
		code, err := run(context.Background(), guestWasm(t), cfg)
		if code != 0 && err == nil {
			err = fmt.Errorf("exit code %d", code)
		}
		outW.Close()
		done <- err
	}()
	if _, err := io.ReadFull(errs, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, out)
	if n != 1<<20 || err != nil {
		t.Errorf("%d bytes, %v; want %d", n, err, 1<<20)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
