package hosttest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hosttest"
	"github.com/wasisock/wasisock/host/wazero"
)

// childVariable holds, as JSON, the Guest that this process is to run on wazero
// instead of tests: so the race detector and what the tests link hold for it.
const childVariable = "WASISOCK_HOSTTEST_GUEST"

func TestMain(m *testing.M) {
	if guest := os.Getenv(childVariable); guest != "" {
		os.Exit(runOnWazero(guest))
	}
	os.Exit(m.Run())
}

func TestWazero(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hosttest.Test(t, hosttest.Engine{
		Name: "wazero",
		Command: func(g hosttest.Guest) *exec.Cmd {
			guest, err := json.Marshal(g)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), childVariable+"="+string(guest))
			return cmd
		},
	})
}

// runOnWazero runs a guest with the network of loopback and is its exit code.
func runOnWazero(guest string) int {
	var g hosttest.Guest
	err := json.Unmarshal([]byte(guest), &g)
	if err == nil {
		var code int
		if code, err = runGuest(g); err == nil {
			return code
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 125
}

func runGuest(g hosttest.Guest) (int, error) {
	rules := []string{
		"resolve localhost",
		"listen tcp 192.0.2.1:*", // not this machine's: the system refuses it
	}
	for _, op := range []string{"dial", "listen", "send"} {
		for _, address := range []string{"127.0.0.0/8", "0.0.0.0", "[::1]", "[::]"} {
			rules = append(rules, op+" tcp "+address+":*", op+" udp "+address+":*")
		}
		if g.UNIX {
			rules = append(rules, op+" unix *", op+" unixgram *")
		}
	}
	policy, err := host.ParsePolicy(rules...)
	if err != nil {
		return 0, err
	}
	wasm, err := os.ReadFile(g.File)
	if err != nil {
		return 0, err
	}
	module, err := wazero.Compile(context.Background(), wasm, wazero.Config{})
	if err != nil {
		return 0, err
	}
	defer module.Close()
	guest := host.Cmd{
		Module: module,
		Args:   append([]string{"guest.wasm"}, g.Args...),
		Env:    g.Env,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Dirs:   []host.Dir{{Host: g.Root, Guest: "/"}},
		Policy: policy,
	}
	err = guest.Run(context.Background())
	var exit *host.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode, nil
	}
	return 0, err
}

func TestWasmEdge014(t *testing.T) { testWasmEdge(t, "0.14") }
func TestWasmEdge017(t *testing.T) { testWasmEdge(t, "0.17") }

func testWasmEdge(t *testing.T, version string) {
	variable := "WASISOCK_WASMEDGE_" + strings.ReplaceAll(version, ".", "")
	program := os.Getenv(variable)
	if program == "" {
		say := t.Skipf
		if os.Getenv("WASISOCK_ENGINES") == "required" {
			say = t.Fatalf
		}
		say("%s does not name a wasmedge %s; make test-engines fetches both versions and runs this", variable, version)
	}
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	if !strings.Contains(string(out), " "+version+".") {
		t.Fatalf("%s is no wasmedge %s: %s", program, version, out)
	}
	hosttest.Test(t, hosttest.Engine{
		Name:  "wasmedge-" + version,
		Noise: regexp.MustCompile(`^\[[0-9-]{10} [0-9:.]{12}\] \[(warning|error)\] `),
		Command: func(g hosttest.Guest) *exec.Cmd {
			args := []string{"--dir", "/:" + g.Root}
			if g.UNIX {
				args = append(args, "--allow-af-unix")
			}
			for _, variable := range g.Env {
				args = append(args, "--env", variable)
			}
			return exec.Command(program, append(append(args, g.File), g.Args...)...)
		},
	})
}
