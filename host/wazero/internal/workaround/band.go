package workaround

import "github.com/wasisock/wasisock/internal/wasm"

// ordering changes a comparison other than eq and ne, if wazero might fold it wrongly. Its
// operands are left and right.
func (p *pass) ordering(in *wasm.Instruction, left, right value) {
	is64 := in.Op >= wasm.OpI64Eqz
	base := wasm.OpI32Eqz
	if is64 {
		base = wasm.OpI64Eqz
	}
	condition := in.Op - base + wasm.OpI32Eqz // as that of i32
	unsigned := condition&1 == 1
	var zero value
	switch {
	case p.isAnd(right) && left.mayBeZero():
		zero, condition = left, mirrored[condition]
	case p.isAnd(left) && right.mayBeZero() && unsigned:
		zero = right
	default:
		return
	}
	p.changes++
	with := func(ops ...wasm.Opcode) {
		e := edit{begin: in.Begin, end: in.End}
		for _, op := range ops {
			e.with = op.AppendTo(e.with)
		}
		p.edits = append(p.edits, e)
	}
	// Now condition is as if zero stood on the right.
	switch {
	case zero.kind == isUnknown || !unsigned && zero.size == 0:
		with(in.Op, wasm.OpI32Eqz, wasm.OpI32Eqz)
	case condition == wasm.OpI32GtU: // eq and ne are right on both sides
		with(wasm.OpI32Ne - wasm.OpI32Eqz + base)
	case condition == wasm.OpI32LeU:
		with(wasm.OpI32Eq - wasm.OpI32Eqz + base)
	case unsigned: // never less, always greater or equal
		with(wasm.OpDrop, wasm.OpDrop, wasm.OpI32Const)
		last := &p.edits[len(p.edits)-1]
		last.with = append(last.with, byte(condition&2)>>1)
	default:
		p.edits = append(p.edits, edit{begin: int(zero.begin), end: int(zero.begin) + int(zero.size)})
		constant := wasm.OpI32Const
		if is64 {
			constant = wasm.OpI64Const
		}
		p.edits = append(p.edits, edit{in.Begin, in.End, []byte{byte(constant), 0, byte(condition - wasm.OpI32Eqz + base)}})
	}
}

// mirrored has the condition with its operands exchanged.
var mirrored = map[wasm.Opcode]wasm.Opcode{
	wasm.OpI32LtS: wasm.OpI32GtS, wasm.OpI32LtU: wasm.OpI32GtU,
	wasm.OpI32GtS: wasm.OpI32LtS, wasm.OpI32GtU: wasm.OpI32LtU,
	wasm.OpI32LeS: wasm.OpI32GeS, wasm.OpI32LeU: wasm.OpI32GeU,
	wasm.OpI32GeS: wasm.OpI32LeS, wasm.OpI32GeU: wasm.OpI32LeU,
}
