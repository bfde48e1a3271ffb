package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/prove/internal/engine"
)

// The output of a test program, with ^ for ^V.
const sample = `^=== RUN   TestGood
^--- PASS: TestGood (0.00s)
^=== NAME  
^=== RUN   TestParts
^=== RUN   TestParts/a
    x_test.go:1: what happened
^=== RUN   TestParts/b
half a line^--- FAIL: TestParts (0.01s)
    ^--- FAIL: TestParts/a (0.00s)
    ^--- PASS: TestParts/b (0.00s)
^=== NAME  
^=== RUN   TestSkipped
    x_test.go:2: not here
^--- SKIP: TestSkipped (0.00s)
^=== NAME  
^=== RUN   TestStuck
`

func parsed(t *testing.T, text string) *results {
	t.Helper()
	r, err := parse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "^", "\x16"))))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParse(t *testing.T) {
	r := parsed(t, sample)
	for name, want := range map[string]string{
		"TestGood": "pass", "TestParts": "fail", "TestParts/a": "fail", "TestParts/b": "pass",
		"TestSkipped": "skip", "TestStuck": "unfinished",
	} {
		if r.result[name] != want {
			t.Errorf("%s is %q, want %q", name, r.result[name], want)
		}
	}
	if got := r.output["TestParts/a"]; !slices.Equal(got, []string{"    x_test.go:1: what happened"}) {
		t.Errorf("TestParts/a wrote %q", got)
	}
	if r.ended {
		t.Error("a program that was killed is taken for one that ended")
	}
	if !parsed(t, sample+"FAIL\nexit 1\n").ended || !parsed(t, "^=== NAME  \nPASS\n").ended {
		t.Error("a program that ended is taken for one that was killed")
	}
}

func TestJudge(t *testing.T) {
	here := []string{"wasmedge-0.14", "go1.24.9"}
	line := func(n int, test, result, where string) expectation {
		return expectation{"net", test, result, strings.Split(where, ","), "raw", n}
	}
	killed := errors.New("it was killed")
	for _, c := range []struct {
		name  string
		list  []expectation
		ended error
		text  string
		want  counts
		wrong []string // what each complaint has in it
	}{
		{"nothing expected", nil, killed, sample, counts{1, 2, 1, 4}, []string{"TestParts/a: fail", "TestSkipped: skip", "TestStuck", "killed"}},
		{"all expected", []expectation{line(1, "TestParts/*", "fail", "*"), line(2, "TestSk*", "skip", "wasmedge,go1.24")}, nil,
			strings.Replace(sample, "^=== RUN   TestStuck\n", "FAIL\n", 1), counts{1, 0, 2, 0}, nil},
		{"expected elsewhere", []expectation{line(1, "TestParts/a", "fail", "wazero"), line(2, "TestSkipped", "skip", "wasmedge,go1.25")}, nil,
			strings.Replace(sample, "^=== RUN   TestStuck\n", "FAIL\n", 1), counts{1, 1, 1, 2}, []string{"TestParts/a: fail", "TestSkipped: skip"}},
		{"expected but there", []expectation{line(1, "TestParts/a", "fail", "!go1.24"), line(2, "TestSkipped", "skip", "!wazero,!go1.25")}, nil,
			strings.Replace(sample, "^=== RUN   TestStuck\n", "FAIL\n", 1), counts{1, 1, 1, 1}, []string{"TestParts/a: fail"}},
		{"passes", []expectation{line(7, "TestGood", "fail", "*")}, nil, "^=== RUN   TestGood\n^--- PASS: TestGood (0.00s)\nPASS\n", counts{1, 0, 0, 1}, []string{"expected.txt:7"}},
		{"is not there", []expectation{line(8, "TestGone", "skip", "*")}, nil, "^=== RUN   TestGood\n^--- PASS: TestGood (0.00s)\nPASS\n", counts{1, 0, 0, 1}, []string{"expected.txt:8"}},
	} {
		got, wrong := judge(parsed(t, c.text), expected{"expected.txt", nil, c.list}, "net", here, c.ended, false)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		for i, w := range wrong {
			if i >= len(c.wrong) || !strings.Contains(w, c.wrong[i]) {
				t.Errorf("%s: complaint %d: %s", c.name, i, w)
			}
		}
	}
}

func TestExcluded(t *testing.T) {
	list := []expectation{{"net", "TestA", "exclude", []string{"*"}, "", 1}, {"net", "TestB/*/x.y", "exclude", []string{"wazero"}, "", 2}, {"net", "TestC", "exclude", []string{"go1.24"}, "", 3}, {"net", "TestD", "slow", []string{"wazero"}, "", 4}}
	if got := excluded(list, "net", []string{"wazero", "go1.26.8"}, false); got != `^TestA$|^TestB$/^.*$/^x\.y$` {
		t.Errorf("excluded is %s", got)
	}
	if got := excluded(list, "net", []string{"wazero", "go1.26.8"}, true); got != `^TestA$|^TestB$/^.*$/^x\.y$|^TestD$` {
		t.Errorf("with -short, excluded is %s", got)
	}
}

// TestHosts: what is WasmEdge's own does not hold where WasmEdge only computes.
func TestHosts(t *testing.T) {
	ours := expectation{pkg: "net", where: []string{"!wasmedge"}}
	theirs := expectation{pkg: "net", where: []string{"wasmedge"}}
	for _, name := range engine.Names {
		own := strings.HasPrefix(name, "wasmedge")
		if ours.appliesTo("net", []string{name}) == own || theirs.appliesTo("net", []string{name}) != own {
			t.Errorf("%s is taken for another host", name)
		}
	}
	if _, err := engine.New(t.Context(), "wasmedge", engine.Config{Cache: t.TempDir()}); err == nil || !strings.Contains(err.Error(), strings.Join(engine.Names, ", ")) {
		t.Errorf("an unknown engine: %v", err)
	}
}

func TestExpectedFiles(t *testing.T) {
	files := map[string]string{"expected.txt": expectedGo}
	names, err := filepath.Glob("*/expected.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("files of modules: %q, %v", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	for name, text := range files {
		x, err := readExpected(name, text)
		if err != nil || len(x.packages) == 0 || len(x.list) == 0 {
			t.Errorf("%s: %d packages, %d expectations, %v", name, len(x.packages), len(x.list), err)
		}
		for _, e := range x.list {
			if !slices.Contains(x.packages, e.pkg) {
				t.Errorf("%s:%d: %s is not among the packages", name, e.line, e.pkg)
			}
		}
	}
}
