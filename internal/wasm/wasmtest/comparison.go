package wasmtest

import (
	"fmt"

	"github.com/wasisock/wasisock/internal/wasm"
)

// A Table is a module of comparisons. It is a library, with _initialize. Its functions are
// named by the numbers of Rows; each takes two values of the width and returns an i32.
type Table struct {
	Name   string
	Wasm   []byte
	Rows   []Row
	Inputs [][2]uint64 // for each of the functions
}

// A Row is a function of a table.
type Row struct {
	Name string
	Want func(x, y uint64) uint32 // what the function returns
}

// Comparisons makes the tables: one for each width and each use of a condition, with all
// conditions of operands that come about in many ways.
func Comparisons() []Table {
	var all []Table
	for _, use := range uses {
		for _, w := range widths {
			all = append(all, comparisons(w, use))
		}
	}
	return all
}

func comparisons(w width, u use) Table {
	t := Table{Name: fmt.Sprintf("%s of %d bits", u.name, w.bits)}
	for _, in := range inputs {
		t.Inputs = append(t.Inputs, [2]uint64{w.cut(in[0]), w.cut(in[1])})
	}
	m := Module{Pages: 1, Globals: []Global{{Type: w.Type, Mutable: true, Value: 7}, {Type: w.Type, Value: 0}}}
	for i, condition := range conditions {
		for _, a := range ands {
			for _, z := range zeros {
				for _, operands := range [][2]operand{{a, z}, {z, a}} {
					first, second := operands[0], operands[1]
					var setup []byte
					for _, o := range operands {
						if o.setup != nil { // in a block, whose end ends the basic block
							setup = Code(setup, block(wasm.OpBlock, 0), o.setup(w), Op(wasm.OpEnd))
						}
					}
					comparison := Code(first.code(w), second.code(w), w.op(wasm.OpI32Eq+wasm.Opcode(i)))
					m.Funcs = append(m.Funcs, Func{
						Name: fmt.Sprint(len(t.Rows)), Params: []wasm.Type{w.Type, w.Type}, Results: []wasm.Type{wasm.I32},
						Locals: []wasm.Type{w.Type, w.Type, w.Type, wasm.I32, wasm.I32}, Code: Code(setup, u.code(comparison)),
					})
					t.Rows = append(t.Rows, Row{
						fmt.Sprintf("%s of %s and %s", condition, first.name, second.name),
						func(x, y uint64) uint32 { return w.compare(condition, first.of(x, y), second.of(x, y)) },
					})
				}
			}
		}
	}
	m.Funcs = append(m.Funcs, Func{Name: "_initialize"})
	t.Wasm = m.Encode()
	return t
}

// inputs have an `and` that is positive, negative and 0 in both widths.
var inputs = [][2]uint64{{4, 29}, {5, 2}, {0, 0}, {1 << 63, 3 << 62}, {1 << 31, 3 << 31}, {^uint64(0), 0x8000_0000_8000_0000}, {^uint64(0), ^uint64(0)}, {1<<63 | 1, 1}}

// The functions of the table have two parameters of the width, and these locals.
const (
	x = iota
	y
	zeroLocal // of the width
	andLocal  // of the width
	unset     // of the width, never set
	narrow    // i32
	counter   // i32
)

// A width has the instructions of i32 or i64.
type width struct {
	wasm.Type
	bits uint
}

var widths = []width{{wasm.I32, 32}, {wasm.I64, 64}}

// op is the instruction of the width that i32 has as op.
func (w width) op(op wasm.Opcode) []byte {
	switch {
	case w.Type == wasm.I32:
	case op >= wasm.OpI32Eqz && op <= wasm.OpI32GeU:
		op += wasm.OpI64Eqz - wasm.OpI32Eqz
	default:
		op += wasm.OpI64And - wasm.OpI32And
	}
	return Op(op)
}

func (w width) constant(v int64) []byte { return Const(w.Type, v) }

func i32(v int64) []byte { return Const(wasm.I32, v) }

// block begins a block, loop or if with one result, or none for 0.
func block(begin wasm.Opcode, result wasm.Type) []byte {
	if result == 0 {
		result = 0x40
	}
	return []byte{byte(begin), byte(result)}
}

var conditions = []string{"eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"}

// cut returns the bits of v that a value of the width has.
func (w width) cut(v uint64) uint64 { return v << (64 - w.bits) >> (64 - w.bits) }

// compare computes a comparison.
func (w width) compare(condition string, left, right uint64) uint32 {
	left, right = w.cut(left), w.cut(right)
	l, r := int64(left<<(64-w.bits)), int64(right<<(64-w.bits))
	holds := map[string]bool{
		"eq": l == r, "ne": l != r,
		"lt_s": l < r, "gt_s": l > r, "le_s": l <= r, "ge_s": l >= r,
		"lt_u": left < right, "gt_u": left > right, "le_u": left <= right, "ge_u": left >= right,
	}
	return uint32(flag(holds[condition]))
}
