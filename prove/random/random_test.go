package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A script is an engine that runs the native program in a shell, with a filter of its
// output behind it.
type script struct{ name, filter string }

func (s script) String() string { return s.name }

func (s script) Prepare(_ context.Context, program string, _ ...string) (string, error) {
	return program, nil
}

func (s script) Command(_ []string, program string, args ...string) []string {
	text := `"$(dirname "$0")"/native "$@" ` + s.filter
	return append([]string{"sh", "-c", text, program}, args...)
}

// compared compares the program of a seed on an engine, and returns what it did and
// what was printed.
func compared(t *testing.T, e runner) (totals, string, *comparer) {
	t.Helper()
	var out bytes.Buffer
	c := &comparer{
		options: options{first: 3, seeds: 1, functions: 3, keep: filepath.Join(t.TempDir(), "kept"), timeout: time.Minute},
		engines: []runner{e},
		work:    t.TempDir(),
		out:     &out,
		cpus:    make(chan struct{}, 2),
	}
	total, err := c.compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return total, out.String(), c
}

func TestSame(t *testing.T) {
	total, out, c := compared(t, script{"same", ""})
	if total.differences != 0 || exitCode(total, nil) != 0 || total.programs != 1 || total.functions != 3 || total.lines < 3*24 || out != "" {
		t.Errorf("%v, output %q", total, out)
	}
	if _, err := os.Stat(c.keep); err == nil {
		t.Error("a program without a difference was kept")
	}
	if left, err := os.ReadDir(c.work); err != nil || len(left) > 0 {
		t.Errorf("files are left in the directory for programs: %v, %v", left, err)
	}
}

// TestPlanted requires that a difference is found and that the report says how to find
// it again.
func TestPlanted(t *testing.T) {
	for _, test := range []struct {
		name, filter string
		want         []string // parts of the report
	}{
		// The first call of f01 has another result, and of what it folds the first
		// value is another one.
		{"one call", `| sed 's/^\(f01 0\) .*/\1 planted/; s/^\t\([0-9]*\) .*/\t\1 other/'`, []string{
			"seed 3: one call differs from native in 1 lines, functions f01\n",
			"\tnative: f01 0 ",
			"\tone call: f01 0 planted\n",
			"first value that differs in f01 with input 0: native \"",
			"main.go:",
			"-seed 3 -seeds 1 -functions 3 -engine one call",
			"GOOS=wasip1 GOARCH=wasm go build",
			"trace f01 0",
		}},
		{"early end", `| head -n 5; echo 'it broke' >&2`, []string{"line 6", "early end: (no line)", "standard error of early end: it broke"}},
		{"exit code", `; exit 9`, []string{"exit code: exit code 9\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			total, out, c := compared(t, script{test.name, test.filter})
			if total.differences != 1 || exitCode(total, nil) != 1 || len(total.seeds) != 1 || total.seeds[0] != 3 {
				t.Errorf("totals %v", total)
			}
			for _, part := range test.want {
				if !strings.Contains(out, part) {
					t.Errorf("no %q in the report:\n%s", part, out)
				}
			}
			kept := filepath.Join(c.keep, "seed-3")
			if !strings.Contains(out, "source: "+kept+"\n") {
				t.Errorf("no %s in the report:\n%s", kept, out)
			}
			for _, name := range []string{"go.mod", "main.go", "support.go", "containers.go"} {
				if _, err := os.Stat(filepath.Join(kept, name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestTimeout requires that a program that does not end is a difference.
func TestTimeout(t *testing.T) {
	c := &comparer{options: options{timeout: 100 * time.Millisecond}, cpus: make(chan struct{}, 1)}
	o, err := c.execute(t.Context(), []string{"sleep", "60"})
	if err != nil || !o.timedOut {
		t.Fatalf("%+v, %v", o, err)
	}
	if d := difference(outcome{stdout: []byte("a\n")}, o); d == nil || !strings.Contains(d.got, "-timeout") {
		t.Errorf("%+v", d)
	}
}

func TestDifference(t *testing.T) {
	same := outcome{stdout: []byte("f00 0 1\nf01 0 2\n"), code: 2}
	if d := difference(same, same); d != nil {
		t.Errorf("an outcome differs from itself: %+v", d)
	}
	d := difference(same, outcome{stdout: []byte("f00 0 1\nf01 0 3\nmore\n"), code: 2})
	if d == nil || d.line != 2 || d.lines != 2 || d.want != "f01 0 2" || d.got != "f01 0 3" {
		t.Errorf("%+v", d)
	}
	if d := difference(same, outcome{stdout: same.stdout}); d == nil || d.want != "exit code 2" || d.got != "exit code 0" {
		t.Errorf("%+v", d)
	}
}

// TestDuration requires that no program starts after the time of -for.
func TestDuration(t *testing.T) {
	c := &comparer{options: options{duration: time.Nanosecond}, cpus: make(chan struct{}, 1)}
	if total, err := c.compare(t.Context()); err != nil || total.programs != 0 {
		t.Errorf("%v, %v", total, err)
	}
}

func TestFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"flag provided but not defined": {"-unknown"},
		"unexpected argument":           {"program"},
		"unknown engine":                {"-engine", "v8"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: exit code %d, error %q, want 2 and %q", args, code, stderr.String(), want)
		}
	}
}

// TestGenerate requires that -generate writes programs that go vet can load.
func TestGenerate(t *testing.T) {
	var stdout, stderr bytes.Buffer
	dir := t.TempDir()
	if code := run([]string{"-generate", "-seed", "7", "-seeds", "2", "-keep", dir, "-functions", "2"}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	want := filepath.Join(dir, "seed-7") + "\n" + filepath.Join(dir, "seed-8") + "\n"
	if stdout.String() != want {
		t.Errorf("output %q, want %q", stdout.String(), want)
	}
	text, err := os.ReadFile(filepath.Join(dir, "seed-8", "main.go"))
	if err != nil || !regexp.MustCompile(`(?m)^func f01\(c \*check, `).Match(text) {
		t.Errorf("main.go has no function f01: %v", err)
	}
}

// TestWazero compares a program on wazero.
func TestWazero(t *testing.T) {
	if testing.Short() {
		t.Skip("builds wasisock; run without -short")
	}
	var stdout, stderr bytes.Buffer
	code := run([]string{"-seeds", "1", "-functions", "4", "-v", "-keep", t.TempDir()}, &stdout, &stderr)
	if code != 0 || !strings.Contains(stdout.String(), "compared 1 programs with 4 functions and ") {
		t.Errorf("exit code %d, output %s%s", code, stdout.String(), stderr.String())
	}
}
