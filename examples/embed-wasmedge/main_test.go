//go:build wasmedge

package main

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
)

func TestServer(t *testing.T) {
	wasm := filepath.Join(t.TempDir(), "server.wasm")
	program := filepath.Join(t.TempDir(), "embed-wasmedge")
	build(t, "../..", []string{"GOOS=wasip1", "GOARCH=wasm"}, "-trimpath", "-ldflags=-s -w", "-o", wasm, "./guest/server")
	build(t, ".", nil, "-tags=wasmedge", "-o", program)

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

func build(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %v: %v\n%s", args, err, out)
	}
}
