//go:build linux || darwin

package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/wasmedge"
	"github.com/wasisock/wasisock/internal/engines"
)

// onEngines runs a test on our own host, and on every WasmEdge that the environment names. engine
// is the beginning of the command line, before the guest.
func onEngines(t *testing.T, test func(t *testing.T, engine []string)) {
	t.Run("wazero", func(t *testing.T) {
		test(t, []string{executable(t), "run", "--cache", filepath.Join(scratch, "cache"), "--allow-all"})
	})
	for _, minor := range wasmedge.Minors {
		t.Run("WasmEdge "+minor, func(t *testing.T) { test(t, []string{named(t, minor)}) })
	}
}

// named returns the wasmedge that the environment names.
func named(t *testing.T, minor string) string {
	t.Helper()
	program := os.Getenv(wasmedge.Variable(minor))
	if program == "" {
		say := t.Skipf
		if os.Getenv("WASISOCK_ENGINES") == "required" {
			say = t.Fatalf
		}
		say("%s does not name a wasmedge %s; make test-engines fetches both versions and runs this", wasmedge.Variable(minor), minor)
	}
	return program
}

// TestServe runs an ordinary program, built by wasisock build, as a server and as a client.
func TestServe(t *testing.T) {
	onEngines(t, func(t *testing.T, engine []string) {
		guest := func(args ...string) *exec.Cmd {
			words := slices.Concat(engine, []string{program(t)}, args)
			cmd := exec.Command(words[0], words[1:]...)
			cmd.Stderr = os.Stderr
			return cmd
		}
		server := guest("serve", "127.0.0.1:0")
		out, err := server.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		defer server.Wait()
		defer server.Process.Kill()
		addr, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		url := "http://" + strings.TrimSpace(addr) + "/path"
		client := http.Client{Timeout: time.Minute}
		answer, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if string(text) != "hello /path\n" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		if text, err := guest("get", url).Output(); string(text) != "hello /path\n" || err != nil {
			t.Errorf("a guest gets %q, %v", text, err)
		}
	})
}

// TestAOT compiles a Go program. That takes half a minute once: the code is kept in the user's own
// cache.
func TestAOT(t *testing.T) {
	for _, minor := range wasmedge.Minors {
		t.Run(minor, func(t *testing.T) {
			program := named(t, minor)
			dir := tree(t)
			t.Setenv("XDG_CACHE_HOME", userCache)
			code, stdout, stderr := start(t, "build", "-C", dir, "-trimpath", "-ldflags=-s -w", "-o", "out/", "--aot", minor, "./two")
			if code != 0 || stdout != "" {
				t.Fatalf("%d, %q, %q", code, stdout, stderr)
			}
			v, _ := engines.WasmEdge(minor)
			args := append(v.AOT, filepath.Join(dir, "out", "two.aot-"+minor+".wasm"))
			out, err := exec.Command(program, args...).CombinedOutput()
			if err != nil || !bytes.Equal(out, []byte("two\n")) {
				t.Errorf("%v, %s", err, out)
			}
		})
	}
	t.Run("of nothing", func(t *testing.T) {
		minor := wasmedge.Minors[0]
		named(t, minor)
		t.Chdir(tree(t))
		if code, _, stderr := start(t, "build", "--aot", minor, "./one", "./two"); code != 125 || !strings.Contains(stderr, "name one program, or a directory with -o") {
			t.Errorf("%d, %q", code, stderr)
		}
	})
}
