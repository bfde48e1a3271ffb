//go:build linux || darwin

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// withCommand is the environment in which the go command finds this command.
func withCommand(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "WASISOCK_TEST_VARIABLE=yes",
		"PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestGoTest(t *testing.T) {
	cmd := exec.Command("go", "test", "-count=1", "-v", "./testdata/program")
	cmd.Env = withCommand(t)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 5 {
		t.Errorf("%v\n%s", err, out)
	}
	if want := "go_wasip1_wasm_exec: refused: dial tcp 192.0.2.1:80; allow it with --allow 'dial tcp 192.0.2.1:80' or WASISOCK_ALLOW='dial tcp 192.0.2.1:80'\n"; !strings.Contains(string(out), want) {
		t.Errorf("the refusal is not told: %s", out)
	}
}

func TestGoRun(t *testing.T) {
	cmd := exec.Command("go", "run", "./testdata/program", "a b", "--help")
	cmd.Env = withCommand(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	wd, _ := os.Getwd()
	want := `["a b" "--help"] in ` + filepath.Base(wd) + " with yes\n"
	var exit *exec.ExitError
	if !errors.As(err, &exit) || stdout.String() != want || !strings.Contains(stderr.String(), "exit status 2") {
		t.Errorf("%v, %q, %q; want %q", err, &stdout, &stderr, want)
	}
}
