package stdnet

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wasisock/wasisock/internal/engines"
)

// scratch is a directory for what all tests share.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "wasisock-stdnet-"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(scratch)
	os.Exit(status)
}

// An engine runs a guest as a process of its own.
type engine struct {
	name    string   // wazero or wasmedge
	command []string // flags, the module and its arguments are to follow
}

// onEveryEngine runs test on wazero, and on the WasmEdges that the environment names.
func onEveryEngine(t *testing.T, test func(t *testing.T, e engine)) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	t.Run("wazero", func(t *testing.T) {
		test(t, engine{"wazero", []string{hostCommand(t), "run", "--allow-all"}})
	})
	for _, version := range engines.WasmEdges() {
		t.Run(version.Name(), func(t *testing.T) {
			variable := version.Variable()
			program := os.Getenv(variable)
			switch {
			case program != "":
				test(t, engine{"wasmedge", []string{program, "--allow-af-unix"}})
			case os.Getenv("WASISOCK_ENGINES") == "required":
				t.Fatalf("%s does not name a wasmedge", variable)
			default:
				t.Skipf("%s does not name a wasmedge; make test-engines fetches both versions", variable)
			}
		})
	}
}

// with is the command with what is to follow it.
func (e engine) with(words ...[]string) *exec.Cmd {
	command := e.command[:len(e.command):len(e.command)]
	for _, w := range words {
		command = append(command, w...)
	}
	return exec.Command(command[0], command[1:]...)
}

// dir is the flags that give a guest a directory.
func (e engine) dir(host, guest string, readonly bool) []string {
	switch {
	case e.name == "wasmedge" && readonly:
		return []string{"--dir", guest + ":" + host + ":readonly"}
	case e.name == "wasmedge":
		return []string{"--dir", guest + ":" + host}
	case readonly:
		return []string{"--dir", host + ":" + guest + ":ro"}
	}
	return []string{"--dir", host + ":" + guest}
}

// hostCommand is wasisock, the command of this module.
func hostCommand(t *testing.T) string {
	t.Helper()
	return once(t, "wasisock", func(file string) {
		goBuild(t, "go", nil, "build", "-buildvcs=false", "-o", file, "../cmd/wasisock")
	})
}

// made is the overlay for the go command of PATH.
func made(t *testing.T) *Overlay {
	t.Helper()
	o, err := Make(context.Background(), Config{Cache: scratch})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// guestTest, guestPoller and guestHTTP are the programs of testdata, compiled with the
// overlay.
func guestTest(t *testing.T) string   { return guestOf(t, "guest", "test", "-c") }
func guestPoller(t *testing.T) string { return guestOf(t, "poller", "build") }
func guestHTTP(t *testing.T) string   { return guestOf(t, "http", "build") }

func guestOf(t *testing.T, directory string, command ...string) string {
	t.Helper()
	return once(t, directory+".wasm", func(file string) {
		o := made(t)
		goBuild(t, o.Go(), o.Env(), append(command, "-ldflags=-s -w", "-overlay", o.File, "-o", file, "./testdata/"+directory)...)
	})
}

var files sync.Mutex

// once is a file of scratch, which the first call makes.
func once(t *testing.T, name string, build func(file string)) string {
	t.Helper()
	files.Lock()
	defer files.Unlock()
	file := filepath.Join(scratch, name)
	if _, err := os.Stat(file); err != nil {
		build(file)
	}
	return file
}

func goBuild(t *testing.T, program string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}
