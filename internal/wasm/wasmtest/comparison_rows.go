package wasmtest

import "github.com/wasisock/wasisock/internal/wasm"

// An operand is a way to produce a value.
type operand struct {
	name  string
	setup func(width) []byte // in a basic block before
	code  func(width) []byte
	value func(x, y uint64) uint64 // nil is 0
}

// of returns the operand's value.
func (o operand) of(x, y uint64) uint64 {
	if o.value == nil {
		return 0
	}
	return o.value(x, y)
}

func and(w width) []byte {
	return Code(Op(wasm.OpLocalGet, x), Op(wasm.OpLocalGet, y), w.op(wasm.OpI32And))
}

func andOf(x, y uint64) uint64 { return x & y }

func shift(w width, amount []byte) []byte { return Code(and(w), amount, w.op(wasm.OpI32Shl)) }

var ands = []operand{
	{"and", nil, and, andOf},
	{"and with a constant", nil, func(w width) []byte { return Code(Op(wasm.OpLocalGet, x), w.constant(-2), w.op(wasm.OpI32And)) }, func(x, _ uint64) uint64 { return x &^ 1 }},
	{"and of a constant", nil, func(w width) []byte { return Code(w.constant(-2), Op(wasm.OpLocalGet, x), w.op(wasm.OpI32And)) }, func(x, _ uint64) uint64 { return x &^ 1 }},
	{"and through a local", nil, func(w width) []byte {
		return Code(and(w), Op(wasm.OpLocalSet, andLocal), Op(wasm.OpLocalGet, andLocal))
	}, andOf},
	{"and that a local keeps", nil, func(w width) []byte { return Code(and(w), Op(wasm.OpLocalTee, andLocal)) }, andOf},
	{"and through locals", nil, func(w width) []byte {
		return Code(and(w), Op(wasm.OpLocalSet, andLocal), Op(wasm.OpLocalGet, andLocal), Op(wasm.OpLocalSet, zeroLocal), Op(wasm.OpLocalGet, zeroLocal), w.constant(0), Op(wasm.OpLocalSet, zeroLocal))
	}, andOf},
	{"and of a block before", func(w width) []byte { return Code(and(w), Op(wasm.OpLocalSet, andLocal)) }, func(width) []byte { return Op(wasm.OpLocalGet, andLocal) }, andOf},
	{"and in a block", nil, func(w width) []byte { return Code(block(wasm.OpBlock, w.Type), and(w), Op(wasm.OpEnd)) }, andOf},
	{"and in an if", nil, func(w width) []byte {
		return Code(i32(1), block(wasm.OpIf, w.Type), and(w), Op(wasm.OpElse), w.constant(-1), Op(wasm.OpEnd))
	}, andOf},
	{"and shifted by 0", nil, func(w width) []byte { return shift(w, w.constant(0)) }, andOf},
	{"and shifted by the width", nil, func(w width) []byte { return shift(w, w.constant(int64(w.bits))) }, andOf},
	{"and shifted by a local", nil, func(w width) []byte { return shift(w, Op(wasm.OpLocalGet, unset)) }, andOf},
	{"and shifted by less", nil, func(w width) []byte { return Code(and(w), w.constant(1), w.op(wasm.OpI32ShrU)) }, func(x, y uint64) uint64 { return (x & y) >> 1 }},
	{"and extended or wrapped", nil, func(w width) []byte {
		if w.Type == wasm.I64 {
			return Code(Op(wasm.OpLocalGet, x), Op(0xa7), Op(wasm.OpLocalGet, y), Op(0xa7), Op(wasm.OpI32And), Op(0xac))
		}
		return Code(Op(wasm.OpLocalGet, x), Op(0xac), Op(wasm.OpLocalGet, y), Op(0xac), Op(wasm.OpI64And), Op(0xa7))
	}, func(x, y uint64) uint64 { return uint64(int64(int32(x & y))) }},
	{"or", nil, func(w width) []byte { return Code(Op(wasm.OpLocalGet, x), Op(wasm.OpLocalGet, y), w.op(0x72)) }, func(x, y uint64) uint64 { return x | y }},
	{"and of ands", nil, func(w width) []byte { return Code(and(w), Op(wasm.OpLocalGet, x), w.op(wasm.OpI32And)) }, andOf},
	{"load", nil, func(w width) []byte {
		if w.Type == wasm.I64 {
			return Code(Op(wasm.OpLocalGet, x), Op(0xa7), i32(0xfff8), Op(wasm.OpI32And), Op(0x29, 0, 0))
		}
		return Code(Op(wasm.OpLocalGet, x), i32(0xfff8), Op(wasm.OpI32And), Op(0x28, 0, 0))
	}, func(uint64, uint64) uint64 { return 0 }},
}

var zeros = []operand{
	{"0", nil, func(w width) []byte { return w.constant(0) }, nil},
	{"a local of the block", nil, func(w width) []byte {
		return Code(w.constant(0), Op(wasm.OpLocalSet, zeroLocal), Op(wasm.OpLocalGet, zeroLocal))
	}, nil},
	{"0 that a local keeps", nil, func(w width) []byte { return Code(w.constant(0), Op(wasm.OpLocalTee, zeroLocal)) }, nil},
	{"a local never set", nil, func(width) []byte { return Op(wasm.OpLocalGet, unset) }, nil},
	{"a local of a block before", func(w width) []byte { return Code(w.constant(0), Op(wasm.OpLocalSet, zeroLocal)) }, func(width) []byte { return Op(wasm.OpLocalGet, zeroLocal) }, nil},
	{"a global that is set", func(w width) []byte { return Code(w.constant(0), Op(wasm.OpGlobalSet, 0)) }, func(width) []byte { return Op(wasm.OpGlobalGet, 0) }, nil},
	{"a global that is set just before", nil, func(w width) []byte { return Code(w.constant(0), Op(wasm.OpGlobalSet, 0), Op(wasm.OpGlobalGet, 0)) }, nil},
	{"a constant global", nil, func(width) []byte { return Op(wasm.OpGlobalGet, 1) }, nil},
	{"a block's result", nil, func(w width) []byte { return Code(block(wasm.OpBlock, w.Type), w.constant(0), Op(wasm.OpEnd)) }, nil},
	{"what a branch might take", nil, func(w width) []byte {
		return Code(block(wasm.OpBlock, w.Type), w.constant(0), Op(wasm.OpLocalGet, narrow), Op(wasm.OpBrIf, 0), Op(wasm.OpEnd))
	}, nil},
	{"0 shifted by 0", nil, func(w width) []byte { return Code(w.constant(0), w.constant(0), w.op(wasm.OpI32ShrS)) }, nil},
	{"0 shifted by the width", nil, func(w width) []byte { return Code(w.constant(0), w.constant(int64(w.bits)), w.op(wasm.OpI32Shl)) }, nil},
	{"-1", nil, func(w width) []byte { return w.constant(-1) }, func(uint64, uint64) uint64 { return ^uint64(0) }},
	{"1", nil, func(w width) []byte { return w.constant(1) }, func(uint64, uint64) uint64 { return 1 }},
	{"a parameter", nil, func(width) []byte { return Op(wasm.OpLocalGet, y) }, func(_, y uint64) uint64 { return y }},
}

// A use makes a function's result, 1 or 0, of a condition.
type use struct {
	name string
	code func(condition []byte) []byte
}

var uses = []use{
	{"value", func(c []byte) []byte { return c }},
	{"if", func(c []byte) []byte {
		return Code(c, block(wasm.OpIf, 0), i32(1), Op(wasm.OpReturn), Op(wasm.OpEnd), i32(0))
	}},
	{"br_if with an operand", func(c []byte) []byte {
		return Code(block(wasm.OpBlock, wasm.I32), i32(1), c, Op(wasm.OpBrIf, 0), Op(wasm.OpDrop), i32(0), Op(wasm.OpEnd))
	}},
	{"if with else", func(c []byte) []byte {
		return Code(c, block(wasm.OpIf, wasm.I32), i32(1), Op(wasm.OpElse), i32(0), Op(wasm.OpEnd))
	}},
	{"br_if", func(c []byte) []byte {
		return Code(block(wasm.OpBlock, 0), c, Op(wasm.OpBrIf, 0), i32(0), Op(wasm.OpReturn), Op(wasm.OpEnd), i32(1))
	}},
	{"loop", func(c []byte) []byte {
		return Code(block(wasm.OpBlock, 0), block(wasm.OpLoop, 0), Op(wasm.OpLocalGet, counter), i32(1), Op(0x6a), Op(wasm.OpLocalTee, counter),
			i32(3), Op(wasm.OpI32GeS), Op(wasm.OpBrIf, 1), c, Op(wasm.OpBrIf, 0), Op(wasm.OpEnd), Op(wasm.OpEnd), Op(wasm.OpLocalGet, counter), i32(3), Op(wasm.OpI32Eq))
	}},
	{"select", func(c []byte) []byte { return Code(i32(1), i32(0), c, Op(wasm.OpSelect)) }},
	{"if of eqz", func(c []byte) []byte {
		return Code(c, Op(wasm.OpI32Eqz), block(wasm.OpIf, wasm.I32), i32(0), Op(wasm.OpElse), i32(1), Op(wasm.OpEnd))
	}},
	{"br_if of eqz of eqz", func(c []byte) []byte {
		return Code(block(wasm.OpBlock, 0), c, Op(wasm.OpI32Eqz), Op(wasm.OpI32Eqz), Op(wasm.OpBrIf, 0), i32(0), Op(wasm.OpReturn), Op(wasm.OpEnd), i32(1))
	}},
	{"if of a local", func(c []byte) []byte {
		return Code(c, Op(wasm.OpLocalSet, narrow), Op(wasm.OpLocalGet, narrow), block(wasm.OpIf, wasm.I32), i32(1), Op(wasm.OpElse), i32(0), Op(wasm.OpEnd))
	}},
	{"if of a shift by 0", func(c []byte) []byte {
		return Code(c, i32(0), Op(wasm.OpI32Shl), block(wasm.OpIf, wasm.I32), i32(1), Op(wasm.OpElse), i32(0), Op(wasm.OpEnd))
	}},
	{"br_table", func(c []byte) []byte {
		return Code(block(wasm.OpBlock, 0), block(wasm.OpBlock, 0), c, []byte{byte(wasm.OpBrTable), 1, 0, 1}, Op(wasm.OpEnd), i32(0), Op(wasm.OpReturn), Op(wasm.OpEnd), i32(1))
	}},
	{"operand of and", func(c []byte) []byte {
		return Code(c, i32(1), Op(wasm.OpI32And), block(wasm.OpIf, wasm.I32), i32(1), Op(wasm.OpElse), i32(0), Op(wasm.OpEnd))
	}},
}
