package rewrite

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasisock/wasisock/internal/wasm"
)

// The globals of the modules of this file, and the type of their functions.
const (
	globalTrace = 1 // an i64 that depends on all segments that have run
	globalFuel  = 2 // an i32, how many segments may still run
)

// producersOfGo is the beginning of a section "producers" of Go.
const producersOfGo = "\x01\x08language\x01\x02Go\x04go1."

// module returns a module of functions of Go's form, which are exported by their numbers,
// with what encodes them.
func module(bodies [][]byte) []byte {
	out := []byte(wasm.Header + "\x01\x06\x01\x60\x01\x7f\x01\x7f")
	section := func(id byte, data []byte) {
		out = append(wasm.AppendUint32(append(out, id), uint32(len(data))), data...)
	}
	count := wasm.AppendUint32(nil, uint32(len(bodies)))
	section(3, append(bytes.Clone(count), make([]byte, len(bodies))...))
	section(6, []byte("\x03\x7f\x01\x41\x00\x0b\x7e\x01\x42\x00\x0b\x7f\x01\x41\x00\x0b"))
	exports := append(wasm.AppendUint32(nil, uint32(len(bodies)+2)), "\x05trace\x03\x01\x04fuel\x03\x02"...)
	code := bytes.Clone(count)
	for i, b := range bodies {
		exports = append(appendName(exports, fmt.Sprint(i)), 0)
		exports = wasm.AppendUint32(exports, uint32(i))
		code = append(wasm.AppendUint32(code, uint32(len(b))), b...)
	}
	section(7, exports)
	section(10, code)
	section(0, []byte("\x09producers"+producersOfGo))
	return out
}

// body encodes a function with its dispatcher.
func body(f *function) []byte {
	all := make([]bool, len(f.segments))
	for i := range all {
		all[i] = true
	}
	code, labels := dispatch(f, all, []instruction{made(wasm.OpGlobalGet, GlobalSP, 0), made(wasm.OpLocalSet, localSP, 0)})
	return append([]byte("\x01\x01\x7f"), encode(code, labels, nil)...)
}

// randomFunction returns a function of n segments, each of which changes the trace, may
// call, and goes on to segments that depend on the trace.
func randomFunction(r *rand.Rand, n int, functions uint32) *function {
	f := &function{}
	for s := range n {
		// Every segment has a PC_B, and so has the end of its predecessor.
		f.table = append(f.table, uint32(s), uint32(s))
	}
	local := r.IntN(3) > 0 // jumps are short, so that graphs are reducible more often
	for s := range n {
		var code []instruction
		add := func(op wasm.Opcode, index uint32, value int64) { code = append(code, made(op, index, value)) }
		jump := func() {
			to := r.IntN(n)
			if local {
				to = min(max(s-2+r.IntN(7), 0), n-1)
			}
			pc := int64(2*to + r.IntN(2))
			code = append(code, made(opJump, f.table[pc], pc))
		}
		add(wasm.OpGlobalGet, globalTrace, 0)
		add(wasm.OpI64Const, 0, 31)
		add(wasm.OpI64Mul, 0, 0)
		add(wasm.OpI64Const, 0, int64(s)+1)
		add(wasm.OpI64Add, 0, 0)
		add(wasm.OpGlobalSet, globalTrace, 0)
		add(wasm.OpGlobalGet, globalFuel, 0)
		add(wasm.OpI32Const, 0, 1)
		add(wasm.OpI32Sub, 0, 0)
		add(wasm.OpLocalTee, localSP, 0)
		add(wasm.OpGlobalSet, globalFuel, 0)
		add(wasm.OpLocalGet, localSP, 0)
		add(wasm.OpI32Const, 0, 0)
		add(wasm.OpI32LeS, 0, 0)
		add(wasm.OpIf, 0, wasm.EmptyBlock)
		add(wasm.OpI32Const, 0, int64(r.IntN(2)))
		add(wasm.OpReturn, 0, 0)
		add(wasm.OpEnd, 0, 0)
		for range r.IntN(3) {
			add(wasm.OpGlobalGet, globalTrace, 0)
			add(wasm.OpI64Const, 0, int64(1)<<r.IntN(5))
			add(wasm.OpI64And, 0, 0)
			add(wasm.OpI64Eqz, 0, 0)
			add(wasm.OpIf, 0, wasm.EmptyBlock)
			if r.IntN(4) == 0 {
				add(wasm.OpI64Const, 0, 7)
				add(wasm.OpGlobalSet, globalTrace, 0)
			}
			jump()
			add(wasm.OpEnd, 0, 0)
		}
		switch r.IntN(10) {
		case 0, 1:
			jump()
		case 2:
			add(wasm.OpI32Const, 0, int64(r.IntN(2)))
			add(wasm.OpReturn, 0, 0)
		case 3, 4:
			add(wasm.OpI32Const, 0, 0)
			add(wasm.OpCall, r.Uint32N(functions), 0)
			add(wasm.OpGlobalGet, GlobalSP, 0)
			add(wasm.OpLocalSet, localSP, 0)
			add(opExit, 0, 0)
		case 5:
			add(wasm.OpI64Const, 0, 0)
			add(wasm.OpI64Eqz, 0, 0)
			add(wasm.OpIf, 0, wasm.EmptyBlock)
			add(wasm.OpI32Const, 0, 0)
			add(wasm.OpCall, r.Uint32N(functions), 0)
			add(wasm.OpGlobalGet, GlobalSP, 0)
			add(wasm.OpLocalSet, localSP, 0)
			add(opExit, 0, 0)
			add(wasm.OpEnd, 0, 0)
		}
		f.segments = append(f.segments, code)
	}
	return f
}

// randomModule returns a module of random functions.
func randomModule(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	var bodies [][]byte
	const functions = 6
	for range functions {
		bodies = append(bodies, body(randomFunction(r, 1+r.IntN(14), functions)))
	}
	return module(bodies)
}

// An entry is a way to enter a function.
type entry struct {
	function int
	pc       uint64
}

// entries returns the ways in which the runtime enters the functions of a module.
func entries(t *testing.T, module []byte) (all []entry) {
	m, err := wasm.Parse(module)
	if err != nil {
		t.Fatal(err)
	}
	w := &rewriter{module: m}
	w.prove()
	for i := range m.Bodies {
		f, why := new(scratch).lift(m, i)
		if f == nil {
			t.Fatal(why)
		}
		resumed := f.resumed(m, w.resume)
		for pc, s := range f.table {
			if pc <= int(f.top()) || resumed[s] {
				all = append(all, entry{i, uint64(pc)})
			}
		}
	}
	return all
}

// traced returns the traces of the functions of a module.
func traced(t *testing.T, module []byte, entries []entry) (text string) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	m, err := r.Instantiate(ctx, module)
	if err != nil {
		t.Fatal(err)
	}
	trace, fuel := m.ExportedGlobal("trace").(api.MutableGlobal), m.ExportedGlobal("fuel").(api.MutableGlobal)
	for _, e := range entries {
		trace.Set(e.pc * e.pc)
		fuel.Set(60)
		results, err := m.ExportedFunction(fmt.Sprint(e.function)).Call(ctx, e.pc)
		if err != nil { // at the end of the last segment
			results = nil
		}
		text += fmt.Sprintln(e, results, trace.Get(), int32(fuel.Get()))
	}
	return text
}

// TestGraphs tests that functions with random graphs do the same when they are rewritten.
func TestGraphs(t *testing.T) {
	total := Report{Left: map[string]int{}}
	for seed := range uint64(300) {
		plain := randomModule(seed)
		made, report, err := Module(plain)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		total.Structured += report.Structured
		total.Kept += report.Kept
		for why, n := range report.Left {
			total.Left[why] += n
		}
		all := entries(t, plain)
		if want, got := traced(t, plain, all), traced(t, made, all); want != got {
			t.Fatalf("seed %d differs:\n%s\n%s", seed, want, got)
		}
	}
	t.Logf("%+v", total)
	if total.Structured < 900 || total.Kept < 300 || total.Left[string(irreducible)] < 50 {
		t.Errorf("few functions are structured, or few are not: %+v", total)
	}
}

// TestHostileGraphs tests that the time is approximately linear in the size of a function, for
// every graph.
func TestHostileGraphs(t *testing.T) {
	const n = maxSegments - 1
	for name, edges := range map[string]func(s int) []int{
		"one path":         func(s int) []int { return nil },
		"a ladder":         func(s int) []int { return []int{s + 2} },
		"to the end":       func(s int) []int { return []int{n - 1} },
		"all loops":        func(s int) []int { return []int{s} },
		"loops around all": func(s int) []int { return []int{0} },
		"nested loops":     func(s int) []int { return []int{(s &^ (s & -s)) % n} },
		"mirrored":         func(s int) []int { return []int{n - 1 - s} },
		"crossing":         func(s int) []int { return []int{(s * 7919) % n, (s*31 + 5) % n} },
	} {
		f := &function{}
		for s := range n {
			f.table = append(f.table, uint32(s))
			var code []instruction
			for _, to := range edges(s) {
				code = append(code, made(wasm.OpLocalGet, localSP, 0), made(wasm.OpIf, 0, wasm.EmptyBlock),
					made(opJump, uint32(min(to, n-1)), int64(min(to, n-1))), made(wasm.OpEnd, 0, 0))
			}
			f.segments = append(f.segments, code)
		}
		plain := module([][]byte{body(f)})
		began := time.Now()
		made, report, err := Module(plain)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		took := time.Since(began)
		t.Logf("%s: %d bytes, %d after, %v, %+v", name, len(plain), len(made), took, *report)
		if took > 30*time.Second || len(made) > 3*len(plain) {
			t.Errorf("%s: %d bytes take %v and become %d", name, len(plain), took, len(made))
		}
	}
}
