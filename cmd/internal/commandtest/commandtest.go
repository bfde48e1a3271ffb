// Package commandtest helps to test the command wasisock when it is built with other tags than the
// tests.
package commandtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/asm"
)

// Guests that return, trap, and never end.
const (
	Ending   = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"
	Trapping = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x05\x01\x03\x00\x00\x0b"
	Spinning = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b"
)

// Recursing is a guest that calls itself, and then stores to memory, so that no compiler turns the
// recursion into a loop.
var Recursing = string(asm.Module{Pages: 1, Locals: 1000, Code: asm.Join(asm.Call(0), asm.ConstI32(0), asm.ConstI32(0), asm.StoreI32)}.Bytes())

// Command is the file of the command, which Main builds.
var Command string

// Main builds the command with a tag, and runs the tests of a package in a directory below
// cmd/wasisock. It exits.
func Main(m *testing.M, tag string) {
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		panic(err)
	}
	Command = filepath.Join(dir, "wasisock")
	code := 1
	if err := Build(Command, "-tags="+tag); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// Build builds the command in the directory above the current one to file.
func Build(file string, flags ...string) error {
	args := append([]string{"build", "-o", file}, flags...)
	out, err := exec.Command("go", append(args, "..")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the command: %w: %s", err, out)
	}
	return nil
}

// Execute runs Command to its end.
func Execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return ExecuteFile(t, Command, args...)
}

// ExecuteFile runs a command that Build has built to its end.
func ExecuteFile(t *testing.T, file string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(file, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// Start starts Command, whose standard error is that of the test. When the test has ended, it
// kills the command.
func Start(t *testing.T, args ...string) (cmd *exec.Cmd, stdout io.Reader) {
	t.Helper()
	cmd = exec.Command(Command, args...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, stdout
}

// Post sends a request to a server of guest/server, and checks the echo.
func Post(t *testing.T, address string) {
	t.Helper()
	client := http.Client{Timeout: time.Minute}
	response, err := client.Post("http://"+address, "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body) != "echo: x" {
		t.Fatalf("%q, %v", body, err)
	}
}

// File creates a file with text in it, and returns its path.
func File(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}
