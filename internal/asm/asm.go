// Package asm assembles small wasm modules for tests, which no compiler would make.
package asm

import "slices"

// Types in signatures.
const (
	I32 = 'i'
	I64 = 'I'
	F32 = 'f'
)

// A Func is an import, from module wasi_snapshot_preview1 if Module is empty.
type Func struct{ Module, Name, Params, Results string }

// A Module has one function, which is exported.
type Module struct {
	Imports  []Func
	Start    string // the name under which the function is exported; "" means _start
	Params   string // its parameters
	NoMemory bool
	Tables   []uint64 // tables of functions: the initial number of elements of each
	Pages    uint64   // of memory, at the start
	MaxPages uint64   // 0 declares no maximum
	Data     string   // of memory, from address 0
	Locals   int      // of the function, all i32
	Code     []byte   // of the function, without its end
	IsStart  bool     // the function is the wasm start function too
}

// Bytes returns the module in wasm's binary format.
func (m Module) Bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, count int, content []byte) {
		if count > 0 {
			content = append(uleb(uint64(count)), content...)
			out = append(append(append(out, id), uleb(uint64(len(content)))...), content...)
		}
	}
	signature := func(params, results string) []byte {
		b := append([]byte{0x60}, uleb(uint64(len(params)))...)
		b = append(b, valueTypes(params)...)
		return append(append(b, uleb(uint64(len(results)))...), valueTypes(results)...)
	}
	var types, imports []byte
	for i, f := range m.Imports {
		if f.Module == "" {
			f.Module = "wasi_snapshot_preview1"
		}
		types = append(types, signature(f.Params, f.Results)...)
		imports = append(append(imports, name(f.Module)...), name(f.Name)...)
		imports = append(append(imports, 0), uleb(uint64(i))...)
	}
	own := uleb(uint64(len(m.Imports)))
	types = append(types, signature(m.Params, "")...)
	section(1, len(m.Imports)+1, types)
	section(2, len(m.Imports), imports)
	section(3, 1, own)
	var tables []byte
	for _, n := range m.Tables {
		tables = append(append(tables, 0x70, 0), uleb(n)...)
	}
	section(4, len(m.Tables), tables)
	if !m.NoMemory {
		memory := append([]byte{0}, uleb(m.Pages)...)
		if m.MaxPages > 0 {
			memory = append(append([]byte{1}, uleb(m.Pages)...), uleb(m.MaxPages)...)
		}
		section(5, 1, memory)
	}
	if m.Start == "" {
		m.Start = "_start"
	}
	exports := append(append(name(m.Start), 0), own...)
	if !m.NoMemory {
		exports = append(append(exports, name("memory")...), 2, 0)
		section(7, 2, exports)
	} else {
		section(7, 1, exports)
	}
	if m.IsStart {
		out = append(append(out, 8, byte(len(own))), own...)
	}
	locals := []byte{0}
	if m.Locals > 0 {
		locals = Join([]byte{1}, uleb(uint64(m.Locals)), []byte{0x7f})
	}
	body := append(append(locals, m.Code...), 0x0b)
	section(10, 1, append(uleb(uint64(len(body))), body...))
	if m.Data != "" {
		section(11, 1, append([]byte{0, 0x41, 0, 0x0b}, name(m.Data)...))
	}
	return out
}

func valueTypes(s string) []byte {
	var b []byte
	for _, c := range s {
		b = append(b, map[rune]byte{I32: 0x7f, I64: 0x7e, F32: 0x7d}[c])
	}
	return b
}

func name(s string) []byte { return append(uleb(uint64(len(s))), s...) }

func uleb(n uint64) []byte {
	var b []byte
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

func sleb(n int64) []byte {
	var b []byte
	for n < -64 || n > 63 {
		b = append(b, byte(n)&0x7f|0x80)
		n >>= 7
	}
	return append(b, byte(n)&0x7f)
}

// Join returns a sequence of instructions as one.
func Join(code ...[]byte) []byte { return slices.Concat(code...) }

// Instructions with an operand. Labels count blocks outwards, from 0.
func ConstI32(n int32) []byte   { return append([]byte{0x41}, sleb(int64(n))...) }
func ConstI64(n int64) []byte   { return append([]byte{0x42}, sleb(n)...) }
func LocalGet(i int) []byte     { return append([]byte{0x20}, uleb(uint64(i))...) }
func LocalTee(i int) []byte     { return append([]byte{0x22}, uleb(uint64(i))...) }
func Branch(label int) []byte   { return append([]byte{0x0c}, uleb(uint64(label))...) }
func BranchIf(label int) []byte { return append([]byte{0x0d}, uleb(uint64(label))...) }
func Call(function int) []byte  { return append([]byte{0x10}, uleb(uint64(function))...) }
func GrowTable(i int, n int32) []byte {
	return Join([]byte{0xd0, 0x70}, ConstI32(n), []byte{0xfc, 0x0f}, uleb(uint64(i)))
}
func Block(code ...[]byte) []byte { return Join([]byte{0x02, 0x40}, Join(code...), []byte{0x0b}) }
func Loop(code ...[]byte) []byte  { return Join([]byte{0x03, 0x40}, Join(code...), []byte{0x0b}) }

// Instructions without an operand. Loads and stores have the offset 0.
var (
	Drop              = []byte{0x1a}
	Unreachable       = []byte{0x00}
	MemoryGrow        = []byte{0x40, 0x00}
	LoadI32           = []byte{0x28, 2, 0}
	LoadI64           = []byte{0x29, 0, 0}
	StoreI32          = []byte{0x36, 2, 0}
	DivideI32         = []byte{0x6d}
	AddI32            = []byte{0x6a}
	MultiplyI32       = []byte{0x6c}
	AndI32            = []byte{0x71}
	GreaterOrEqualI64 = []byte{0x59}
	LessOrEqualI64    = []byte{0x57}
)

// Exit returns a module that exits with the exit code that code leaves on the stack.
func Exit(code ...[]byte) Module {
	return Module{
		Imports: []Func{{Name: "proc_exit", Params: "i"}},
		Pages:   1,
		Code:    Join(Join(code...), Call(0)),
	}
}
