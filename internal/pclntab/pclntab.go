// Package pclntab reads the table of a Go program's functions, source lines and frame sizes from
// the data of a wasm module. With the table, a host walks the stack of a guest's goroutine as the
// runtime does.
//
// Go's linker writes the table into every program, also with -ldflags="-s -w". The package
// supports the form of Go 1.20 to 1.27. A damaged or hostile table gives wrong frames; its size
// limits the time and memory that it costs.
//
// Source: runtime/symtab.go, runtime/symtabinl.go, runtime/runtime2.go (_func) and
// internal/abi/symtab.go of Go 1.24 to 1.27; cmd/link/internal/ld/pcln.go.
package pclntab

import (
	"bytes"
	"encoding/binary"
	"sort"

	"github.com/wasisock/wasisock/internal/wasm"
)

// A Table is the table of one program. Its methods may be called concurrently.
type Table struct {
	image []byte // the initial memory of the module

	functions []byte // pairs of a function's number, in ascending order, and its record's offset
	addresses bool   // functions has addresses in place of numbers, as before Go 1.25
	table     []byte // from functions on, with the record of each function
	names     []byte
	units     []byte // offsets of file names, by compilation unit and file
	files     []byte
	values    []byte // tables of values by address
	funcdata  uint64 // the address to which offsets of function data are relative
}

// A Frame is a running function, or one that is inlined in it.
type Frame struct {
	Function  string
	StartLine int // first line of the function
	File      string
	Line      int // the current line
}

// Numbers of the runtime.
const (
	header        = "\xf1\xff\xff\xff\x00\x00\x01\x08" // since Go 1.20: minimum step 1, pointers of 8 bytes
	word          = 8
	firstFunction = 0x1000 // the number of a module's first function that is not imported

	inlineIndex = 2 // index of the value that names the inlined function (PCDATA_InlTreeIndex)
	inlineTree  = 3 // index of the function data with the inlined functions (FUNCDATA_InlTree)
	topFrame    = 1 // flag of a function that nothing has called (FuncFlagTopFrame)

	maxFrames = 256 // the most frames of a stack, and of those inlined at one address
)

// Find returns the table of a program that Go 1.minor has built, or nil if there is none in a
// supported form.
func Find(m *wasm.Module, minor int) *Table {
	image := imageOf(m)
	const attempts = 16 // each reads the whole image
	at := 0
	for range attempts {
		i := bytes.Index(image[at:], []byte(header))
		if i < 0 {
			break
		}
		at += i
		if t := read(image, uint64(at), minor); t != nil {
			return t
		}
		at++
	}
	return nil
}

// read returns the table whose header is at an address.
func read(image []byte, at uint64, minor int) *Table {
	t := &Table{image: image}
	field := func(i uint64) uint64 { return t.word(at + word*i) }
	count := field(1)
	part := func(i uint64) []byte { return t.from(at + field(i)) }
	t.names, t.units, t.files, t.values, t.table = part(4), part(5), part(6), part(7), part(8)
	if size := 8*count + 4; count < uint64(len(t.table)) && size <= uint64(len(t.table)) {
		t.functions = t.table[:size]
	} else {
		return nil
	}

	// The runtime's moduledata begins with the header's address, and repeats that of the table.
	var address [word]byte
	binary.LittleEndian.PutUint64(address[:], at)
	const tableAt, leastAt = 13, 20
	funcdataAt := uint64(40)
	if minor >= 27 {
		funcdataAt = 43
	}
	for from := 0; ; from++ {
		i := bytes.Index(image[from:], address[:])
		if i < 0 {
			return nil
		}
		from += i
		module := uint64(from)
		if t.word(module+word*tableAt) == at+field(8) && t.word(module+word*leastAt) == entry(firstFunction) {
			t.funcdata = t.word(module + word*funcdataAt)
			t.addresses = uint64(uint32At(t.functions, 0)) == entry(firstFunction)
			return t
		}
	}
}

// from returns the image from an address on; it is empty if the address is outside.
func (t *Table) from(at uint64) []byte { return tail(t.image, at) }

func tail(b []byte, at uint64) []byte {
	if at > uint64(len(b)) {
		return nil
	}
	return b[at:]
}

func (t *Table) word(at uint64) uint64 {
	if b := t.from(at); len(b) >= word {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// uint32At returns the number at an offset of b, or 0 if the offset is outside.
func uint32At(b []byte, at uint64) uint32 {
	if b = tail(b, at); len(b) >= 4 {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func text(b []byte, at uint64) string {
	const longest = 4096
	b = tail(b, at)
	b = b[:min(len(b), longest)]
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return string(b)
}

// A function is the record of a function. The zero function means none.
type function struct {
	entry  uint64
	record []byte
}

// entry returns the address of the function with a number. The lower 16 bits of an address are the
// position in the function.
func entry(number uint64) uint64 { return number << 16 }

// find returns the function in which an address lies, and whether there is one.
func (t *Table) find(pc uint64) (f function, ok bool) {
	n := len(t.functions) / 8
	number := func(i int) uint64 {
		v := uint64(binary.LittleEndian.Uint32(t.functions[8*i:]))
		if t.addresses {
			v >>= 16
		}
		return v
	}
	i := sort.Search(n, func(i int) bool { return number(i) >= pc>>16 })
	if i == n || number(i) != pc>>16 {
		return f, false
	}
	const least = 44
	record := tail(t.table, uint64(binary.LittleEndian.Uint32(t.functions[8*i+4:])))
	if len(record) < least {
		return f, false
	}
	return function{entry(number(i)), record}, true
}

// Fields of a record.
func (f function) name() uint64      { return uint64(uint32At(f.record, 4)) }
func (f function) frameSizes() int   { return 16 }
func (f function) fileNumbers() int  { return 20 }
func (f function) lines() int        { return 24 }
func (f function) unit() uint64      { return uint64(uint32At(f.record, 32)) }
func (f function) startLine() int    { return int(int32(uint32At(f.record, 36))) }
func (f function) isTop() bool       { return f.record[41]&topFrame != 0 }
func (f function) valueTables() int  { return int(uint32At(f.record, 28)) }
func (f function) functionData() int { return int(f.record[43]) }

// value returns the value at an address, from the table whose offset is in a field of the record.
// -1 means none.
func (t *Table) value(f function, field int, pc uint64) int {
	table := uint32At(f.record, uint64(field))
	if table == 0 {
		return -1
	}
	value, at, b := int32(-1), f.entry, tail(t.values, uint64(table))
	for first := true; ; first = false {
		delta, n := binary.Uvarint(b)
		if n <= 0 || delta == 0 && !first {
			return -1
		}
		b = b[n:]
		steps, n := binary.Uvarint(b)
		if n <= 0 || steps == 0 || steps > entry(1) || at-f.entry >= entry(1) {
			return -1
		}
		b = b[n:]
		value += int32(uint32(delta)>>1) ^ -int32(delta&1)
		at += steps
		if pc < at {
			return int(value)
		}
	}
}

// Frames returns the frames at the address of a call: the inlined functions, innermost first, and
// last the function itself.
func (t *Table) Frames(pc uint64) []Frame {
	f, ok := t.find(pc)
	if !ok {
		return nil
	}
	const tables, inlinedSize = 44, 16
	inlined := -1
	var tree []byte
	if n := f.valueTables(); n > inlineIndex && f.functionData() > inlineTree && n < 1000 {
		if offset := uint32At(f.record, uint64(tables+4*n+4*inlineTree)); offset != 1<<32-1 {
			tree = t.from(t.funcdata + uint64(offset))
		}
	}
	var frames []Frame
	for len(frames) < maxFrames {
		frame := Frame{Line: max(t.value(f, f.lines(), pc), 0)}
		if file := t.value(f, f.fileNumbers(), pc); file >= 0 {
			frame.File = text(t.files, uint64(uint32At(t.units, 4*(f.unit()+uint64(file)))))
		}
		if tree != nil {
			inlined = t.value(f, tables+4*inlineIndex, pc)
		}
		call := tail(tree, uint64(max(inlined, 0))*inlinedSize)
		if inlined < 0 || len(call) < inlinedSize {
			frame.Function, frame.StartLine = text(t.names, f.name()), f.startLine()
			return append(frames, frame)
		}
		frame.Function, frame.StartLine = text(t.names, uint64(uint32At(call, 4))), int(int32(uint32At(call, 12)))
		frames = append(frames, frame)
		pc = f.entry + uint64(uint32At(call, 8))
	}
	return frames
}

// Entry returns the address of a module's function. index does not count imported functions, and
// need not be that of an existing function.
func Entry(index uint32) uint64 { return entry(firstFunction + uint64(index)) }

// SameFunction reports whether two addresses lie in the same function.
func (t *Table) SameFunction(a, b uint64) bool {
	f, ok := t.find(a)
	g, also := t.find(b)
	return ok && also && f.entry == g.entry
}

// Stack returns the addresses of the calls that led to a function, innermost first. sp is the stack
// pointer at the entry of the function: its return address is there. read reads a word of the
// guest's memory.
func (t *Table) Stack(sp uint32, read func(at uint32) (uint64, bool)) []uint64 {
	var calls []uint64
	for len(calls) < maxFrames {
		pc, ok := read(sp)
		if !ok || pc == 0 {
			break
		}
		f, ok := t.find(pc - 1)
		if !ok {
			break
		}
		calls = append(calls, pc-1)
		size := t.value(f, f.frameSizes(), pc)
		if f.isTop() || size < 0 {
			break
		}
		sp += word + uint32(size)
	}
	return calls
}

// imageOf returns the initial memory of a module, made from its active data, up to a limit.
func imageOf(m *wasm.Module) []byte {
	const largest = 256 << 20
	var image []byte
	for _, s := range m.Sections {
		if s.ID != wasm.DataSection {
			continue
		}
		r := wasm.NewReader(s.Data, s.Offset)
		for range r.Count(2) {
			at, data, ok := segment(r)
			if r.Err() != nil {
				return image
			}
			if end := uint64(at) + uint64(len(data)); ok && end <= largest {
				if end > uint64(len(image)) {
					image = append(image, make([]byte, end-uint64(len(image)))...)
				}
				copy(image[at:], data)
			}
		}
	}
	return image
}

// segment reads a segment of data. ok is false if its address is not constant.
func segment(r *wasm.Reader) (at uint32, data []byte, ok bool) {
	const passive, explicit = 1, 2
	flags := r.Uint32()
	if flags == explicit {
		r.Uint32()
	}
	if flags != passive {
		var in wasm.Instruction
		for depth := 0; r.Instruction(&in); depth++ {
			if in.Op == wasm.OpEnd {
				break
			}
			at, ok = uint32(in.Value), depth == 0 && in.Op == wasm.OpI32Const
		}
	}
	return at, r.Bytes(r.Uint32()), ok
}
