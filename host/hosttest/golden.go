package hosttest

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Golden transcripts stand in one file per theme, each after its sentence,
// which is a line that begins with "# ". Lines of a transcript are indented.

func goldenDir(t *testing.T) string { return filepath.Join(moduleRoot(t), "testdata", "golden") }

// readGolden is every golden transcript by its sentence.
func readGolden(t *testing.T) map[string]string {
	files, err := filepath.Glob(filepath.Join(goldenDir(t), "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var sentence string
		for l := range strings.Lines(string(text)) {
			if s, ok := strings.CutPrefix(l, "# "); ok {
				sentence = strings.TrimSuffix(s, "\n")
				golden[sentence] = ""
			} else if s, ok := strings.CutPrefix(l, "\t"); ok {
				golden[sentence] += s
			}
		}
	}
	return golden
}

// transcripts are what sentences wrote in this run.
type transcripts struct {
	mu         sync.Mutex
	bySentence map[string]string
}

func newTranscripts() *transcripts { return &transcripts{bySentence: map[string]string{}} }

func (ts *transcripts) add(sentence, transcript string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.bySentence[sentence] = transcript
}

// writeGolden writes the files anew with what e wrote, where e is the oracle.
// A sentence that the oracle does not survive has wasisock for its oracle.
func writeGolden(t *testing.T, e Engine, listed []line, taken *transcripts) {
	golden := readGolden(t)
	files := map[string]*strings.Builder{}
	for _, l := range listed {
		from := oracle
		if d, ok := differenceOf(l.sentence, oracle); ok && d.notRun {
			from = "wasisock"
		}
		transcript, ok := golden[l.sentence]
		if got, shown := taken.bySentence[l.sentence]; shown && from == e.Name {
			transcript, ok = got, true
		}
		if !ok {
			continue
		}
		name := strings.ReplaceAll(l.theme, " ", "-") + ".txt"
		if files[name] == nil {
			files[name] = new(strings.Builder)
		} else {
			files[name].WriteString("\n")
		}
		files[name].WriteString("# " + l.sentence + "\n")
		for s := range strings.Lines(transcript) {
			files[name].WriteString("\t" + s)
		}
	}
	old, err := filepath.Glob(filepath.Join(goldenDir(t), "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range old {
		if files[filepath.Base(file)] == nil {
			os.Remove(file)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(goldenDir(t), name), []byte(text.String()), 0o666); err != nil {
			t.Error(err)
		}
	}
}
