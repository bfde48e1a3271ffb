package hosttest

import (
	"strings"
	"sync"
	"testing"
)

// inTurn is how many sentences a process shows at most.
const inTurn = 12

// alone reports whether a sentence is shown by a process of its own in any case.
func alone(sentence string) bool {
	_, prepared := outside[sentence]
	return prepared || *update
}

// A turns is sentences of one theme that processes show in turn.
type turns struct {
	lines []line

	once  sync.Once
	shown map[string]string // transcripts by sentence
}

// transcript returns what a sentence wrote in its turn, if it had one.
func (ts *turns) transcript(t *testing.T, e Engine, l line) (string, bool) {
	ts.once.Do(func() { ts.show(t, e) })
	transcript, shown := ts.shown[l.sentence]
	return transcript, shown
}

// show runs one process after another, each from behind the sentence that ended the last.
func (ts *turns) show(t *testing.T, e Engine) {
	ts.shown = map[string]string{}
	for left := ts.lines; len(left) > 1; {
		var sentences []string
		for _, l := range left {
			sentences = append(sentences, l.sentence)
		}
		r := newRun(t, e, left[0].guest, sentences...)
		transcripts := strings.Split("\n"+r.start(t), "\n# ")[1:]
		if len(transcripts) == 0 {
			return // not even the first began
		}
		for _, transcript := range transcripts {
			sentence, text, _ := strings.Cut(transcript, "\n")
			if text != "" {
				text = strings.TrimSuffix(text, "\n") + "\n"
			}
			ts.shown[sentence] = text
		}
		left = left[len(transcripts):]
	}
}
