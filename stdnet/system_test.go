package stdnet

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestFiles runs guests whose directories have absolute names, some of which begin with
// others, and some of which are read-only.
func TestFiles(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		guest := guestTest(t)
		dir := func(name, text string) string {
			dir := t.TempDir()
			name = filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			return dir
		}
		for name, flags := range map[string][]string{
			"TestFilesBelow": slices.Concat(
				e.dir(dir("file", "one"), "/etc/one", false),
				e.dir(dir("file", "two"), "/etc/two", true)),
			"TestFilesPrefix": slices.Concat(
				e.dir(dir("database/file", "right"), "/", false),
				e.dir(dir("file", "data"), "/data", false)),
		} {
			out, err := e.with(flags, []string{guest, "-test.v", "-test.run=^" + name + "$"}).CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
	})
}

func TestZone(t *testing.T) {
	const zones = "/usr/share/zoneinfo"
	if _, err := os.Stat(zones + "/America/New_York"); err != nil {
		t.Skipf("%v; install tzdata", err)
	}
	onEveryEngine(t, func(t *testing.T, e engine) {
		flags := append(e.dir(zones, zones, true), "--env", "TZ=America/New_York")
		out, err := e.with(flags, []string{guestTest(t), "-test.v", "-test.run=^TestZone$"}).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestStdin gives a guest a pipe as standard input, on which nothing comes until the
// guest's other goroutines have run for a while.
func TestStdin(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		cmd := e.with([]string{guestTest(t), "-test.v", "-test.run=^TestStdin$"})
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		var said bytes.Buffer
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			switch lines.Text() {
			case "ticked":
				io.WriteString(in, "one\ntwo\n")
				in.Close()
			}
		}
		if err := cmd.Wait(); err != nil || !bytes.Contains(said.Bytes(), []byte("--- PASS")) {
			t.Errorf("%v\n%s", err, said.Bytes())
		}
	})
}
