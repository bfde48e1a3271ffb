//go:build linux || darwin

package wazero

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// TestCPUProfile is of a guest that computes in a function that calls none, under the
// name that Go knows it by, and then waits.
func TestCPUProfile(t *testing.T) {
	cfg := cached()
	cfg.CPUProfile = NewCPUProfile()
	cmd := command(t, "hot")
	if code, err := runAs(t.Context(), guestWasm(t, "-ldflags="), cfg, cmd); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	var file bytes.Buffer
	if n, err := cfg.CPUProfile.WriteTo(&file); err != nil || n != int64(file.Len()) {
		t.Fatal(n, err)
	}
	wantEdge(t, file.Bytes())
	p, err := profile.Parse(&file)
	if err != nil {
		t.Fatal(err)
	}
	var baking, below, waiting int64 // samples
	for _, s := range p.Sample {
		if s.Value[1] != s.Value[0]*p.Period {
			t.Errorf("%v in periods of %d", s.Value, p.Period)
		}
		for _, l := range s.Location {
			if l.Line[0].Function.Name == "runtime.netpoll" {
				waiting += s.Value[0]
			}
		}
		if s.Location[0].Line[0].Function.Name != "main.(*oven).bake" {
			continue
		}
		baking += s.Value[0]
		if len(s.Location) > 1 && s.Location[1].Line[0].Function.Name == "main.hot" {
			below += s.Value[0]
		}
	}
	if baking < 10 || below < baking || waiting > 30 { // of 60 waits
		t.Errorf("%d samples are of the loop, %d of them called by main.hot, and %d of waiting\n%v", baking, below, waiting, p)
	}
}

// wantEdge fails unless Go's compiler, which go build -pgo gives a profile to, learns from it
// where main.hot calls the loop. It counts lines from the function's first.
func wantEdge(t *testing.T, data []byte) {
	t.Helper()
	source, err := os.ReadFile("../../testdata/program/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "\nfunc hot() {")
	before, _, _ := strings.Cut(body, "o.bake(")
	edge := fmt.Sprintf("\nmain.hot\nmain.(*oven).bake\n%d ", strings.Count(before, "\n"))

	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(in, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("go", "tool", "preprofile", "-i", in, "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("go tool preprofile: %v\n%s", err, text)
	}
	if edges, err := os.ReadFile(out); err != nil || !strings.Contains(string(edges), edge) {
		t.Errorf("%v; want the edge %q in\n%s", err, edge, edges)
	}
}
