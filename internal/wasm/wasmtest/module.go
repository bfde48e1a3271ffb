// Package wasmtest makes modules for tests: by hand, and at random.
package wasmtest

import (
	"encoding/binary"

	"github.com/wasisock/wasisock/internal/wasm"
)

// A Module is a module to encode: what tests need, and no more.
type Module struct {
	Funcs   []Func
	Globals []Global
	Pages   int // of memory; with 0 there is none
	Most    int // how many pages memory may have; with 0 as many as wasm allows
	Table   int // how many elements a table of functions has; with 0 there is none
	// Elements are the functions that the table begins with.
	Elements []int
	// Types are those of blocks. They are numbered after those of the functions.
	Types []wasm.FuncType
}

// A Func is a function, exported as its Name if it has one.
type Func struct {
	Name            string
	Params, Results []wasm.Type
	Locals          []wasm.Type
	Code            []byte // without the end
}

// A Global is a global variable. Its Value is as for Const.
type Global struct {
	Type    wasm.Type
	Mutable bool
	Value   int64
}

// Encode returns the module. Function i has type i.
func (m Module) Encode() []byte {
	var types, functions, globals, exports, bodies [][]byte
	for i, f := range m.Funcs {
		types = append(types, FuncType(f.Params, f.Results))
		functions = append(functions, wasm.AppendUint32(nil, uint32(i)))
		if f.Name != "" {
			exports = append(exports, wasm.AppendUint32(append(sized([]byte(f.Name)), byte(wasm.ExternFunc)), uint32(i)))
		}
		locals := make([][]byte, len(f.Locals))
		for i, t := range f.Locals {
			locals[i] = []byte{1, byte(t)}
		}
		bodies = append(bodies, sized(append(append(vector(locals), f.Code...), byte(wasm.OpEnd))))
	}
	for _, g := range m.Globals {
		code := Const(g.Type, g.Value)
		globals = append(globals, append(append([]byte{byte(g.Type), flag(g.Mutable)}, code...), byte(wasm.OpEnd)))
	}
	for _, t := range m.Types {
		types = append(types, FuncType(t.Params, t.Results))
	}
	out := []byte(wasm.Header)
	section := func(id wasm.SectionID, content [][]byte) {
		if len(content) > 0 {
			out = append(append(out, byte(id)), sized(vector(content))...)
		}
	}
	section(wasm.TypeSection, types)
	section(wasm.FunctionSection, functions)
	if m.Table > 0 {
		section(wasm.TableSection, [][]byte{wasm.AppendUint32([]byte{byte(wasm.FuncRef), 0}, uint32(m.Table))})
	}
	if m.Pages > 0 {
		limits := wasm.AppendUint32([]byte{flag(m.Most > 0)}, uint32(m.Pages))
		if m.Most > 0 {
			limits = wasm.AppendUint32(limits, uint32(m.Most))
		}
		section(wasm.MemorySection, [][]byte{limits})
		exports = append(exports, append(sized([]byte("memory")), byte(wasm.ExternMemory), 0))
	}
	section(wasm.GlobalSection, globals)
	section(wasm.ExportSection, exports)
	if len(m.Elements) > 0 {
		var all [][]byte
		for _, f := range m.Elements {
			all = append(all, wasm.AppendUint32(nil, uint32(f)))
		}
		section(wasm.ElementSection, [][]byte{append([]byte{0, byte(wasm.OpI32Const), 0, byte(wasm.OpEnd)}, vector(all)...)})
	}
	section(wasm.CodeSection, bodies)
	return out
}

// FuncType encodes the type of a function.
func FuncType(params, results []wasm.Type) []byte {
	list := func(types []wasm.Type) []byte {
		b := wasm.AppendUint32(nil, uint32(len(types)))
		for _, t := range types {
			b = append(b, byte(t))
		}
		return b
	}
	return append(append([]byte{0x60}, list(params)...), list(results)...)
}

// Const encodes a constant: a number of type i32 or i64, or the bits of an f32 or f64.
func Const(t wasm.Type, v int64) []byte {
	switch t {
	case wasm.I32:
		return wasm.AppendInt64([]byte{byte(wasm.OpI32Const)}, int64(int32(v)))
	case wasm.I64:
		return wasm.AppendInt64([]byte{byte(wasm.OpI64Const)}, v)
	case wasm.F32:
		return binary.LittleEndian.AppendUint32([]byte{byte(wasm.OpF32Const)}, uint32(v))
	default:
		return binary.LittleEndian.AppendUint64([]byte{byte(wasm.OpF64Const)}, uint64(v))
	}
}

// Op encodes an instruction with indices or labels.
func Op(op wasm.Opcode, immediates ...uint32) []byte {
	b := op.AppendTo(nil)
	for _, i := range immediates {
		b = wasm.AppendUint32(b, i)
	}
	return b
}

// Code joins what others encoded.
func Code(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func sized(b []byte) []byte { return append(wasm.AppendUint32(nil, uint32(len(b))), b...) }

func vector(items [][]byte) []byte {
	return append(wasm.AppendUint32(nil, uint32(len(items))), Code(items...)...)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
