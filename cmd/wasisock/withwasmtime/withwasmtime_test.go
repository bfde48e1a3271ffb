//go:build wasmtime

// Package withwasmtime tests the command wasisock with wasmtime built in.
package withwasmtime

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/cmd/internal/commandtest"
	"github.com/wasisock/wasisock/internal/guestbuild"
)

func TestMain(m *testing.M) { commandtest.Main(m, "wasmtime") }

func TestEngineWasmtime(t *testing.T) {
	for _, engine := range []string{"auto", "wasmtime"} {
		for _, test := range []struct {
			wasm  string
			flags []string
			code  int
			says  string
		}{
			{commandtest.Ending, nil, 0, ""},
			{commandtest.Trapping, nil, 134, "guest.wasm trapped: wasm error: unreachable\nwasm stack trace:\n"},
			{commandtest.Recursing, nil, 134, "guest.wasm trapped: wasm error: stack overflow\n"},
			{commandtest.Spinning, []string{"--timeout", "200ms"}, 124, "Limits.WallTime is 200ms"},
		} {
			args := append([]string{"run", "--engine", engine, "--cache", t.TempDir()}, test.flags...)
			code, _, stderr := commandtest.Execute(t, append(args, commandtest.File(t, "guest.wasm", test.wasm))...)
			if code != test.code || !strings.Contains(stderr, test.says) {
				t.Errorf("--engine %s: exit code %d, %q; want %d, %q", engine, code, stderr, test.code, test.says)
			}
		}
	}
}

// TestEngineAuto is the engine that run -v names.
func TestEngineAuto(t *testing.T) {
	guest := commandtest.File(t, "guest.wasm", commandtest.Ending)
	for _, test := range []struct {
		flags []string
		says  string
	}{
		{nil, "wasmtime"},
		{[]string{"--engine", "wazero"}, "wazero"},
		{[]string{"--cpu-profile", filepath.Join(t.TempDir(), "profile")}, "wazero"},
	} {
		args := append([]string{"run", "-v", "--cache", t.TempDir()}, test.flags...)
		code, _, stderr := commandtest.Execute(t, append(args, guest)...)
		if code != 0 || !strings.Contains(stderr, "engine: "+test.says+" ") {
			t.Errorf("%q: exit code %d, %q; want engine: %s", test.flags, code, stderr, test.says)
		}
	}
}

func TestDoctorOfWasmtime(t *testing.T) {
	code, stdout, _ := commandtest.Execute(t, "doctor")
	if code != 0 || !regexp.MustCompile(`(?m)^wasmtime +ok +v?\d+\.\d+\.\d+, built in$`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestVersionOfWasmtime(t *testing.T) {
	code, stdout, _ := commandtest.Execute(t, "version")
	if code != 0 || !regexp.MustCompile(`\(wazero v[^,]+, wasmtime v?\d+\.\d+\.\d+, go`).MatchString(stdout) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

// TestCompile fills a cache for this processor and for others, from which a guest is run.
func TestCompile(t *testing.T) {
	guest, dir := commandtest.File(t, "guest.wasm", commandtest.Ending), t.TempDir()
	for i, cpu := range []string{"native", "baseline"} {
		if code, stdout, stderr := commandtest.Execute(t, "compile", "--cpu", cpu, "-o", dir, guest); code != 0 || stdout != "" {
			t.Fatalf("--cpu %s: %d, %q, %q", cpu, code, stdout, stderr)
		}
		if n := len(entries(t, dir)); n != 2*(i+1) {
			t.Errorf("%d files after --cpu %s: %q", n, cpu, entries(t, dir))
		}
	}
	made := entries(t, dir)
	if code, _, stderr := commandtest.Execute(t, "run", "--cache", dir, guest); code != 0 {
		t.Errorf("%d, %q", code, stderr)
	}
	if now := entries(t, dir); len(now) != len(made) {
		t.Errorf("run has compiled: %q, before %q", now, made)
	}
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// TestServe serves until it is told to end.
func TestServe(t *testing.T) {
	server, stdout := commandtest.Start(t, "run", "--cache", t.TempDir(), "--allow", "listen tcp 127.0.0.1:*",
		guestbuild.Path(t, "../../../guest/server"), "-addr", "127.0.0.1:0")
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	commandtest.Post(t, strings.TrimSpace(strings.TrimPrefix(line, "listening on ")))
	server.Process.Signal(syscall.SIGTERM)
	if err := server.Wait(); err != nil {
		t.Error(err)
	}
}

func TestDrainDelay(t *testing.T) { commandtest.DrainDelay(t, commandtest.Command) }

func TestHealth(t *testing.T) { commandtest.Health(t, commandtest.Command) }

func TestLive(t *testing.T) { commandtest.Live(t, commandtest.Command) }

func TestListenWhenReady(t *testing.T) {
	if runtime.GOOS == "linux" {
		commandtest.ListenWhenReady(t, commandtest.Command)
	}
}

func TestLogs(t *testing.T) { commandtest.Logs(t, commandtest.Command) }

func TestOTLP(t *testing.T) { commandtest.OTLP(t, commandtest.Command) }

func TestOTLPAway(t *testing.T) { commandtest.OTLPAway(t, commandtest.Command) }

func TestSystemd(t *testing.T) { commandtest.Systemd(t, commandtest.Command) }
