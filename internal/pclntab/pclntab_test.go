package pclntab

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasisock/wasisock/internal/wasm"
)

func build(t testing.TB, version string, flags ...string) *wasm.Module {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program.wasm")
	cmd := exec.Command("go", append([]string{"build", "-buildvcs=false", "-o", file}, append(flags, ".")...)...)
	cmd.Dir = filepath.Join("testdata", "program")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "GOTOOLCHAIN="+version)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A prober walks the stack when a guest enters main.probe.
type prober struct {
	*Table
	out strings.Builder
}

func (p *prober) NewFunctionListener(f api.FunctionDefinition) experimental.FunctionListener {
	if f.Name() != "main.probe" {
		return nil
	}
	return p
}

func (p *prober) Before(_ context.Context, m api.Module, _ api.FunctionDefinition, _ []uint64, _ experimental.StackIterator) {
	p.out.WriteString("stack\n")
	for _, pc := range p.Stack(uint32(m.ExportedGlobal("sp").Get()), m.Memory().ReadUint64Le) {
		for _, f := range p.Frames(pc) {
			fmt.Fprintf(&p.out, "%s %s:%d\n", f.Function, f.File, f.Line)
		}
	}
}

func (p *prober) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}
func (p *prober) Abort(context.Context, api.Module, api.FunctionDefinition, error)    {}

// TestStack compares the stacks of a guest with those that its runtime knows.
func TestStack(t *testing.T) {
	others := strings.FieldsFunc(os.Getenv("WASISOCK_GO_VERSIONS"), func(r rune) bool { return r == ' ' || r == ',' })
	for _, version := range append([]string{"local"}, others...) {
		for _, flags := range []string{"-ldflags=", "-gcflags=-l", "-trimpath"} {
			t.Run(version+" "+flags, func(t *testing.T) {
				m := build(t, version, flags)
				p := &prober{Table: Find(m, minor(t, version))}
				if p.Table == nil {
					t.Fatal("there is no table")
				}
				m.AddExport(wasm.Export{Name: "sp", Kind: wasm.ExternGlobal})
				ctx := experimental.WithFunctionListenerFactory(t.Context(), p)
				r := wazero.NewRuntime(ctx)
				defer r.Close(ctx)
				wasi_snapshot_preview1.MustInstantiate(ctx, r)
				var printed bytes.Buffer
				if _, err := r.InstantiateWithConfig(ctx, m.Encode(), wazero.NewModuleConfig().WithStdout(&printed)); err != nil && !strings.Contains(err.Error(), "exit_code(0)") {
					t.Fatal(err)
				}
				got, want := p.out.String(), printed.String()
				// The runtime shortens the names of instances, and leaves out wrappers, such as
				// an instance's method here.
				lines := strings.SplitAfter(strings.ReplaceAll(got, "[go.shape.string]", "[...]"), "\n")
				got = strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "main.(*square[string]).draw ") }), "")
				if got != want || strings.Count(want, "stack\n") != 5 {
					t.Errorf("the host finds\n%s\nand the guest\n%s", got, want)
				}
			})
		}
	}
}

// minor is the N of a version of Go, 1.N.
func minor(t *testing.T, version string) int {
	cmd := exec.Command("go", "env", "GOVERSION")
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+version)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Split(strings.TrimSpace(string(out)), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStartLine(t *testing.T) {
	source, err := os.ReadFile("testdata/program/main.go")
	if err != nil {
		t.Fatal(err)
	}
	m := build(t, "local")
	table := Find(m, minor(t, "local"))
	found := map[string]int{}
	for i := range m.Bodies {
		if frames := table.Frames(Entry(uint32(i))); frames != nil {
			f := frames[len(frames)-1]
			found[f.Function] = f.StartLine
		}
	}
	if len(found) < 1000 {
		t.Errorf("%d functions have names", len(found))
	}
	for _, name := range []string{"main", "callers", "deferred"} {
		want := 1 + strings.Count(string(source[:bytes.Index(source, []byte("func "+name+"()"))]), "\n")
		if found["main."+name] != want {
			t.Errorf("main.%s begins at line %d; want %d", name, found["main."+name], want)
		}
	}
	if table.Frames(Entry(uint32(len(m.Bodies)))) != nil || table.Frames(0) != nil || table.Frames(1<<63) != nil {
		t.Error("there are functions beyond the last")
	}
}

// FuzzTable damages a table, which must cost nothing more.
func FuzzTable(f *testing.F) {
	m := build(f, "local", "-ldflags=-s -w")
	image := imageOf(m)
	at := uint64(bytes.Index(image, []byte(header)))
	good := read(image, at, 26)
	if good == nil {
		good = read(image, at, 27)
	}
	if good == nil {
		f.Fatal("there is no table")
	}
	f.Add(uint32(8), uint64(1)<<60, uint32(3))
	f.Add(uint32(64), uint64(1)<<31, uint32(100))
	f.Fuzz(func(t *testing.T, offset uint32, value uint64, index uint32) {
		damaged := bytes.Clone(image)
		where := at + uint64(offset)%(uint64(len(image))-at-8)
		binary.LittleEndian.PutUint64(damaged[where:], value)
		table := read(damaged, at, 26)
		if table == nil {
			return
		}
		pc := Entry(index) + uint64(offset%200)
		if n := len(table.Frames(pc)); n > maxFrames {
			t.Errorf("%d frames", n)
		}
		table.Stack(uint32(value), func(at uint32) (uint64, bool) { return table.word(uint64(at)), true })
	})
}
