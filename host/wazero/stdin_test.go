//go:build linux

package wazero

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
)

// terminal is one of the system's, and the end at which somebody types.
func terminal(t *testing.T) (terminal, typist *os.File) {
	t.Helper()
	typist, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine has no terminals")
	}
	number, err := unix.IoctlGetInt(int(typist.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(typist.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close(); typist.Close() })
	return terminal, typist
}

// TestStdinInPoll waits for stdin of each kind.
func TestStdinInPoll(t *testing.T) {
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
		{"a terminal", func(t *testing.T) io.Reader { r, _ := terminal(t); return r }, "look", over},
		{"half a line", func(t *testing.T) io.Reader { r, w := terminal(t); w.WriteString("ab"); return r }, "look", over},
		{"a line", func(t *testing.T) io.Reader { r, w := terminal(t); w.WriteString("ab\n"); return r },
			"wait read look", ready + `"ab\n" <nil>` + "\n" + over},
		{"a terminal that is gone", func(t *testing.T) io.Reader { r, w := terminal(t); w.Close(); return r }, "wait", hangup},
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
			if code, err := run(t.Context(), guestWasm(t), cmd); code != 0 || err != nil || out.String() != test.want {
				t.Errorf("%d, %v, %s\nwant %s", code, err, &out, test.want)
			}
		})
	}
}
