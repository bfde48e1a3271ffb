package hosttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

// aboutReadiness tests waits beside the transcripts: for the standard streams.
var aboutReadiness = []sentence{
	{
		says: "poll_oneoff reports when standard input of any kind can be read",
		test: pollsStdin,
	},
	{
		says: "a full pipe as standard output stops none of the guest's other goroutines",
		test: fullStdout,
	},
	{
		says:    "a guest's standard streams do not block, and the host's files stay as they are",
		promise: promiseHosts,
		test:    sharedStreams,
	},
}

func pollsStdin(t *testing.T, b *bench) {
	const ready, hangup, over = "ready\n", "hangup\n", "time\n"
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "text")
	pipe := func(t *testing.T) (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r, w
	}
	for _, test := range []struct {
		name  string
		stdin func(*testing.T) io.Reader
		args  string
		want  string
	}{
		{"an empty pipe", func(t *testing.T) io.Reader { r, _ := pipe(t); return r }, "look read", over + `"" Try again` + "\n"},
		{"a pipe", func(t *testing.T) io.Reader { r, w := pipe(t); w.WriteString("text"); return r },
			"wait read look", ready + `"text" <nil>` + "\n" + over},
		{"a pipe that is written to meanwhile", func(t *testing.T) io.Reader {
			r, w := pipe(t)
			timer := time.AfterFunc(20*time.Millisecond, func() { w.WriteString("text") })
			t.Cleanup(func() { timer.Stop() })
			return r
		}, "wait read", ready + `"text" <nil>` + "\n"},
		{"a pipe at its end", func(t *testing.T) io.Reader { r, w := pipe(t); w.Close(); return r },
			"wait read wait", hangup + `"" <nil>` + "\n" + hangup},
		{"a terminal", func(t *testing.T) io.Reader { r, _ := newTerminal(t); return r }, "look", over},
		{"half a line", func(t *testing.T) io.Reader { r, w := newTerminal(t); w.WriteString("ab"); return r }, "look", over},
		{"a line", func(t *testing.T) io.Reader { r, w := newTerminal(t); w.WriteString("ab\n"); return r },
			"wait read look", ready + `"ab\n" <nil>` + "\n" + over},
		{"a terminal that is gone", func(t *testing.T) io.Reader { r, w := newTerminal(t); w.Close(); return r }, "wait", hangup},
		{"a file", func(t *testing.T) io.Reader {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			return f
		}, "wait read wait read", ready + `"text" <nil>` + "\n" + ready + `"" <nil>` + "\n"},
		{"a reader of Go", func(*testing.T) io.Reader { return strings.NewReader("text") }, "wait read wait", ready + `"text" <nil>` + "\n" + ready},
		{"nothing", func(*testing.T) io.Reader { return nil }, "wait read", ready + `"" <nil>` + "\n"},
		{"what the guest closed", func(t *testing.T) io.Reader { r, _ := pipe(t); return r },
			"close look read", "<nil>\nEBADF\n" + `"" Bad file number` + "\n"},
		{"another file in place of a pipe", func(t *testing.T) io.Reader { r, _ := pipe(t); return r },
			"close open wait read", "<nil>\n0 <nil>\n" + ready + `"text" <nil>` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(t, append([]string{"poll stdin"}, strings.Fields(test.args)...)...)
			cmd.Stdin = test.stdin(t)
			cmd.Dirs = []host.Dir{{Host: filepath.Dir(file), Guest: "/"}}
			var out bytes.Buffer
			cmd.Stdout = &out
			if code, err := b.runProgram(t, t.Context(), Config{}, cmd); code != 0 || err != nil || out.String() != test.want {
				t.Errorf("%d, %v, %s\nwant %s", code, err, &out, test.want)
			}
		})
	}
}

func fullStdout(t *testing.T, b *bench) {
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	errs, errW := io.Pipe()
	cfg := command(t, "alive")
	cfg.Stdout, cfg.Stderr = outW, errW
	done := make(chan error, 1)
	go func() {
		code, err := b.runProgram(t, context.Background(), Config{}, cfg)
		if code != 0 && err == nil {
			err = fmt.Errorf("exit code %d", code)
		}
		outW.Close()
		done <- err
	}()
	if _, err := io.ReadFull(errs, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, out)
	if n != 1<<20 || err != nil {
		t.Errorf("%d bytes, %v; want %d", n, err, 1<<20)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// sharedStreams checks that a guest reads that stdin, stdout and stderr do not block, as it
// asked for, while the files of the host block as before.
func sharedStreams(t *testing.T, b *bench) {
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); feed.Close(); out.Close() }()
	regular, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	cfg := command(t, "flags")
	cfg.Stdin, cfg.Stdout, cfg.Stderr = in, outW, regular
	blocking := map[string]bool{}
	cfg.Trace = func(host.Call) {
		for name, f := range map[string]*os.File{"stdin": in, "stdout": outW, "stderr": regular} {
			blocking[name] = isBlocking(t, f)
		}
	}
	code, err := b.runProgram(t, t.Context(), Config{}, cfg)
	outW.Close()
	text, _ := io.ReadAll(out)
	const want = "0 nonblock true\n1 nonblock true\n2 nonblock true\nclosed: Bad file number\n"
	if code != 0 || err != nil || string(text) != want {
		t.Errorf("%d, %v, %q; want %q", code, err, text, want)
	}
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		if !blocking[name] {
			t.Errorf("the host's %s was made non-blocking, or nothing was traced", name)
		}
	}
}
