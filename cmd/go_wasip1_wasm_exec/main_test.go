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

	"github.com/wasisock/wasisock/host"
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
	if want := "go_wasip1_wasm_exec: refused: dial tcp 192.0.2.1:80; permit it with WASISOCK_ALLOW='dial tcp 192.0.2.1:80'\n"; !strings.Contains(string(out), want) {
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

func TestExitCodes(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.wasm")
	if err := os.WriteFile(empty, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		args    []string
		environ []string
		code    int
		stderr  string
	}{
		{"no guest", nil, nil, 125, "usage: go_wasip1_wasm_exec"},
		{"a wrong rule", []string{empty}, []string{"WASISOCK_ALLOW=dial tcp localhost:80"}, 125, "WASISOCK_ALLOW: rule \"dial tcp localhost:80\": "},
		{"no module", []string{empty}, []string{"WASISOCK_ALLOW= dial tcp *:80 ,\n\n, resolve * ,"}, 126, "it is empty"},
		{"no file", []string{empty + "x"}, nil, 127, "no such file"},
	} {
		var out, stderr bytes.Buffer
		code := run(test.args, test.environ, nil, &out, &stderr)
		if code != test.code || !strings.Contains(stderr.String(), test.stderr) || out.Len() > 0 {
			t.Errorf("%s: %d, %q, %q; want %d, %q", test.name, code, &out, &stderr, test.code, test.stderr)
		}
	}
}

func TestLoopbackRules(t *testing.T) {
	for _, temp := range []string{"/tmp", "/tmp/", "/with space/and'more,", "/"} {
		policy, err := host.ParsePolicy(loopback(temp)...)
		if err != nil {
			t.Errorf("%s: %v", temp, err)
			continue
		}
		path := filepath.Join(temp, "dir", "socket")
		if err := policy(host.Request{Op: host.OpListen, Network: "unix", Path: path}); err != nil {
			t.Error(err)
		}
		if policy(host.Request{Op: host.OpListen, Network: "unix", Path: "elsewhere"}) == nil {
			t.Errorf("%s: a path elsewhere is permitted", temp)
		}
		if err := policy(host.Request{Op: host.OpResolve, Host: "localhost"}); err != nil {
			t.Error(err)
		}
	}
}
