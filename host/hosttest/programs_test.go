package hosttest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host/hosttest"
	"github.com/wasisock/wasisock/internal/engines"
)

// WasmEdge's own programs, which the environment names. They can run transcripts alone.

func TestWasmEdge(t *testing.T) {
	for _, v := range engines.WasmEdges() {
		t.Run(v.Minor, func(t *testing.T) { testWasmEdge(t, v) })
	}
}

func testWasmEdge(t *testing.T, v engines.Version) {
	variable, version := v.Variable(), v.Minor
	program := os.Getenv(variable)
	engine := hosttest.Engine{
		Name:  v.Name(),
		Noise: regexp.MustCompile(`^\[[0-9-]{10} [0-9:.]{12}\] \[(warning|error)\] `),
		Program: func(g hosttest.Guest) *exec.Cmd {
			args := []string{"--dir", "/:" + g.Root}
			if g.UNIX {
				args = append(args, "--allow-af-unix")
			}
			for _, variable := range g.Env {
				args = append(args, "--env", variable)
			}
			return exec.Command(program, append(append(args, g.File), g.Args...)...)
		},
	}
	t.Run("table", func(t *testing.T) { hosttest.CheckTable(t, engine) })
	if program == "" {
		report := t.Skipf
		if os.Getenv("WASISOCK_ENGINES") == "required" {
			report = t.Fatalf
		}
		report("%s does not name a wasmedge %s; make test-engines fetches both versions and runs this", variable, version)
	}
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	if !strings.Contains(string(out), " "+version+".") {
		t.Fatalf("%s is not wasmedge %s: %s", program, version, out)
	}
	hosttest.Run(t, engine)
}
