package hosttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// childVariable holds, as JSON, the child that this process becomes instead of running
// tests: so the race detector and what the tests link hold for it.
const childVariable = "WASISOCK_HOSTTEST_CHILD"

// A child runs a guest on one of the engines.
type child struct {
	Engine string
	Guest  Guest
}

// ServeChild runs a guest and exits, if the suite started this process to run it on one
// of the engines. Otherwise it returns. TestMain calls it first.
func ServeChild(engines ...Engine) {
	text := os.Getenv(childVariable)
	if text == "" {
		return
	}
	code, err := serve(text, engines)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 125
	}
	os.Exit(code)
}

// isChild fails a test that runs in the process of a guest.
func isChild(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		t.Fatal("the suite runs in a process that was to run a guest; call hosttest.ServeChild in TestMain")
	}
}

// ofItself returns the process of a guest that the test program runs.
func (e Engine) ofItself(g Guest) *exec.Cmd {
	self, err := os.Executable()
	text, jsonErr := json.Marshal(child{e.Name, g})
	cmd := exec.Command(self)
	cmd.Err = errors.Join(err, jsonErr)
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	return cmd
}

// serve runs a guest with the network of loopback and returns its exit code.
func serve(text string, engines []Engine) (int, error) {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return 0, err
	}
	for _, e := range engines {
		if e.Name == c.Engine {
			return e.serve(c.Guest)
		}
	}
	return 0, fmt.Errorf("TestMain gives ServeChild no engine %s", c.Engine)
}

func (e Engine) serve(g Guest) (int, error) {
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
	module, err := e.Compile(context.Background(), wasm, Config{})
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
		// At its host path too, since paths of UNIX sockets on WasmEdge are the host's.
		Dirs:   []host.Dir{{Host: g.Root, Guest: "/"}, {Host: g.Root, Guest: g.Root}},
		Policy: policy,
	}
	err = guest.Run(context.Background())
	var exit *host.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode, nil
	}
	return 0, err
}
