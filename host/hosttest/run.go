package hosttest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// limit is how long a sentence may take, on a slow and busy machine, that first compiles the
// guest ahead of time.
const limit = 10 * time.Minute

// A run is one process that shows a sentence.
type run struct {
	engine Engine
	guest  Guest
	files  int // how many descriptors the process may have open; 0 means no limit

	// during is called with the process at every line of the transcript, before
	// the next line is read. It may be nil.
	during func(process int, line string)
}

// start runs the guest to its end and is the transcript: what it wrote, and a
// last line in parentheses if its exit status was not 0.
func (r *run) start(t *testing.T) string {
	cmd := r.engine.Program(r.guest)
	if r.files > 0 {
		cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, r.files), "sh", cmd.Path}, cmd.Args[1:]...)
		shell, err := exec.LookPath("sh")
		if err != nil {
			t.Fatal(err)
		}
		cmd.Path = shell
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	var transcript strings.Builder
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if r.engine.Noise != nil && r.engine.Noise.MatchString(line) {
			continue
		}
		transcript.WriteString(line + "\n")
		if r.during != nil {
			r.during(cmd.Process.Pid, line)
		}
	}
	err = cmd.Wait()
	if !timer.Stop() {
		fmt.Fprintf(&transcript, "(no end within %v)\n", limit)
	} else if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		fmt.Fprintf(&transcript, "(%s)\n", exit)
	}
	if stderr.Len() > 0 {
		t.Logf("standard error:\n%s", &stderr)
	}
	return transcript.String()
}

// list returns every sentence of a guest.
func list(t *testing.T, e Engine, file string) []line {
	r := run{engine: e, guest: Guest{File: file, Args: []string{"-list"}, Root: t.TempDir()}}
	var all []line
	for s := range strings.Lines(r.start(t)) {
		theme, sentence, ok := strings.Cut(strings.TrimSuffix(s, "\n"), "\t")
		if !ok {
			t.Fatalf("%s: -list printed %q", filepath.Base(file), s)
		}
		all = append(all, line{file, theme, sentence})
	}
	if len(all) == 0 {
		t.Fatalf("%s has no sentences", filepath.Base(file))
	}
	return all
}

// A line is a sentence of a guest.
type line struct{ guest, theme, sentence string }
