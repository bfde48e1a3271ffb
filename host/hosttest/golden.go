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

func goldenDir(t *testing.T) string { return filepath.Join(source(t), "testdata", "golden") }

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

// goldenSentences returns the sentences of a theme.
func goldenSentences(t *testing.T, theme string) (sentences []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(goldenDir(t), goldenFile(theme)))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if s, ok := strings.CutPrefix(l, "# "); ok {
			sentences = append(sentences, strings.TrimSuffix(s, "\n"))
		}
	}
	return sentences
}

func goldenFile(theme string) string { return strings.ReplaceAll(theme, " ", "-") + ".txt" }

// taken holds what sentences wrote in this run.
type taken struct {
	mu         sync.Mutex
	bySentence map[string]string
}

func newTaken() *taken { return &taken{bySentence: map[string]string{}} }

func (ts *taken) add(sentence, transcript string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.bySentence[sentence] = transcript
}

// write writes the files anew with what the engine wrote, where it is the oracle. For a
// sentence that the oracle does not survive, wasisock is the oracle.
func (s *transcripts) write(t *testing.T) {
	golden := readGolden(t)
	files := map[string]*strings.Builder{}
	for _, l := range s.lines {
		from := oracle
		if d, ok := differenceOf(l.sentence, oracle); ok && d.notRun {
			from = "wasisock"
		}
		transcript, ok := golden[l.sentence]
		if got, shown := s.taken.bySentence[l.sentence]; shown && from == s.engine.differs() {
			transcript, ok = got, true
		}
		if !ok {
			continue
		}
		name := goldenFile(l.theme)
		if files[name] == nil {
			files[name] = new(strings.Builder)
		} else {
			files[name].WriteString("\n")
		}
		files[name].WriteString("# " + l.sentence + "\n")
		for text := range strings.Lines(transcript) {
			files[name].WriteString("\t" + text)
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
