//go:build wasmedge

// Package withwasmedge tests the command wasisock with WasmEdge built in.
package withwasmedge

import (
	"bufio"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/commandtest"
	// The C linker puts WasmEdge's directory into the test, as into the command. Go's own would
	// take the directory's loader without its libc, with which no process starts.
	_ "github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/internal/guestbuild"
	"github.com/wasisock/wasisock/internal/porttest"
)

func TestMain(m *testing.M) { commandtest.Main(m, "wasmedge") }

func TestEngineWasmEdge(t *testing.T) {
	for _, aot := range []string{"auto", "wait", "off"} {
		for _, test := range []struct {
			wasm string
			code int
			says string
		}{
			{commandtest.Ending, 0, ""},
			{commandtest.Trapping, 134, "unreachable"},
			{commandtest.Recursing, 134, "guest.wasm trapped: stack overflow\n"},
		} {
			code, _, stderr := commandtest.Execute(t, "run", "--engine", "wasmedge", "--aot", aot, commandtest.File(t, "guest.wasm", test.wasm))
			if code != test.code || !strings.Contains(stderr, test.says) {
				t.Errorf("--aot %s: exit code %d, %q; want %d, %q", aot, code, stderr, test.code, test.says)
			}
		}
	}
}

// TestInterpretsOnlyWithALimit is a command whose operator new WasmEdge does not call.
func TestInterpretsOnlyWithALimit(t *testing.T) {
	unlimited := filepath.Join(t.TempDir(), "wasisock")
	if err := commandtest.Build(unlimited, "-tags=wasmedge", "-ldflags=-extldflags=-Wl,--no-export-dynamic"); err != nil {
		t.Fatal(err)
	}
	guest := commandtest.File(t, "guest.wasm", commandtest.Ending)
	for aot, want := range map[string]int{"off": 125, "auto": 125, "wait": 0} {
		code, _, stderr := commandtest.ExecuteFile(t, unlimited, "run", "--engine", "wasmedge", "--aot", aot, "--cache", "-", guest)
		if code != want || (code != 0) != strings.Contains(stderr, "by --aot wait or AOTWait") {
			t.Errorf("--aot %s: exit code %d, %q; want %d", aot, code, stderr, want)
		}
	}
}

func TestDoctorOfWasmEdge(t *testing.T) {
	code, stdout, _ := commandtest.Execute(t, "doctor")
	if code != 0 || !regexp.MustCompile(`(?m)^libwasmedge +ok +0\.\d+\.\d+, built in: it compiles ahead of time$`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestVersionOfWasmEdge(t *testing.T) {
	code, stdout, _ := commandtest.Execute(t, "version")
	if code != 0 || !regexp.MustCompile(`\(wazero v[^,]+, wasmedge 0\.\d+\.\d+, go`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestLimitsInterruptWasmEdge(t *testing.T) {
	for _, flags := range []string{"--aot=wait", "--aot=wait --interruptible", "--aot=off"} {
		args := append([]string{"run", "--engine", "wasmedge", "--timeout", "200ms"}, strings.Fields(flags)...)
		code, _, stderr := commandtest.Execute(t, append(args, commandtest.File(t, "spin.wasm", commandtest.Spinning))...)
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
	port := "127.0.0.1:" + porttest.Free(t)
	// In a cache of its own, so that it is compiled.
	server, stdout := commandtest.Start(t, "run", "--engine", "wasmedge", "--cache", t.TempDir(), "--listen", "tcp:"+port, wasm, "-addr", port)
	listening := make(chan bool)
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "listening on ") {
				listening <- true
			}
		}
	}()
	<-listening
	again := time.After(8 * time.Minute)
	for over := false; !over; {
		commandtest.Post(t, port)
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
