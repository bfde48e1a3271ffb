package hosttest

import (
	"os"
	"strings"
	"testing"
)

// oracle is the engine whose transcripts are the golden ones.
const oracle = "wasmedge-0.17"

// differs returns the name that the table of differences knows an engine by: what a
// guest sees of sockets is the same on all engines of wasisock's host.
func (e Engine) differs() string {
	if e.Compile != nil {
		return "wasisock"
	}
	return e.Name
}

// A transcripts runs the sentences of the test guest.
type transcripts struct {
	engine Engine
	lines  []line
	golden map[string]string
	taken  *taken
	shown  map[string]bool // themes of which one sentence was shown
}

func newTranscripts(t *testing.T, e Engine) *transcripts {
	if e.Program == nil {
		e.Program = e.ofItself
	}
	s := &transcripts{engine: e, golden: readGolden(t), taken: newTaken(), shown: map[string]bool{}}
	for _, guest := range transcriptGuests(t) {
		s.lines = append(s.lines, list(t, e, guest)...)
	}
	t.Run("every sentence is listed", s.checkListed)
	return s
}

// run shows the sentences of some themes.
func (s *transcripts) run(t *testing.T, themes []theme) {
	type test struct {
		line
		skip  string
		turns *turns
	}
	var tests []test
	batch := new(turns)
	for _, l := range s.lines {
		if !hasTheme(themes, l.theme) {
			continue
		}
		again := s.shown[l.theme]
		s.shown[l.theme] = true
		if len(batch.lines) > 0 && batch.lines[0].theme != l.theme || len(batch.lines) == inTurn {
			batch = new(turns)
		}
		test := test{line: l, skip: s.engine.lacks(s.engine.needsFor(l, again)), turns: batch}
		if again && testing.Short() {
			test.skip = "with -short, one sentence of each theme is shown; run it without"
		}
		if test.skip == "" && !alone(l.sentence) {
			batch.lines = append(batch.lines, l)
		}
		tests = append(tests, test)
	}
	for _, test := range tests {
		t.Run(test.theme+"/"+test.sentence, func(t *testing.T) {
			t.Parallel()
			if test.skip != "" {
				t.Skip(test.skip)
			}
			s.one(t, test.line, test.turns)
		})
	}
}

// needsFor returns what an engine must be able to do for a transcript, by whether
// another transcript of its theme was shown before. In wasisock's host, the calls of all engines are
// the same code, and one of each theme shows that they are there; an interpreter needs a
// second to load the guest for each.
func (e Engine) needsFor(l line, again bool) Capability {
	if d, differs := differenceOf(l.sentence, e.differs()); differs && d.notRun {
		return Survival
	}
	if again && e.Compile != nil {
		return Compiled
	}
	return 0
}

func hasTheme(themes []theme, name string) bool {
	for _, theme := range themes {
		if theme.name == name {
			return true
		}
	}
	return false
}

// one compares the transcript of a sentence with the golden one, or with what the table
// of differences says.
//
// A process begins slowly, so sentences are shown by one process in turn. One whose transcript
// is another there is shown by a process of its own, which counts.
func (s *transcripts) one(t *testing.T, l line, in *turns) {
	d, differs := differenceOf(l.sentence, s.engine.differs())
	want, known := s.golden[l.sentence]
	if differs {
		want = d.transcript
	}
	got, shown := in.transcript(t, s.engine, l)
	if !shown || !known || got != want {
		got = show(t, s.engine, l)
	}
	s.taken.add(l.sentence, got)
	if *update {
		if strings.Contains("\n"+got, "\nFAIL ") {
			t.Errorf("this shows no sentence:\n%s", got)
		}
		return
	}
	switch {
	case !known:
		t.Errorf("no golden transcript; with -update the suite writes it. It is:\n%s", got)
	case differs && got == s.golden[l.sentence]:
		t.Errorf("%s does not differ any more: delete its row from the table of differences", s.engine.Name)
	case differs && got != want:
		t.Errorf("the transcript differs, and not as the table says (%s).\ngot:\n%s\nwant:\n%s", d.why, got, want)
	case !differs && got != want:
		t.Errorf("the transcript differs.\ngot:\n%s\nwant:\n%s", got, want)
	}
}

// checkListed checks that sentences, groups, golden transcripts and differences belong
// together.
func (s *transcripts) checkListed(t *testing.T) {
	count := map[string]int{}
	for _, l := range s.lines {
		if count[l.sentence]++; count[l.sentence] > 1 {
			t.Errorf("two sentences say %q", l.sentence)
		}
		in := 0
		for _, g := range groups {
			if hasTheme(g.themes, l.theme) {
				in++
			}
		}
		if in != 1 {
			t.Errorf("theme %q is in %d groups; put it into one, in the file sentence.go", l.theme, in)
		}
	}
	for sentence := range s.golden {
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

// show returns the transcript of a sentence that has a process of its own.
func show(t *testing.T, e Engine, l line) string {
	r := newRun(t, e, l.guest, l.sentence)
	if o, ok := outside[l.sentence]; ok {
		o(t, &r)
	}
	transcript := r.start(t)
	if why, skipped := strings.CutPrefix(lastLine(transcript), "SKIP "); skipped {
		t.Skip(why)
	}
	return transcript
}

// newRun returns the run of a guest that has a directory for itself until the test ends.
func newRun(t *testing.T, e Engine, guest string, sentences ...string) run {
	dir, err := os.MkdirTemp("", "wasisock") // short: it begins the paths of UNIX sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return run{engine: e, guest: Guest{File: guest, Args: sentences, Env: []string{"WASISOCK_DIR=" + dir}, Root: dir, UNIX: true}}
}

func lastLine(s string) string {
	s = strings.TrimSuffix(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}
