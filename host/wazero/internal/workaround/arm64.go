package workaround

import "github.com/wasisock/wasisock/internal/wasm"

// popcnt counts the bits of an i32 as those of an i64.
func (p *pass) popcnt(in *wasm.Instruction) {
	p.changes++
	p.edits = append(p.edits, edit{in.Begin, in.End, []byte{byte(wasm.OpI64ExtendI32U), byte(wasm.OpI64Popcnt), byte(wasm.OpI32WrapI64)}})
}

// remainder computes x - x/y*y. Where x/y would overflow, with y being -1, the remainder is
// that of 1, which is 0 as well.
func (p *pass) remainder(in *wasm.Instruction) {
	typ, constant, base := wasm.I32, wasm.OpI32Const, wasm.Opcode(0)
	equal := wasm.OpI32Eq
	if in.Op >= wasm.OpI64RemS {
		typ, constant, base, equal = wasm.I64, wasm.OpI64Const, wasm.OpI64RemS-wasm.OpI32RemS, wasm.OpI64Eq
	}
	x := p.spareLocals(typ)
	y := x + 1
	var code []byte
	emit := func(op wasm.Opcode, index ...uint32) {
		code = op.AppendTo(code)
		for _, i := range index {
			code = wasm.AppendUint32(code, i)
		}
	}
	emit(wasm.OpLocalSet, y)
	emit(wasm.OpLocalTee, x)
	emit(wasm.OpLocalGet, x)
	if signed := in.Op-base == wasm.OpI32RemS; signed {
		emit(constant, 1)
		emit(wasm.OpLocalGet, y)
		emit(wasm.OpLocalGet, y)
		emit(constant, 0x7f) // -1
		emit(equal)
		emit(wasm.OpSelect)
		emit(wasm.OpLocalTee, y)
	} else {
		emit(wasm.OpLocalGet, y)
	}
	emit(in.Op - (wasm.OpI32RemS - wasm.OpI32DivS)) // of the same sign
	emit(wasm.OpLocalGet, y)
	emit(wasm.OpI32Mul + base)
	emit(wasm.OpI32Sub + base)
	p.changes++
	p.edits = append(p.edits, edit{in.Begin, in.End, code})
}
