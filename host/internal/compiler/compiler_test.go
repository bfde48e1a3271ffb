//go:build linux || darwin

package compiler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

func TestMain(m *testing.M) {
	Serve("test", compile)
	os.Exit(m.Run())
}

// compile does what the module says.
func compile(wasm []byte, dir string, args []string) error {
	switch string(wasm) {
	case "work":
		return os.WriteFile(filepath.Join(dir, "out"), []byte(strings.Join(args, ",")), 0o600)
	case "invalid":
		return &host.ModuleError{Text: "it is \x1b invalid\nand more"}
	case "fail":
		return errors.New("no room")
	case "panic":
		go panic("at it")
		select {}
	case "abort":
		p, _ := os.FindProcess(os.Getpid())
		p.Kill()
		select {}
	case "grow":
		for all := [][]byte{}; ; all = append(all, make([]byte, 16<<20)) {
			for i := 0; len(all) > 0 && i < 16<<20; i += 4096 {
				all[len(all)-1][i] = 1
			}
		}
	case "file":
		f, err := os.Create(filepath.Join(dir, "out"))
		for block := make([]byte, 1<<20); err == nil; {
			_, err = f.Write(block)
		}
		return err
	case "wait":
		if err := os.WriteFile(filepath.Join(dir, "pid"), fmt.Append(nil, os.Getpid()), 0o600); err != nil {
			return err
		}
		select {}
	}
	return fmt.Errorf("unknown %q", wasm)
}

func job(t *testing.T, what string) Job {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Job{Program: self, Engine: "test", Args: []string{"a", "b"}, Dir: t.TempDir(), Module: []byte(what), Memory: 512 << 20, Timeout: time.Minute}
}

func TestRun(t *testing.T) {
	j := job(t, "work")
	if err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := os.ReadFile(filepath.Join(j.Dir, "out")); string(out) != "a,b" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	for _, test := range []struct {
		module string
		fault  bool // the module's
		want   string
	}{
		{"invalid", true, `it is \x1b invalid`},
		{"panic", true, "the compiler crashes at it: exit status 2: panic: at it"},
		{"abort", true, "the compiler crashes at it: signal: killed"},
		{"grow", true, "takes more than 512 MB of memory; raise the limit by --compile-memory"},
		{"fail", false, "failed: no room; name a wasisock program"},
		{"file", runtime.GOOS != "linux", "file too large"},
	} {
		if test.module == "file" && runtime.GOOS != "linux" {
			continue // nothing limits files there
		}
		t.Run(test.module, func(t *testing.T) {
			err := job(t, test.module).Run(t.Context())
			var module *host.ModuleError
			if err == nil || errors.As(err, &module) != test.fault || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v; want %q, a ModuleError: %v", err, test.want, test.fault)
			}
		})
	}
}

// gone waits for the end of the compiler that wrote its number to dir.
func gone(t *testing.T, dir string) {
	t.Helper()
	var pid int
	if text, err := os.ReadFile(filepath.Join(dir, "pid")); err != nil {
		t.Fatal(err)
	} else if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if state, err := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output(); err != nil || strings.HasPrefix(string(state), "Z") {
			return
		}
	}
	t.Errorf("the compiler %d goes on", pid)
}

func started(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil && len(text) > 0 {
			return
		}
	}
	t.Fatal("the compiler does not start")
}

func TestTimeout(t *testing.T) {
	j := job(t, "wait")
	j.Timeout = 2 * time.Second
	err := j.Run(t.Context())
	var module *host.ModuleError
	if !errors.As(err, &module) || !strings.Contains(err.Error(), "takes longer than 2s; raise the limit by --compile-timeout") {
		t.Error(err)
	}
	gone(t, j.Dir)
}

func TestContext(t *testing.T) {
	j := job(t, "wait")
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		started(t, j.Dir)
		cancel(cause)
	}()
	if err := j.Run(ctx); err != cause {
		t.Errorf("%v, want %v", err, cause)
	}
	gone(t, j.Dir)
}

// TestItEndsWithItsParent kills a process that runs a job, and waits for the end of the compiler.
func TestItEndsWithItsParent(t *testing.T) {
	const variable = "WASISOCK_TEST_PARENT"
	if dir := os.Getenv(variable); dir != "" {
		j := job(t, "wait")
		j.Dir = dir
		j.Run(t.Context())
		return
	}
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "-test.run=^TestItEndsWithItsParent$")
	parent.Env = append(os.Environ(), variable+"="+dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	started(t, dir)
	parent.Process.Kill()
	parent.Wait()
	gone(t, dir)
}

func TestProgramsThatAreNoCompiler(t *testing.T) {
	for program, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "the compiler does not start",
		"/bin/false":                       "failed: exit status 1; name a wasisock program",
	} {
		j := job(t, "work")
		j.Program = program
		if err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", program, err, want)
		}
	}
	t.Setenv(variable, "1")
	if err := job(t, "work").Run(t.Context()); err == nil || !strings.Contains(err.Error(), "call ServeCompiler in main") {
		t.Error(err)
	}
}
