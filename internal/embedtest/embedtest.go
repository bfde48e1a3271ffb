// Package embedtest tests the examples that embed a server as a guest.
package embedtest

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/guestbuild"
)

// Serves builds the program in the current directory with flags of go build, runs guest/server with
// it, sends a request, and interrupts the program.
func Serves(t *testing.T, flags ...string) {
	wasm, err := guestbuild.File("github.com/wasisock/wasisock/guest/server")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "embed")
	if out, err := exec.Command("go", append(append([]string{"build"}, flags...), "-o", program, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}

	embed := exec.Command(program, wasm, "-addr", "127.0.0.1:0")
	stderr, err := embed.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := embed.Start(); err != nil {
		t.Fatal(err)
	}
	defer embed.Process.Kill()
	lines := bufio.NewScanner(stderr)
	url := ""
	for url == "" && lines.Scan() {
		_, url, _ = strings.Cut(lines.Text(), "serving ")
	}
	client := http.Client{Timeout: time.Minute}
	response, err := client.Post(url, "text/plain", strings.NewReader("name=WasmEdge"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body) != "echo: name=WasmEdge" {
		t.Errorf("it answered %q, %v", body, err)
	}
	embed.Process.Signal(os.Interrupt)
	if lines.Scan(); !strings.HasPrefix(lines.Text(), "1 connections, ") {
		t.Errorf("at the end it said %q", lines.Text())
	}
	if err := embed.Wait(); err != nil {
		t.Error(err)
	}
}
