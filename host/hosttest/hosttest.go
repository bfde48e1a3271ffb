// Package hosttest is the conformance suite: the behaviour that every engine
// must show.
//
// The behaviour is written down as sentences, each a command of the test guest
// (testdata/guest). Test runs every sentence in a process of its own and compares
// what the guest wrote, its transcript, with testdata/golden. WasmEdge 0.17 is
// the oracle: its transcripts are the golden ones. What may be otherwise on
// another engine stands in one table, with the reason, and nothing else may:
// a row that is no longer true fails the suite as well.
//
// The transcripts are those of Linux. Everything stays on loopback.
package hosttest

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// An Engine runs guests.
type Engine struct {
	// Name is the engine's name in the table of differences.
	Name string

	// Command is a process that runs a guest, not yet started, with nothing on
	// its standard input. The process is the engine itself, not a parent of it,
	// because the suite stops it by signals and asks for its CPU time.
	Command func(Guest) *exec.Cmd

	// Noise matches lines of standard output that are the engine's own. It may be
	// nil.
	Noise *regexp.Regexp
}

// A Guest is one run of a guest.
type Guest struct {
	File string   // the wasm module
	Args []string // without the program's name
	Env  []string
	Root string // a directory of the host, which the guest has at /
	UNIX bool   // UNIX sockets are allowed
}

// oracle is the engine whose transcripts are the golden ones.
const oracle = "wasmedge-0.17"

var update = flag.Bool("update", false, "write testdata/golden anew from "+oracle)

// Test runs the suite on an engine, with -short one sentence of each theme.
func Test(t *testing.T, e Engine) {
	if runtime.GOOS != "linux" {
		t.Skip("the transcripts are those of Linux")
	}
	golden := readGolden(t)
	taken := newTranscripts()
	shown := map[string]bool{}
	var listed []line
	for _, guest := range buildGuests(t) {
		for _, l := range list(t, e, guest) {
			listed = append(listed, l)
			again := shown[l.theme]
			shown[l.theme] = true
			t.Run(strings.ReplaceAll(l.theme+"/"+l.sentence, " ", "_"), func(t *testing.T) {
				t.Parallel()
				if again && testing.Short() {
					t.Skip("with -short, one sentence of each theme is shown")
				}
				d, differs := differenceOf(l.sentence, e.Name)
				if differs && d.notRun {
					t.Skipf("not run on %s: %s", e.Name, d.why)
				}
				got := show(t, e, guest, l.sentence)
				taken.add(l.sentence, got)
				if *update {
					if strings.Contains("\n"+got, "\nFAIL ") {
						t.Errorf("this shows no sentence:\n%s", got)
					}
					return
				}
				want, known := golden[l.sentence]
				switch {
				case !known:
					t.Errorf("no golden transcript; with -update the suite writes it. It is:\n%s", got)
				case differs && got == want:
					t.Errorf("%s does not differ any more: delete its row from the table of differences", e.Name)
				case differs && got != d.transcript:
					t.Errorf("the transcript differs, and not as the table says (%s).\ngot:\n%s\nwant:\n%s", d.why, got, d.transcript)
				case !differs && got != want:
					t.Errorf("the transcript differs.\ngot:\n%s\nwant:\n%s", got, want)
				}
			})
		}
	}
	t.Run("every_sentence_is_listed", func(t *testing.T) { checkListed(t, e, listed, golden) })
	if *update {
		t.Cleanup(func() { writeGolden(t, e, listed, taken) })
	}
}

// checkListed holds that sentences, golden transcripts and differences belong
// together.
func checkListed(t *testing.T, e Engine, listed []line, golden map[string]string) {
	count := map[string]int{}
	for _, l := range listed {
		if count[l.sentence]++; count[l.sentence] > 1 {
			t.Errorf("two sentences say %q", l.sentence)
		}
	}
	for sentence := range golden {
		if count[sentence] == 0 && !*update {
			t.Errorf("a golden transcript has no sentence: %q", sentence)
		}
	}
	for _, d := range differences {
		if count[d.sentence] == 0 {
			t.Errorf("a difference has no sentence: %q", d.sentence)
		}
		if d.why == "" {
			t.Errorf("a difference has no reason: %q", d.sentence)
		}
	}
	for sentence := range outside {
		if count[sentence] == 0 {
			t.Errorf("something is done from outside to no sentence: %q", sentence)
		}
	}
}

// show is the transcript of a sentence.
func show(t *testing.T, e Engine, file, sentence string) string {
	dir, err := os.MkdirTemp("", "wasisock") // short: it begins the paths of UNIX sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	g := Guest{File: file, Args: []string{sentence}, Env: []string{"WASISOCK_DIR=" + dir}, Root: dir, UNIX: true}
	r := run{engine: e, guest: g}
	if o, ok := outside[sentence]; ok {
		o(t, &r)
	}
	transcript := r.start(t)
	if why, skipped := strings.CutPrefix(lastLine(transcript), "SKIP "); skipped {
		t.Skip(why)
	}
	return transcript
}

func lastLine(s string) string {
	s = strings.TrimSuffix(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}
