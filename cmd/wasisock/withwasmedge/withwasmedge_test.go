//go:build wasmedge

// Package withwasmedge tests the command wasisock with WasmEdge built in.
package withwasmedge

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	// The C linker puts WasmEdge's folder into the test, as into the command. Go's own would
	// take the folder's loader without its libc, with which no process starts.
	_ "github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/internal/guestbuild"
)

// command is the file of the command.
var command string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		panic(err)
	}
	command = filepath.Join(dir, "wasisock")
	code := 1
	if out, err := build(command); err != nil {
		os.Stderr.Write(out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// build builds the command.
func build(file string, flags ...string) (out []byte, err error) {
	args := append([]string{"build", "-tags=wasmedge", "-o", file}, flags...)
	return exec.Command("go", append(args, "..")...).CombinedOutput()
}

// execute runs the command.
func execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return executeFile(t, command, args...)
}

func executeFile(t *testing.T, file string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(file, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// file makes a file with text in it.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Guests that return and that trap.
const (
	trapping = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x05\x01\x03\x00\x00\x0b"
	ending   = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"
)

// recursing calls itself, and then stores to memory, so that no compiler makes a loop of it.
var recursing = string(asm.Module{Pages: 1, Locals: 1000, Code: asm.Join(asm.Call(0), asm.ConstI32(0), asm.ConstI32(0), asm.StoreI32)}.Bytes())

func TestEngineWasmEdge(t *testing.T) {
	for _, aot := range []string{"auto", "wait", "off"} {
		for _, test := range []struct {
			wasm string
			code int
			says string
		}{
			{ending, 0, ""},
			{trapping, 134, "unreachable"},
			{recursing, 134, "guest.wasm trapped: stack overflow\n"},
		} {
			code, _, stderr := execute(t, "run", "--engine", "wasmedge", "--aot", aot, file(t, "guest.wasm", test.wasm))
			if code != test.code || !strings.Contains(stderr, test.says) {
				t.Errorf("--aot %s: exit code %d, %q; want %d, %q", aot, code, stderr, test.code, test.says)
			}
		}
	}
}

// TestInterpretsOnlyWithALimit is a command whose operator new WasmEdge does not call.
func TestInterpretsOnlyWithALimit(t *testing.T) {
	unlimited := filepath.Join(t.TempDir(), "wasisock")
	if out, err := build(unlimited, "-ldflags=-extldflags=-Wl,--no-export-dynamic"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	guest := file(t, "guest.wasm", ending)
	for aot, want := range map[string]int{"off": 125, "auto": 125, "wait": 0} {
		code, _, stderr := executeFile(t, unlimited, "run", "--engine", "wasmedge", "--aot", aot, "--cache", "-", guest)
		if code != want || (code != 0) != strings.Contains(stderr, "by --aot wait or AOTWait") {
			t.Errorf("--aot %s: exit code %d, %q; want %d", aot, code, stderr, want)
		}
	}
}

func TestDoctorOfWasmEdge(t *testing.T) {
	code, stdout, _ := execute(t, "doctor")
	if code != 0 || !regexp.MustCompile(`(?m)^ok      libwasmedge 0\.\d+\.\d+, built in: it compiles ahead of time$`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestVersionOfWasmEdge(t *testing.T) {
	code, stdout, _ := execute(t, "version")
	if code != 0 || !regexp.MustCompile(`\(wazero v[^,]+, wasmedge 0\.\d+\.\d+, go`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestLimitsInterruptWasmEdge(t *testing.T) {
	const spinning = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b"
	for _, flags := range []string{"--aot=wait", "--aot=wait --interruptible", "--aot=off"} {
		args := append([]string{"run", "--engine", "wasmedge", "--timeout", "200ms"}, strings.Fields(flags)...)
		code, _, stderr := execute(t, append(args, file(t, "spin.wasm", spinning))...)
		if code != 124 || strings.Contains(stderr, "cannot be interrupted") {
			t.Errorf("%s: exit code %d, %q", flags, code, stderr)
		}
	}
}

// TestCompiledCodeTakesOver: a server is asked without a pause while it is compiled, and
// until another, of compiled code, has its listener.
func TestCompiledCodeTakesOver(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a guest for minutes; run it without -short, as make test-wasmedge does")
	}
	wasm := guestbuild.Path(t, "../../../guest/server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	port := l.Addr().String()
	// In a cache of its own, so that it is compiled.
	server := exec.Command(command, "run", "--engine", "wasmedge", "--cache", t.TempDir(), "--listen", "tcp:"+port, wasm, "-addr", port)
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Process.Kill()
	listening := make(chan bool)
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "listening on ") {
				listening <- true
			}
		}
	}()
	<-listening
	client := http.Client{Timeout: time.Minute}
	again := time.After(8 * time.Minute)
	for over := false; !over; {
		response, err := client.Post("http://"+port, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != "echo: x" {
			t.Fatalf("%q, %v", body, err)
		}
		select {
		case over = <-listening:
		case <-again:
			t.Fatal("no other guest has taken over")
		case <-time.After(10 * time.Millisecond):
		}
	}
	server.Process.Signal(syscall.SIGTERM)
	if err := server.Wait(); err != nil {
		t.Error(err)
	}
}
