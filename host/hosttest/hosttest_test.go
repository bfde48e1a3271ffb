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

// childVariable holds, as JSON, the child that this process is to be instead of
// running tests: so the race detector and what the tests link hold for it.
const childVariable = "WASISOCK_HOSTTEST_CHILD"

// A child runs a guest on one of the engines.
type child struct {
	Engine string
	Guest  hosttest.Guest
}

// compilers are those of the engines that wasisock's host has here.
var compilers = map[string]func(wasm []byte) (host.Module, error){
	"wazero": func(wasm []byte) (host.Module, error) {
		return wazero.Compile(context.Background(), wasm, wazero.Config{})
	},
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		os.Exit(beChild(text))
	}
	os.Exit(m.Run())
}

func TestHost(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for engine := range compilers {
		t.Run(engine, func(t *testing.T) {
			hosttest.Test(t, hosttest.Engine{
				Name: "wasisock",
				Command: func(g hosttest.Guest) *exec.Cmd {
					text, err := json.Marshal(child{engine, g})
					if err != nil {
						t.Fatal(err)
					}
					cmd := exec.Command(self)
					cmd.Env = append(os.Environ(), childVariable+"="+string(text))
					return cmd
				},
			})
		})
	}
}

// beChild runs a guest with the network of loopback and is its exit code.
func beChild(text string) int {
	var c child
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		var code int
		if code, err = run(c.Guest, compilers[c.Engine]); err == nil {
			return code
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 125
}

func run(g hosttest.Guest, compile func([]byte) (host.Module, error)) (int, error) {
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
	module, err := compile(wasm)
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
