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
	run(t, []string{"GOOS=wasip1", "GOARCH=wasm"}, "../../..", "go", "build", "-o", wasm, "./guest/server")
	program := filepath.Join(t.TempDir(), "plain")
	run(t, nil, ".", "go", "build", "-o", program)

	server := exec.Command(program, wasm, "-addr", "127.0.0.1:0")
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("the server said %q, %v", line, err)
	}
	client := http.Client{Timeout: time.Minute}
	response, err := client.Post("http://"+addr, "text/plain", strings.NewReader("name=WasmEdge"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body) != "echo: name=WasmEdge" {
		t.Errorf("it answered %q, %v", body, err)
	}
}

func TestExitCode(t *testing.T) {
	wasm := filepath.Join(t.TempDir(), "client.wasm")
	run(t, []string{"GOOS=wasip1", "GOARCH=wasm"}, "../../..", "go", "build", "-o", wasm, "./guest/client")
	program := filepath.Join(t.TempDir(), "plain")
	run(t, nil, ".", "go", "build", "-o", program)

	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{wasm, "-help"}, 0},
		{[]string{wasm, "-no-such-flag"}, 2},
		{[]string{"nowhere.wasm"}, 1},
	} {
		client := exec.Command(program, test.args...)
		out, err := client.CombinedOutput()
		if code := client.ProcessState.ExitCode(); code != test.code {
			t.Errorf("%v: exit code %d, %v, want %d\n%s", test.args[1:], code, err, test.code, out)
		}
	}
}

func run(t *testing.T, env []string, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
