package workaround

import "github.com/wasisock/wasisock/internal/wasm"

// choose makes an if of a select between floats or vectors.
func (p *pass) choose(in *wasm.Instruction, t wasm.Type) {
	if t != wasm.F32 && t != wasm.F64 && t != wasm.V128 {
		return
	}
	x, condition := p.spareLocals(t), p.spareLocals(wasm.I32)
	y := x + 1
	var code []byte
	emit := func(op wasm.Opcode, local uint32) { code = wasm.AppendUint32(op.AppendTo(code), local) }
	emit(wasm.OpLocalSet, condition)
	emit(wasm.OpLocalSet, y)
	emit(wasm.OpLocalSet, x)
	emit(wasm.OpLocalGet, condition)
	code = append(code, byte(wasm.OpIf), byte(t))
	emit(wasm.OpLocalGet, x)
	code = append(code, byte(wasm.OpElse))
	emit(wasm.OpLocalGet, y)
	code = append(code, byte(wasm.OpEnd))
	p.changes++
	p.edits = append(p.edits, edit{in.Begin, in.End, code})
}
