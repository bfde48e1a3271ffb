// Package hosttest is the conformance suite: the behaviour that every engine must show.
//
// The behaviour is written down as sentences. There are two kinds. A sentence in Go
// runs guests by package host and looks at what they did. A transcript is a command of
// the test guest (testdata/guest), which runs in a process of its own; the suite
// compares what the guest wrote with testdata/golden. WasmEdge 0.17 is the oracle: its
// transcripts are the golden ones. What may differ on another engine stands in one
// table, with the reason, and nothing else may: a row that is no longer true fails the
// suite as well.
//
// Sentences belong to groups, one file each. A sentence that does not apply to an engine
// names the capability that it needs. docs/conformance.md shows which engine runs what,
// and docs/security.md which sentence holds which promise.
//
// An engine's test runs the suite, and its TestMain lets the test program serve as the
// process of a transcript:
//
//	var engine = hosttest.Engine{Name: "wazero", Compile: …, Can: hosttest.Compiled | …}
//
//	func TestMain(m *testing.M) {
//		hosttest.ServeChild(engine)
//		os.Exit(m.Run())
//	}
//
//	func TestConformance(t *testing.T) { hosttest.Run(t, engine) }
//
// With -short, sentences that take long are skipped, and all but one transcript of each
// theme. With -all, an engine also runs what it is slow at. With -update, the suite
// writes what it otherwise compares: golden transcripts on the oracle, and the engine's
// column of docs/conformance.md.
//
// The suite needs Linux or macOS; transcripts are those of Linux. Everything stays on
// loopback.
package hosttest

import (
	"context"
	"flag"
	"io"
	"os/exec"
	"regexp"
	"runtime"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

// An Engine is an engine under test. It has Compile, Program or both.
type Engine struct {
	// Name is the engine's name in the table of differences and in docs/conformance.md.
	// Some differences hold for all engines whose names begin alike.
	Name string

	// Compile compiles a module, as the engine's package does. It is nil for an engine
	// that is a program of its own.
	Compile func(ctx context.Context, wasm []byte, cfg Config) (host.Module, error)

	// Program returns a process that runs a guest, not yet started, with nothing on its
	// standard input. The process is the engine itself, not its parent, because the
	// suite stops it by signals and reads its CPU time. If it is nil, the test program
	// runs the guest by Compile: see ServeChild.
	Program func(Guest) *exec.Cmd

	// Noise matches lines of standard output that the engine itself writes. It may be
	// nil.
	Noise *regexp.Regexp

	// Can lists the engine's capabilities. The suite adds InProcess if Compile is set.
	Can Capability
}

// A Config is the part of an engine's Config that all engines have.
type Config struct {
	Interruptible bool
	Library       bool
	Name          string
	Progress      io.Writer

	// What the compiler may take; 0 is the engine's default.
	CompileMemory  uint64
	CompileTimeout time.Duration
}

// A Guest is one run of a guest in a process of its own.
type Guest struct {
	File string   // the wasm module
	Args []string // without the program's name
	Env  []string
	Root string // a directory of the host, which the guest has at /
	UNIX bool   // UNIX sockets are allowed
}

var (
	update = flag.Bool("update", false, "write what the suite compares: golden transcripts from "+oracle+", and the tables in docs")
	all    = flag.Bool("all", false, "also run the sentences that an engine is slow at")
)

// Run runs every sentence on an engine.
func Run(t *testing.T, e Engine) { e.run(t, groups) }

// RunGroup runs one group of sentences in Go, without transcripts. It is for an engine
// that does one thing in several ways, and the group is run with each.
func RunGroup(t *testing.T, e Engine, name string) {
	for _, g := range groups {
		if g.name == name {
			g.themes = nil
			e.run(t, []group{g})
			return
		}
	}
	t.Fatalf("there is no group %q", name)
}

func (e Engine) run(t *testing.T, of []group) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("guests do not run on " + runtime.GOOS + "; run this on Linux or macOS")
	}
	isChild(t)
	if len(of) == len(groups) {
		t.Run("table", func(t *testing.T) { CheckTable(t, e) })
	}
	guestsAhead(e)
	b := &bench{engine: e, modules: &modules{all: map[string]host.Module{}}}
	defer b.modules.close()
	var shown *transcripts
	for _, g := range of {
		t.Run(g.name, func(t *testing.T) {
			for _, s := range g.sentences {
				t.Run(s.says, func(t *testing.T) {
					if why := e.lacks(s.needs); why != "" {
						t.Skip(why)
					}
					if s.long && testing.Short() {
						t.Skip("it takes long; run it without -short")
					}
					s.test(t, b)
				})
			}
			if len(g.themes) > 0 && runtime.GOOS == "linux" {
				if shown == nil {
					shown = newTranscripts(t, e)
				}
				shown.run(t, g.themes)
			}
		})
	}
	if shown != nil && *update {
		shown.write(t)
	}
}
