package rewrite

import "github.com/wasisock/wasisock/internal/wasm"

// A framer gives a new body one value of SP, if stacks do not move while calls return (see
// keepsStacks). Go reads SP again after each call, and computes the place of the return address
// each time. The new body has both in locals:
//
//	SP, from where the frame is made to the end
//	base, which is SP - 8: the place of the return address of calls
//
// The base is the address of all loads and stores in the frame. One load of the last used byte,
// after the check of the stack and at the beginning of each loop, shows an engine that all others
// are in bounds: the frame and the arguments above it lie in memory.
type framer struct {
	base uint32 // the local that holds the base
	out  []instruction
	last int64  // the offset from base of the last byte that is used
	uses int    // number of loads and stores in the frame
	open []open // the blocks that are open
}

// An open block begins at an index, after that many uses of the frame.
type open struct{ at, uses int }

// worth is the least number of uses of the frame for which a load ahead of them pays.
const worth = 2

// frame returns the new body of a function with one value of SP, or false if its code is not as
// expected. The result is in buf.
func (fr *framer) frame(code, buf []instruction) ([]instruction, bool) {
	begin := enter(code)
	if fr.measure(code[begin:]); fr.uses < worth || fr.last > maxTouch {
		return nil, false
	}
	fr.out = append(buf[:0], code[:begin]...)
	fr.add(made(wasm.OpLocalGet, localSP, 0), made(wasm.OpI32Const, 0, returnAddress), made(wasm.OpI32Sub, 0, 0), made(wasm.OpLocalSet, fr.base, 0))
	fr.touch()
	return fr.out, fr.rest(code[begin:])
}

// measure sets last and uses, and marks the loops that use the frame.
func (fr *framer) measure(code []instruction) {
	fr.last, fr.uses, fr.open = -1, 0, fr.open[:0]
	for i := range code {
		in := &code[i]
		switch {
		case in.inFrame && in.op.Info().Memory():
			fr.uses++
			fr.last = max(fr.last, returnAddress+in.value+int64(1)<<min(in.index, maxAlign)-1)
		case in.begins():
			fr.open = append(fr.open, open{i, fr.uses})
		case in.op == wasm.OpEnd && len(fr.open) > 0: // the last end ends the function
			begin := fr.open[len(fr.open)-1]
			fr.open = fr.open[:len(fr.open)-1]
			code[begin.at].inFrame = code[begin.at].op == wasm.OpLoop && fr.uses-begin.uses >= worth
		}
	}
}

// maxAlign is the alignment of the largest value, a vector, as a power of 2.
const maxAlign = 4

// returnAddress is the size of a return address, in bytes.
const returnAddress = 8

// maxTouch is how far from the base an offset may be: no frame is as large.
const maxTouch = maxOffset + 64

func (fr *framer) add(code ...instruction) { fr.out = append(fr.out, code...) }

// touch appends a load of the last used byte of the frame.
func (fr *framer) touch() {
	fr.add(made(wasm.OpLocalGet, fr.base, 0), made(wasm.OpI32Load8U, 0, fr.last), made(wasm.OpDrop, 0, 0))
}

// enter returns the index in code from which SP keeps its value: after the check of the stack, if
// there is one, and after the frame is made, if there is one.
func enter(code []instruction) int {
	const prologue = 2 // global.get SP, local.set SP
	at := prologue
	for at < len(code) && code[at].op == wasm.OpBlock {
		at++
	}
	at = stackCheck(code, at)
	if makesRoom(code[at:]) && !calls(code[at:]) {
		return at + 5
	}
	if code[at-1].op == wasm.OpEnd {
		return at
	}
	return prologue
}

// stackCheck returns the end of a check of the stack that begins at code[at], or at if there is
// none. The check is an if in which the function calls morestack and leaves.
func stackCheck(code []instruction, at int) int {
	i := at
	for i < len(code) {
		switch code[i].op {
		case wasm.OpNop, wasm.OpLocalGet, wasm.OpGlobalGet, wasm.OpI32WrapI64, wasm.OpI32Load, wasm.OpI32Const, wasm.OpI32Add, wasm.OpI32LeU:
			i++
			continue
		}
		break
	}
	const body = 11 // the call and the return
	if i+body >= len(code) || code[i].op != wasm.OpIf || !calls(code[i+1:]) || code[i+body].op != wasm.OpReturn {
		return at
	}
	i += body + 1
	if code[i].op == wasm.OpElse {
		i++
	}
	if i >= len(code) || code[i].op != wasm.OpEnd {
		return at
	}
	return i + 1
}

// makesRoom reports whether code begins with a subtraction from SP.
func makesRoom(code []instruction) bool {
	return len(code) >= 5 && code[0].is(wasm.OpLocalGet, localSP) && code[1].op == wasm.OpI32Const && code[2].op == wasm.OpI32Sub &&
		code[3].is(wasm.OpLocalTee, localSP) && code[4].is(wasm.OpGlobalSet, GlobalSP)
}

// callsAt is how many instructions make room for the return address and store it.
const callsAt = 8

// calls reports whether code begins with a call: it makes room for the return address, stores it,
// and calls a function by its index or by its address.
func calls(code []instruction) bool {
	if !makesRoom(code) || code[1].value != returnAddress || len(code) < callsAt+2 || !code[5].is(wasm.OpLocalGet, localSP) ||
		code[6].op != wasm.OpI64Const || code[7].op != wasm.OpI64Store || code[7].value != 0 {
		return false
	}
	rest := code[callsAt:]
	if rest[0].op == wasm.OpI32Const {
		return rest[1].op == wasm.OpCall
	}
	return len(rest) >= 7 && rest[0].op == wasm.OpI64Const && rest[1].op == wasm.OpI64ShrU && rest[2].op == wasm.OpI32WrapI64 &&
		rest[3].is(wasm.OpLocalSet, localPC) && rest[4].op == wasm.OpI32Const && rest[5].is(wasm.OpLocalGet, localPC) && rest[6].op == wasm.OpCallIndirect
}

// rest appends the code after the frame is made, and reports whether nothing else changes SP.
func (fr *framer) rest(code []instruction) bool {
	for i := 0; i < len(code); i++ {
		in := code[i]
		switch {
		case in.is(wasm.OpLocalGet, localSP) && calls(code[i:]):
			base := made(wasm.OpLocalGet, fr.base, 0)
			fr.add(base, made(wasm.OpGlobalSet, GlobalSP, 0), base)
			i += callsAt - 2
			for in = code[i]; in.op != wasm.OpCall && in.op != wasm.OpCallIndirect; in = code[i] {
				fr.add(in)
				i++
			}
			fr.add(in)
			if i+2 < len(code) && code[i+1].is(wasm.OpGlobalGet, GlobalSP) && code[i+2].is(wasm.OpLocalSet, localSP) {
				i += 2
			}
			continue
		case in.is(wasm.OpLocalGet, localSP) && releases(code[i:]):
			fr.add(code[i : i+3]...)
			i += 3
			if code[i].op == wasm.OpLocalTee {
				i++
			}
			in = code[i]
		case in.is(wasm.OpLocalGet, localSP) && in.inFrame:
			in = made(wasm.OpLocalGet, fr.base, 0)
		case in.op == wasm.OpLocalGet, in.op == wasm.OpGlobalGet:
		case in.inFrame && in.op.Info().Memory():
			in.value += returnAddress
			in.end = 0
		case in.is(wasm.OpLocalSet, localSP), in.is(wasm.OpLocalTee, localSP), in.is(wasm.OpGlobalSet, GlobalSP):
			return false
		}
		fr.add(in)
		if in.op == wasm.OpLoop && in.inFrame {
			fr.touch()
		}
	}
	return true
}

// releases reports whether code begins with an addition to SP, after which the function returns 0
// or the result of another function.
func releases(code []instruction) bool {
	if len(code) < 4 || code[1].op != wasm.OpI32Const || code[2].op != wasm.OpI32Add {
		return false
	}
	code = code[3:]
	if code[0].is(wasm.OpLocalTee, localSP) {
		code = code[1:]
	}
	if len(code) < 3 || !code[0].is(wasm.OpGlobalSet, GlobalSP) || code[1].op != wasm.OpI32Const {
		return false
	}
	code = code[2:]
	if code[0].op == wasm.OpCall && len(code) > 1 {
		code = code[1:]
	}
	return code[0].op == wasm.OpReturn
}
