package report

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wasisock/wasisock/internal/printable"
)

func TestLog(t *testing.T) {
	for format, want := range map[string]string{
		"plain": `^name: two\nlines\nname: bad\n$`,
		"text":  `^time=\S+ level=WARN msg="two\\nlines" guest=g.wasm instance=2\ntime=\S+ level=ERROR msg=bad guest=g.wasm\n$`,
		"json":  `^\{"time":"[^"]+","level":"WARN","msg":"two\\nlines","guest":"g.wasm","instance":2\}\n\{"time":"[^"]+","level":"ERROR","msg":"bad","guest":"g.wasm"\}\n$`,
	} {
		var text strings.Builder
		out := NewOutput(&text, "name")
		log := NewLog(out, "name", format, slog.LevelWarn).With("guest", "g.wasm")
		log.Info("not worth it")
		log.With("instance", 2).Warn("two\nlines")
		log.Error("bad")
		io.WriteString(Progress(log), "nor this\n")
		out.Close()
		if !regexp.MustCompile(want).MatchString(text.String()) {
			t.Errorf("%s: %q; want %q", format, text.String(), want)
		}
	}
}

// TestLogThatIsBlocked tests that the count of dropped messages has the format of the log.
func TestLogThatIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipe := &blocked{open: make(chan struct{})}
		out := NewOutput(pipe, "name")
		log := NewLog(out, "name", "json", slog.LevelInfo)
		for range 3 * mostWaiting / 1000 {
			log.Info(strings.Repeat("x", 1000))
		}
		close(pipe.open)
		out.Close()
		lines := strings.Split(strings.TrimSuffix(pipe.String(), "\n"), "\n")
		for _, line := range lines {
			if !json.Valid([]byte(line)) {
				t.Fatalf("%q", line)
			}
		}
		if last := lines[len(lines)-1]; !regexp.MustCompile(`"level":"WARN","msg":"\d+ messages are missing here: nothing took them in time"`).MatchString(last) {
			t.Errorf("%.300q", last)
		}
	})
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", printable.MaxLines)
	for _, test := range []struct {
		writes []string
		want   string
	}{
		{[]string{"a", "b\n", "\nc\nd"}, `"ab" "" "c" "d" `},
		{[]string{"a\n"}, `"a" `},
		{[]string{long, "\n"}, fmt.Sprintf("%q %q ", long, "")},
		{[]string{"y", long + "\nz"}, fmt.Sprintf("%q %q %q ", "y"+long[1:], "x", "z")},
		{nil, ""},
	} {
		var got strings.Builder
		l := NewLines(slog.New(plain{w: quoting{&got}}))
		for _, w := range test.writes {
			if n, err := io.WriteString(l, w); n != len(w) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		l.Close()
		if got.String() != test.want {
			t.Errorf("%.50q: %.200s; want %.200s", test.writes, got.String(), test.want)
		}
	}
}

// A quoting writer quotes each message of a plain log without a name.
type quoting struct{ w io.Writer }

func (q quoting) Write(line []byte) (int, error) {
	_, err := fmt.Fprintf(q.w, "%q ", strings.TrimSuffix(strings.TrimPrefix(string(line), ": "), "\n"))
	return len(line), err
}
