package hosttest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host/hosttest"
)

// WasmEdge's own programs, which the environment names. They can run transcripts alone.

func TestWasmEdge014(t *testing.T) { testWasmEdge(t, "0.14") }
func TestWasmEdge017(t *testing.T) { testWasmEdge(t, "0.17") }

func testWasmEdge(t *testing.T, version string) {
	variable := "WASISOCK_WASMEDGE_" + strings.ReplaceAll(version, ".", "")
	program := os.Getenv(variable)
	engine := hosttest.Engine{
		Name:  "wasmedge-" + version,
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
