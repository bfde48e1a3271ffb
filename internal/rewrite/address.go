package rewrite

import "github.com/wasisock/wasisock/internal/wasm"

// maxOffset is the greatest distance from SP that becomes the offset of a load or store. No frame
// is as large.
const maxOffset = 1 << 30

// An addresser shortens the computation of addresses. Go computes 32-bit addresses with 64 bits:
//
//	local.get 1, i64.extend_i32_u, i64.const 16, i64.add, i32.wrap_i64   is SP + 16
//	i64.const 65536, i32.wrap_i64                                        is 65536
//
// Modulo 2^32 these sums are the same with 32 bits. If a sum is the address of a load or store,
// the constant becomes its offset. The sum of address and offset has 33 bits there, so it is the
// same only if SP + 16 has at most 32 bits. It has, because SP and the frame and arguments above
// it lie in memory. Sums with other bases stay as they are: a pointer that a program has computed
// may lie outside of the object that it points to.
//
// A constant address becomes an offset from a local that is always 0: engines remember from one
// access to the next that the same value is in bounds.
type addresser struct {
	module *wasm.Module
	zero   uint32 // the local that is always 0
	used   bool   // zero is needed
	// operands has, for each value on the stack, the index in the output of the last instruction
	// that computes it.
	operands []int32
}

// segment returns a segment with shorter addresses, changed in place. It returns false if values
// stay on the stack where blocks begin or end.
func (a *addresser) segment(code []instruction) ([]instruction, bool) {
	out := code[:0] // never longer than what has been read
	removed := false
	a.operands = a.operands[:0]
	limit := int64(a.module.MinPages) * wasm.PageSize
	for i := range code {
		in := code[i]
		pops, pushes, ok := effect(a.module, &in)
		if !ok || len(a.operands) < pops {
			return nil, false
		}
		left := a.operands[:len(a.operands)-pops]
		switch {
		case in.begins(), in.op == wasm.OpElse, in.op == wasm.OpEnd, in.op == opJump:
			if len(left) > 0 {
				return nil, false
			}
		case in.leaves():
			left = left[:0]
		case in.op == opExit:
		case in.op == wasm.OpI32WrapI64:
			if out, ok = wrap(out); ok {
				a.operands[len(a.operands)-1] = int32(len(out) - 1)
				continue
			}
		case in.op.Info().Memory():
			if a.offset(out, a.operands[len(left)], &in, limit) {
				removed = true
			}
		}
		out = append(out, in)
		a.operands = left
		for range pushes {
			a.operands = append(a.operands, int32(len(out)-1))
		}
	}
	if removed {
		out = compact(out)
	}
	return out, true
}

// opNone is an instruction that compact removes.
const opNone wasm.Opcode = 0x1ff

func compact(code []instruction) []instruction {
	out := code[:0]
	for i := range code {
		if code[i].op != opNone {
			out = append(out, code[i])
		}
	}
	return out
}

// wrap appends an i32.wrap_i64 and reports whether it computes with 32 bits instead.
func wrap(out []instruction) ([]instruction, bool) {
	n := len(out)
	switch {
	case n >= 1 && out[n-1].op == wasm.OpI64Const:
		out[n-1] = made(wasm.OpI32Const, 0, int64(int32(out[n-1].value)))
		return out, true
	case n >= 1 && out[n-1].op == wasm.OpI64ExtendI32U:
		return out[:n-1], true
	case n >= 4 && out[n-1].op == wasm.OpI64Add && out[n-2].op == wasm.OpI64Const &&
		out[n-3].op == wasm.OpI64ExtendI32U && out[n-4].is(wasm.OpLocalGet, localSP):
		out[n-3] = made(wasm.OpI32Const, 0, int64(int32(out[n-2].value)))
		out[n-2] = made(wasm.OpI32Add, 0, 0)
		return out[:n-1], true
	}
	return out, false
}

// offset moves the constant of an address, whose last instruction is out[at], into the offset of a
// load or store, and reports whether that has removed instructions. It marks accesses to the
// frame.
func (a *addresser) offset(out []instruction, at int32, in *instruction, limit int64) bool {
	switch last := &out[at]; {
	case last.is(wasm.OpLocalGet, localSP):
		last.inFrame, in.inFrame = true, true
	case last.op == wasm.OpI32Const:
		address := int64(uint32(last.value))
		if address+in.value >= limit {
			return false
		}
		in.value += address
		in.end = 0
		*last = made(wasm.OpLocalGet, a.zero, 0)
		a.used = true
	case last.op == wasm.OpI32Add && at >= 2 && out[at-1].op == wasm.OpI32Const && out[at-2].is(wasm.OpLocalGet, localSP):
		distance := out[at-1].value
		if distance < 0 || distance+in.value >= maxOffset {
			return false
		}
		in.value += distance
		in.end = 0
		out[at].op, out[at-1].op = opNone, opNone
		out[at-2].inFrame, in.inFrame = true, true
		return true
	}
	return false
}

// effect returns the numbers of operands and results of an instruction. ok is false if they are not
// known.
func effect(m *wasm.Module, in *instruction) (pops, pushes int, ok bool) {
	switch in.op {
	case opJump:
		return 0, 0, true
	case opExit:
		return 1, 0, true
	case wasm.OpReturn:
		return 1, 0, true
	case wasm.OpCall:
		if in.index >= uint32(len(m.Functions)) {
			return 0, 0, false
		}
		t := m.TypeOf(in.index)
		return len(t.Params), len(t.Results), true
	case wasm.OpCallIndirect:
		if in.index >= uint32(len(m.Types)) {
			return 0, 0, false
		}
		t := m.Types[in.index]
		return len(t.Params) + 1, len(t.Results), true
	}
	info := in.op.Info()
	return info.Pops, info.Pushes, true
}

// leave shortens Go's code before a return, which frees the frame, and then the return address, by
// the same global. Nothing reads SP in between, nor the local afterwards.
func leave(code []instruction) []instruction {
	out := code[:0] // never longer than what has been read
	for i := 0; i < len(code); i++ {
		rest := code[i:]
		if len(rest) < 12 || !isRelease(rest) || !isRelease(rest[5:]) || rest[10].op != wasm.OpI32Const || rest[11].op != wasm.OpReturn {
			out = append(out, code[i])
			continue
		}
		released := int64(int32(rest[1].value + rest[6].value))
		out = append(out, rest[0], made(wasm.OpI32Const, 0, released), rest[2], rest[4])
		i += 9
	}
	return out
}

// isRelease reports whether code begins with an addition to SP.
func isRelease(code []instruction) bool {
	return code[0].is(wasm.OpLocalGet, localSP) && code[1].op == wasm.OpI32Const && code[2].op == wasm.OpI32Add &&
		code[3].is(wasm.OpLocalTee, localSP) && code[4].is(wasm.OpGlobalSet, GlobalSP)
}
