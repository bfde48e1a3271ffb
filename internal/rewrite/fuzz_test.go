package rewrite

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wasisock/wasisock/internal/wasm"
)

// small returns a module with some of the functions of another one: n from a random place
// on. The others trap.
func small(t testing.TB, module []byte, seed uint64, n int) []byte {
	m, err := wasm.Parse(module)
	if err != nil {
		t.Fatal(err)
	}
	from := rand.New(rand.NewPCG(seed, 0)).IntN(len(m.Bodies) - n)
	for i := range m.Bodies {
		if i < from || i >= from+n {
			m.Bodies[i] = wasm.Body{Locals: []byte{0}, Code: []byte{byte(wasm.OpUnreachable), byte(wasm.OpEnd)}}
		}
	}
	m.Sections = slices.DeleteFunc(m.Sections, func(s wasm.Section) bool {
		return s.ID == wasm.DataSection || s.ID == wasm.CustomSection && s.Name != "producers"
	})
	return m.Encode()
}

// FuzzModule rewrites damaged modules of Go. Nothing may panic, and the result of a valid module
// must be valid.
func FuzzModule(f *testing.F) {
	module := casesOf(f, inPath)
	defer func(c func(*wasm.Module, int, []instruction, []uint32, int)) { checked = c }(checked)
	checked = nil // since what Module makes of an invalid module may be invalid
	for seed := range uint64(8) {
		f.Add(seed, uint64(0), 0)
		f.Add(seed, seed*7, 1)
		f.Add(seed, seed*11, 3)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	f.Cleanup(func() { r.Close(ctx) })
	valid := func(module []byte) bool {
		compiled, err := r.CompileModule(ctx, module)
		if err == nil {
			compiled.Close(ctx)
		}
		return err == nil
	}
	var parts [16][]byte
	for i := range parts {
		parts[i] = small(f, module, uint64(i), 30)
	}
	f.Fuzz(func(t *testing.T, part, seed uint64, damages int) {
		data := parts[part%uint64(len(parts))]
		m, err := wasm.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		damage(m, rand.New(rand.NewPCG(seed, 0)), min(damages, 20))
		data = m.Encode()
		made, _, err := Module(data)
		if err == nil && valid(data) && !valid(made) {
			t.Error("a valid module is invalid once it is rewritten")
		}
	})
}

// damage changes bytes of code, and swaps and repeats instructions.
func damage(m *wasm.Module, r *rand.Rand, damages int) {
	var large []int
	for i, b := range m.Bodies {
		if len(b.Code) > 2 {
			large = append(large, i)
		}
	}
	for range damages {
		b := &m.Bodies[large[r.IntN(len(large))]]
		code, _, err := decode(wasm.NewReader(b.Code, 0), nil, nil)
		if err != nil || len(code) < 3 {
			continue
		}
		at := r.IntN(len(code) - 1)
		switch r.IntN(6) {
		case 0:
			b.Code = bytes.Clone(b.Code)
			b.Code[r.IntN(len(b.Code))] = byte(r.Uint32())
			continue
		case 1:
			code[at], code[at+1] = code[at+1], code[at]
		case 2:
			code = slices.Delete(code, at, at+1)
		case 3:
			code = slices.Insert(code, at, code[r.IntN(len(code))])
		case 4:
			if code[at].op != wasm.OpBrTable {
				code[at].index, code[at].end = code[at].index^uint32(1)<<r.IntN(4), 0
			}
		case 5:
			code[at].op = wasm.OpNop
			code[at].end = 0
		}
		b.Code = encode(code, []uint32{0}, b.Code)
	}
}
