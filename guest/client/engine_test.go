//go:build !wasip1

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/engines"
	"github.com/wasisock/wasisock/internal/guestbuild"
)

// An engine runs the client as a process of its own.
type engine struct {
	name    string
	command []string // what comes before the module
}

// built holds the client's module, and wasisock's command that runs it.
var built struct {
	once             sync.Once
	client, wasisock string
	err              error
}

func TestMain(m *testing.M) {
	status := m.Run()
	if built.wasisock != "" {
		os.RemoveAll(filepath.Dir(built.wasisock))
	}
	os.Exit(status)
}

func build() error {
	dir, err := os.MkdirTemp("", "wasisock-client-")
	if err != nil {
		return err
	}
	if built.client, err = guestbuild.File("."); err != nil {
		return err
	}
	built.wasisock = filepath.Join(dir, "wasisock")
	cmd := exec.Command("go", "build", "-o", built.wasisock, "../../cmd/wasisock")
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
}

// onEveryEngine runs test on wazero, and on the WasmEdges that the environment
// names; `make test-engines` does.
func onEveryEngine(t *testing.T, test func(t *testing.T, e engine)) {
	if testing.Short() {
		t.Skip("starts processes; run it without -short")
	}
	if built.once.Do(func() { built.err = build() }); built.err != nil {
		t.Fatal(built.err)
	}
	t.Run("wazero", func(t *testing.T) {
		test(t, engine{"wazero", []string{built.wasisock, "run", "--allow", "dial tcp 127.0.0.0/8:*",
			"--allow", "dial tcp [::1]:*", "--allow", "resolve *"}})
	})
	for _, version := range engines.WasmEdges() {
		name, variable := version.Name(), version.Variable()
		t.Run(name, func(t *testing.T) {
			program := os.Getenv(variable)
			switch {
			case program != "":
				test(t, engine{name, []string{program}})
			case os.Getenv("WASISOCK_ENGINES") == "required":
				t.Fatalf("%s is not set", variable)
			default:
				t.Skipf("%s is not set; `make test-engines` fetches WasmEdge and sets it", variable)
			}
		})
	}
}

// cmd is the client with some arguments, not started. It ends with the test, and
// after a minute at the latest.
func (e engine) cmd(t *testing.T, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	command := append(append(e.command[:len(e.command):len(e.command)], built.client), args...)
	return exec.CommandContext(ctx, command[0], command[1:]...)
}

// run runs the client to its end.
func (e engine) run(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := e.cmd(t, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

var (
	milliseconds = regexp.MustCompile(`\d+\.\d ms`)
	compiling    = regexp.MustCompile(`(?m)^wasisock: .*\n`)
)

// stable is output without what differs from run to run: the server's address,
// times, and the engine's own lines.
func stable(output, addr string) string {
	output = strings.ReplaceAll(output, addr, "ADDR")
	return milliseconds.ReplaceAllString(compiling.ReplaceAllString(output, ""), "T ms")
}
