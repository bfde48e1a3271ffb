//go:build linux

// Package cluster tests deploy/kubernetes on a Kubernetes of its own, whose programs it builds.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wantAPI is the value of WASISOCK_KUBERNETES for the tests of an API server with its etcd.
const wantAPI = "api"

// programs is the directory of the programs of Kubernetes. It outlives the tests: go build does
// nothing for a program that is up to date.
var programs string

func TestMain(m *testing.M) {
	if os.Getenv("WASISOCK_KUBERNETES") == "" {
		fmt.Println("Kubernetes is tested by make test-kubernetes and make prove-cluster alone")
		os.Exit(0)
	}
	var err error
	if programs, err = filepath.Abs("../../build/kubernetes"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// want skips a test that is not asked for, and fails it if a tool is missing.
func want(t *testing.T, what string, tools ...string) {
	t.Helper()
	if os.Getenv("WASISOCK_KUBERNETES") != what {
		t.Skipf("set WASISOCK_KUBERNETES=%s to run it", what)
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is not in PATH; .ci/run has the names of Debian's packages", tool)
		}
	}
}

// ofAPI are the programs of Kubernetes that check files.
var ofAPI = []string{"kube-apiserver", "kubectl"}

// build builds programs of Kubernetes.
func build(t *testing.T, names []string) {
	t.Helper()
	packages := make([]string, len(names))
	for i, name := range names {
		packages[i] = "k8s.io/kubernetes/cmd/" + name
	}
	buildIn(t, "kube", packages)
}

// buildIn builds packages, without cgo, in the module in a directory.
func buildIn(t *testing.T, dir string, packages []string) {
	t.Helper()
	compile(t, dir, append([]string{"build", "-ldflags=-s -w", "-o", programs + "/"}, packages...)...)
}

// install builds a package of another module, at a version.
func install(t *testing.T, pkg string) {
	t.Helper()
	compile(t, ".", "install", pkg)
}

// compile runs the go command in a directory.
func compile(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+programs)
	started := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", cmd.Args, err, out)
	}
	t.Logf("built %s in %v", args[len(args)-1], time.Since(started).Round(time.Second))
}

func program(name string) string { return filepath.Join(programs, name) }

// await calls f every 100 ms until it returns nil, and fails the test after a time.
func await(t *testing.T, limit time.Duration, what string, f func() error) {
	t.Helper()
	started := time.Now()
	for end := started.Add(limit); ; time.Sleep(100 * time.Millisecond) {
		err := f()
		if err == nil {
			t.Logf("%s after %v", what, time.Since(started).Round(100*time.Millisecond))
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s: %v", limit, what, err)
		}
	}
}

// output runs a command to its end, for a minute at most, and returns what it prints to stdout.
func output(cmd *exec.Cmd) (string, error) {
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	err := cmd.Wait()
	if ctx.Err() != nil {
		err = errors.New("it takes more than a minute")
	}
	if err != nil {
		err = fmt.Errorf("%q: %w: %s", cmd.Args, err, strings.TrimSpace(complaints.String()))
	}
	return out.String(), err
}
