package rewrite

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm"
)

// TestCases holds that a module of Go's does the same rewritten, for each version of Go, and
// that nearly all functions are: a change of the code that Go generates must show.
func TestCases(t *testing.T) {
	names := []string{"parked", "panics", "memory", "frames", "shrink", "depth", "loops", "control", "callers", "runtime"}
	for _, version := range versions() {
		t.Run(version, func(t *testing.T) {
			plain := casesOf(t, version)
			made, report := rewritten(t, plain)
			other := report.Left[string(otherType)]
			delete(report.Left, string(otherType))
			if len(report.Left) > 0 || other > 20 || report.Straight > 70 || report.Functions != report.Structured+report.Straight+other {
				t.Errorf("functions are left: %d without the form of Go's, %+v", other, *report)
			}
			if report.Kept > report.Structured*87/100 || len(made) > len(plain)*128/100 {
				t.Errorf("%d old bodies of %d, %d bytes of %d", report.Kept, report.Structured, len(made), len(plain))
			}
			m, err := wasm.Parse(plain)
			if err != nil {
				t.Fatal(err)
			}
			if n := report.Framed; MinorOfGo(m) >= firstSafe && n < report.Functions*74/100 || MinorOfGo(m) < firstSafe && n > 0 {
				t.Errorf("SP has one value in %d functions of %d", n, report.Functions)
			}
			h := newHost(t)
			before, after := h.compile(t, plain), h.compile(t, made)
			for _, name := range names {
				want, got := h.run(t, before, name), h.run(t, after, name)
				if want != got || !strings.HasPrefix(want, "case "+name+"\n") || strings.Count(want, "\n") < 2 {
					t.Errorf("%s differs:\n%s\nrewritten:\n%s", name, want, got)
				}
			}
		})
	}
}

// TestCallback tests that frames find their stack when it has moved while a host function called
// back, in commands and in libraries.
func TestCallback(t *testing.T) {
	for _, version := range versions() {
		t.Run(version, func(t *testing.T) {
			h := newHost(t)
			plain := build(t, version, "callback")
			made, _ := rewritten(t, plain)
			want := h.run(t, h.compile(t, plain))
			if got := h.run(t, h.compile(t, made)); got != want || !strings.HasPrefix(want, "6132\n") {
				t.Errorf("%s\nrewritten: %s", want, got)
			}
			plain = build(t, version, "callback", "-buildmode=c-shared")
			made, report := rewritten(t, plain)
			if report.Framed > 0 {
				t.Errorf("SP has one value in %d functions, whose stacks move", report.Framed)
			}
			var sums [2][]uint64
			for i, module := range [][]byte{plain, made} {
				m, err := h.runtime.InstantiateModule(h.ctx, h.compile(t, module), wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range []uint64{10, 3000, 6000, 9} {
					results, err := m.ExportedFunction("run").Call(h.ctx, n)
					if err != nil {
						t.Fatal(err)
					}
					sums[i] = append(sums[i], results...)
				}
				m.Close(h.ctx)
			}
			if !slices.Equal(sums[0], sums[1]) || len(sums[0]) != 4 {
				t.Errorf("%d, rewritten %d", sums[0], sums[1])
			}
		})
	}
}

// TestLossless tests that the intermediate form loses nothing of a function's code: the result of
// lift can be converted back.
func TestLossless(t *testing.T) {
	m, err := wasm.Parse(casesOf(t, inPath))
	if err != nil {
		t.Fatal(err)
	}
	back, shorter := 0, 0
	for i, b := range m.Bodies {
		code, labels, err := decode(wasm.NewReader(b.Code, 0), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encode(code, labels, b.Code), b.Code) {
			t.Errorf("function %d is not encoded as it was", i)
		}
		fresh := slices.Clone(code)
		for j := range fresh {
			switch op := fresh[j].op; op {
			case wasm.OpF32Const, wasm.OpF64Const, wasm.OpCallIndirect, wasm.OpMemorySize, wasm.OpMemoryGrow, 0xfc0a, 0xfc0b:
			default:
				fresh[j].end = 0
			}
		}
		encoded := encode(fresh, labels, b.Code)
		again, _, err := decode(wasm.NewReader(encoded, 0), nil, nil)
		if err != nil || !same(again, code) {
			t.Errorf("function %d is not read as it was encoded: %v", i, err)
		}
		if !isGo(m, uint32(m.Imported+i)) {
			continue
		}
		f, _ := lift(code, labels, nil)
		if f == nil || len(f.table) == 0 {
			continue
		}
		all := make([]bool, len(f.segments))
		for s := range all {
			all[s] = true
		}
		made, madeLabels := dispatch(f, all, slices.Clone(code[:2]))
		switch {
		case same(made, code) && slices.Equal(madeLabels, labels):
			back++
		case len(made) < len(code): // without what cannot be reached
			shorter++
		default:
			t.Errorf("function %d is not lifted as it was:\n%s\n%s", i, text(code), text(made))
		}
	}
	if back < 1500 || shorter > 20 {
		t.Errorf("%d functions are lifted, and %d shorter", back, shorter)
	}
}

// same reports whether code is equal, except for its offsets.
func same(a, b []instruction) bool {
	return slices.EqualFunc(a, b, func(a, b instruction) bool {
		return a.op == b.op && a.index == b.index && a.value == b.value
	})
}

// names returns the names of the functions of a module.
func names(t testing.TB, m *wasm.Module) map[uint32]string {
	all := map[uint32]string{}
	for _, s := range m.Sections {
		if s.ID != wasm.CustomSection || s.Name != "name" {
			continue
		}
		r := wasm.NewReader(s.Data, 0)
		if r.Byte() != 1 {
			t.Fatal("the first names are not those of functions")
		}
		r.Uint32()
		for range r.Count(2) {
			f := r.Uint32()
			all[f] = r.Name()
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	return all
}

// TestNeverReturn checks the result of returning for functions with known names, which returning
// does not use. It also checks that a goroutine may go on at all calls of deferreturn.
func TestNeverReturn(t *testing.T) {
	for _, version := range versions() {
		t.Run(version, func(t *testing.T) {
			m, err := wasm.Parse(casesOf(t, version))
			if err != nil {
				t.Fatal(err)
			}
			w := &rewriter{module: m}
			w.prove()
			all := names(t, m)
			never := []string{
				"runtime.gopanic", "runtime.throw", "runtime.fatalthrow", "runtime.goexit1", "runtime.mcall", "runtime.gopark",
				"runtime.block", "runtime.newstack", "runtime.morestack", "runtime.morestack_noctxt", "runtime.sigpanic", "runtime.panicdivide",
				"runtime.panicwrap", "runtime.panicdottypeE", "runtime.goPanicIndex", "runtime.Goexit", "runtime.gogo",
			}
			returns := []string{
				"main.descend", "main.jumps", "main.grow", "main.selects", "runtime.mallocgc", "runtime.deferproc", "runtime.chanrecv1",
				"runtime.systemstack", "runtime.memmove", "fmt.Fprintln",
			}
			found := 0
			resuming := map[string]bool{}
			for f, name := range all {
				if f < uint32(m.Imported) {
					continue
				}
				may := w.may[f-uint32(m.Imported)]
				resuming[name] = w.resume[f-uint32(m.Imported)]
				if slices.Contains(never, name) {
					found++
					if may {
						t.Errorf("%s may return", name)
					}
				} else if slices.Contains(returns, name) {
					found++
					if !may {
						t.Errorf("%s never returns", name)
					}
				}
			}
			if found < len(never)+len(returns)-1 {
				t.Errorf("%d of %d functions are there", found, len(never)+len(returns))
			}
			for name, want := range map[string]bool{
				"runtime.mcall": true, "runtime.gopark": true, "runtime.morestack": true, "runtime.morestack_noctxt": true, "main.descend": true,
				"runtime.deferproc": true, "runtime.gopanic": false, "runtime.goPanicIndex": false, "runtime.throw": false, "runtime.panicdivide": false,
			} {
				if got, ok := resuming[name]; ok && got != want || !ok && name != "runtime.goPanicIndex" {
					t.Errorf("behind a call of %s a goroutine may go on: %v, want %v", name, got, want)
				}
			}
			resumed := 0
			for i := range m.Bodies {
				f, _ := new(scratch).lift(m, i)
				if f == nil {
					continue
				}
				at := f.resumed(m, w.resume)
				for s, code := range f.segments {
					for _, in := range code {
						if in.op == wasm.OpCall && all[in.index] == "runtime.deferreturn" {
							if resumed++; !at[s] {
								t.Errorf("%s does not go on at segment %d", all[uint32(m.Imported+i)], s)
							}
						}
					}
				}
			}
			if resumed < 30 {
				t.Errorf("%d calls of deferreturn", resumed)
			}
		})
	}
}

// TestSections holds what the custom sections of a rewritten module say.
func TestSections(t *testing.T) {
	plain := casesOf(t, inPath)
	m, err := wasm.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	before := names(t, m)
	m.Sections = append(m.Sections, wasm.Section{Name: ".debug_info", Data: []byte("?")}, wasm.Section{Name: "other", Data: []byte("kept")})
	made, report := rewritten(t, m.Encode())
	m, err = wasm.Parse(made)
	if err != nil {
		t.Fatal(err)
	}
	after := names(t, m)
	if len(after) != len(before)+report.Kept || len(after) != len(m.Bodies) {
		t.Errorf("%d functions have names, %d before; %d have code", len(after), len(before), len(m.Bodies))
	}
	count := map[string]int{}
	for f, name := range after {
		count[name]++
		if f < uint32(m.Imported+len(before)) && before[f] != name {
			t.Errorf("function %d is %s, and was %s", f, name, before[f])
		}
	}
	if count["main.descend"] != 2 || count["main.sum"] != 1 {
		t.Errorf("%d functions main.descend, and %d main.sum", count["main.descend"], count["main.sum"])
	}
	found := map[string]string{}
	for _, s := range m.Sections {
		found[s.Name] = string(s.Data)
	}
	if found[Mark] != Version || found["other"] != "kept" || found["go:buildid"] == "" || !strings.Contains(found["producers"], "processed-by\x02") ||
		!strings.Contains(found["producers"], "\x08wasisock\x09rewrite "+Version) {
		t.Errorf("sections: %.1000q", found)
	}
	if _, ok := found[".debug_info"]; ok {
		t.Error("debug information of code that has changed is kept")
	}
	if _, _, err := Module(made); err != ErrRewritten {
		t.Errorf("rewritten again: %v", err)
	}
	for producers, want := range map[string]int{
		producersOfGo:                          1,
		"\x00":                                 0,
		"\x01\x08language\x01\x02Go\x040.40":   0, // TinyGo's, if it had one
		"\x01\x08language\x01\x04Rust\x04go1.": 0,
		"\x01\x03sdk\x01\x02Go\x04go1.":        0,
	} {
		data := module([][]byte{body(&function{table: []uint32{0}, segments: [][]instruction{{}}})})
		data = bytes.Replace(data, []byte(producersOfGo), []byte(producers), 1)
		data[bytes.LastIndex(data, []byte("\x09producers"))-1] = byte(10 + len(producers))
		made, report, err := Module(data)
		if err != nil || report.Structured != want || want == 0 && !bytes.Equal(made, data) {
			t.Errorf("producers %q: %+v, %v", producers, report, err)
		}
	}
	for data, want := range map[string]string{
		"\x00":                               "\x01\x0cprocessed-by\x01\x08wasisock\x09rewrite " + Version,
		"\x01\x08language\x01\x02Go\x04go1.": "\x02\x08language\x01\x02Go\x04go1.\x0cprocessed-by\x01\x08wasisock\x09rewrite " + Version,
		"\x01\x08language\x02\x02Go\x04go1.": "\x01\x08language\x02\x02Go\x04go1.", // damaged
		"":                                   "",
	} {
		if got := string(withProducer([]byte(data))); got != want {
			t.Errorf("producers %q become %q, want %q", data, got, want)
		}
	}
}

// TestMovedStacks tests that modules whose stacks move at every entry of a function do the same
// when they are rewritten. A debugging flag of Go's compiler makes them move, and gives functions
// another beginning.
func TestMovedStacks(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the standard library anew; run without -short")
	}
	plain := build(t, inPath, "cases", "-gcflags=all=-d=maymorestack=runtime.mayMoreStackMove")
	made, _ := rewritten(t, plain)
	h := newHost(t)
	before, after := h.compile(t, plain), h.compile(t, made)
	for _, name := range []string{"parked", "panics", "memory", "control", "callers"} {
		want, got := h.run(t, before, name), h.run(t, after, name)
		if want != got || !strings.HasPrefix(want, "case "+name+"\n") {
			t.Errorf("%s differs:\n%s\nrewritten:\n%s", name, want, got)
		}
	}
}

// TestWithoutNames tests that a module without names is rewritten as one with names.
func TestWithoutNames(t *testing.T) {
	_, named := rewritten(t, casesOf(t, inPath))
	_, bare := rewritten(t, build(t, inPath, "cases", "-ldflags=-s -w"))
	if bare.Structured != named.Structured || bare.Kept != named.Kept {
		t.Errorf("%+v, with names %+v", *bare, *named)
	}
}
