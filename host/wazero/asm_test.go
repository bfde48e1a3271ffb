//go:build linux || darwin

package wazero

import "slices"

// A tiny assembler, for modules that no compiler makes.

const i32, i64 = 'i', 'I' // in signatures

// A wasmFunc is an import, of sockabi.Module unless it says another.
type wasmFunc struct{ module, name, params, results string }

// A wasmModule has one function, exported as Start.
type wasmModule struct {
	imports   []wasmFunc
	start     string // the name it is exported by; "" is _start
	params    string // of it
	noMemory  bool
	pages     uint64 // of memory
	maxPages  uint64 // 0 is no maximum
	data      string // at 0
	locals    int    // of it, all i32
	code      []byte
	isStarted bool // it is the wasm start function too
}

func (m wasmModule) bytes() []byte {
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
	for i, f := range m.imports {
		if f.module == "" {
			f.module = "wasi_snapshot_preview1"
		}
		types = append(types, signature(f.params, f.results)...)
		imports = append(append(imports, name(f.module)...), name(f.name)...)
		imports = append(append(imports, 0), uleb(uint64(i))...)
	}
	own := uleb(uint64(len(m.imports)))
	types = append(types, signature(m.params, "")...)
	section(1, len(m.imports)+1, types)
	section(2, len(m.imports), imports)
	section(3, 1, own)
	if !m.noMemory {
		memory := append([]byte{0}, uleb(m.pages)...)
		if m.maxPages > 0 {
			memory = append(append([]byte{1}, uleb(m.pages)...), uleb(m.maxPages)...)
		}
		section(5, 1, memory)
	}
	if m.start == "" {
		m.start = "_start"
	}
	exports := append(append(name(m.start), 0), own...)
	if !m.noMemory {
		exports = append(append(exports, name("memory")...), 2, 0)
		section(7, 2, exports)
	} else {
		section(7, 1, exports)
	}
	if m.isStarted {
		out = append(append(out, 8, byte(len(own))), own...)
	}
	locals := []byte{0}
	if m.locals > 0 {
		locals = []byte{1, byte(m.locals), 0x7f}
	}
	body := append(append(locals, m.code...), 0x0b)
	section(10, 1, append(uleb(uint64(len(body))), body...))
	if m.data != "" {
		section(11, 1, append([]byte{0, 0x41, 0, 0x0b}, name(m.data)...))
	}
	return out
}

func valueTypes(s string) []byte {
	var b []byte
	for _, c := range s {
		b = append(b, map[rune]byte{i32: 0x7f, i64: 0x7e, 'f': 0x7d}[c])
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

// instructions joins what the functions below make.
func instructions(code ...[]byte) []byte { return slices.Concat(code...) }

func constI32(n int32) []byte { return append([]byte{0x41}, sleb(int64(n))...) }
func constI64(n int64) []byte { return append([]byte{0x42}, sleb(n)...) }
func localGet(i int) []byte   { return append([]byte{0x20}, uleb(uint64(i))...) }
func localTee(i int) []byte   { return append([]byte{0x22}, uleb(uint64(i))...) }
func branch(label int) []byte { return append([]byte{0x0c}, uleb(uint64(label))...) }
func callFunc(i int) []byte   { return append([]byte{0x10}, uleb(uint64(i))...) }

func branchIf(label int) []byte { return append([]byte{0x0d}, uleb(uint64(label))...) }

func loop(code ...[]byte) []byte {
	return instructions([]byte{0x03, 0x40}, instructions(code...), []byte{0x0b})
}

var (
	drop        = []byte{0x1a}
	unreachable = []byte{0x00}
	memoryGrow  = []byte{0x40, 0x00}
	loadI32     = []byte{0x28, 2, 0}
	divideI32   = []byte{0x6d}
	addI32      = []byte{0x6a}
	multiplyI32 = []byte{0x6c}
	andI32      = []byte{0x71}
)

// exitWith is a guest that exits with what code leaves on the stack.
func exitWith(code ...[]byte) wasmModule {
	return wasmModule{
		imports: []wasmFunc{{name: "proc_exit", params: "i"}},
		pages:   1,
		code:    instructions(instructions(code...), callFunc(0)),
	}
}
