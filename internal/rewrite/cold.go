package rewrite

import "github.com/wasisock/wasisock/internal/wasm"

// A mover moves cold ifs behind all other code. In a cold if the function ends by a call that never
// returns 0: a check of the stack, of a pointer or of bounds has failed. The if becomes a br_if to
// the end of a block around everything:
//
//	block
//	  …
//	  br_if 0
//	  …
//	  return
//	end
//	…         ;; what was in the if
//
// Engines that lay code out in its order then have what runs in one piece. An old body has its
// resume points in order, and stays as it is.
type mover struct {
	out  []instruction
	cold []cold
}

// A cold if begins and ends at these indexes. What is in it ends at return.
type cold struct{ begin, inner, end int }

// move returns code with its cold ifs moved. may has the functions that may return 0.
func (v *mover) move(m *wasm.Module, code []instruction, may []bool) []instruction {
	v.find(m, code, may)
	if len(v.cold) == 0 {
		return code
	}
	v.out = v.out[:0]
	for range v.cold {
		v.add(made(wasm.OpBlock, 0, wasm.EmptyBlock))
	}
	at, depth := 0, uint32(0)
	for n, c := range v.cold {
		for i := range code[at:c.begin] {
			switch in := &code[at+i]; {
			case in.begins():
				depth++
			case in.op == wasm.OpEnd:
				depth--
			}
		}
		v.add(code[at:c.begin]...)
		v.add(made(wasm.OpBrIf, depth+uint32(n), 0))
		at = c.end
	}
	last := len(code) - 1
	v.add(code[at:last]...)
	if !v.out[len(v.out)-1].leaves() {
		v.add(made(wasm.OpReturn, 0, 0))
	}
	for _, c := range v.cold {
		v.add(made(wasm.OpEnd, 0, 0))
		v.add(code[c.begin+1 : c.inner]...)
	}
	v.add(code[last])
	return v.out
}

func (v *mover) add(code ...instruction) { v.out = append(v.out, code...) }

// find sets cold to the cold ifs of code.
func (v *mover) find(m *wasm.Module, code []instruction, may []bool) {
	v.cold = v.cold[:0]
	for begin := range code {
		if code[begin].op != wasm.OpIf {
			continue
		}
		at := begin + 1
		for !code[at].branches() {
			at++
		}
		if f, _, ok := callee(m, code[begin+1:at]); code[at].op != wasm.OpReturn || !ok || may[f] {
			continue
		}
		c := cold{begin: begin, inner: at + 1, end: at + 1}
		if code[c.end].op == wasm.OpElse {
			c.end++
		}
		if code[c.end].op == wasm.OpEnd {
			c.end++
			v.cold = append(v.cold, c)
		}
	}
}
