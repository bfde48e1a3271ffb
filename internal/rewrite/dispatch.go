package rewrite

import "github.com/wasisock/wasisock/internal/wasm"

// resumed returns the segments at which a goroutine may go on: those after calls, as far as
// resuming has found; the one that calls deferreturn, where a recovered panic goes on; and those
// in which the stack grows. The runtime has no other PCs than these, the tops of functions, and
// those of checks of pointers, which panic. Segment 0 is left to the new body.
func (f *function) resumed(m *wasm.Module, resuming []bool) []bool {
	all := make([]bool, len(f.segments))
	for s, code := range f.segments {
		depth := 0
		nilCheck := false
		for i := range code {
			in := &code[i]
			switch {
			case in.begins():
				if depth++; depth == 1 {
					nilCheck = in.op == wasm.OpIf && i > 0 && code[i-1].op == wasm.OpI64Eqz
				}
			case in.op == wasm.OpEnd:
				depth--
			case in.op != opExit:
			case depth > 0:
				// A stack check calls morestack, after which its segment is entered again.
				all[s] = all[s] || !nilCheck && s > 0
			default:
				if f, _, ok := callee(m, code[:i]); s+1 < len(all) && (!ok || resuming[f]) {
					all[s+1] = true
				}
				all[s] = all[s] || isBare(code[:i+1])
			}
		}
	}
	return all
}

// isBare reports whether code is a call without arguments, such as that of deferreturn: it makes
// room for the return address, stores it, calls, reads SP again, and exits.
func isBare(code []instruction) bool {
	const length = 13
	for len(code) > length && code[0].op == wasm.OpNop {
		code = code[1:]
	}
	return len(code) == length && code[0].is(wasm.OpLocalGet, localSP) && code[1].op == wasm.OpI32Const && code[2].op == wasm.OpI32Sub
}

// dispatch returns the code of a function with a dispatcher, and the labels of its br_table. The
// code has the marked segments; entering another one traps. dispatch appends to buf.
func dispatch(f *function, marked []bool, buf []instruction) ([]instruction, []uint32) {
	number := make([]uint32, len(f.segments))
	n := uint32(0)
	jumps, unwind := false, false
	for s, code := range f.segments {
		if !marked[s] {
			continue
		}
		number[s] = n
		n++
		for i := range code {
			jumps = jumps || code[i].op == opJump
			unwind = unwind || code[i].op == opExit
		}
	}
	trap := n // the segment after all others, which only has unreachable
	for s := range f.segments {
		if !marked[s] {
			number[s] = trap
		}
	}
	labels := make([]uint32, 0, len(f.table))
	for _, s := range f.table {
		labels = append(labels, number[s])
	}
	for len(labels) > 1 && labels[len(labels)-1] == labels[len(labels)-2] {
		labels = labels[:len(labels)-1]
	}
	uses := false
	for _, l := range labels {
		uses = uses || l == trap
	}
	blocks := n
	if uses {
		blocks++
	}
	add := func(op wasm.Opcode, index uint32, value int64) { buf = append(buf, made(op, index, value)) }
	if unwind {
		add(wasm.OpBlock, 0, wasm.EmptyBlock)
	}
	if jumps {
		add(wasm.OpLoop, 0, wasm.EmptyBlock)
	}
	for range blocks {
		add(wasm.OpBlock, 0, wasm.EmptyBlock)
	}
	add(wasm.OpLocalGet, localPC, 0)
	add(wasm.OpBrTable, 0, 0)
	add(wasm.OpEnd, 0, 0)
	open := blocks // the blocks of segments, and then of those inside one
	segment := func(code []instruction) {
		open--
		depth := open
		for _, in := range code {
			switch {
			case in.begins():
				depth++
			case in.op == wasm.OpEnd:
				depth--
			case in.op == opJump:
				add(wasm.OpI32Const, 0, in.value)
				add(wasm.OpLocalSet, localPC, 0)
				in = made(wasm.OpBr, depth, 0)
			case in.op == opExit:
				label := depth
				if jumps {
					label++
				}
				in = made(wasm.OpBrIf, label, 0)
			}
			buf = append(buf, in)
		}
		if open > 0 {
			add(wasm.OpEnd, 0, 0)
		}
	}
	for s, code := range f.segments {
		if marked[s] {
			segment(code)
		}
	}
	if jumps {
		add(wasm.OpEnd, 0, 0)
	}
	if jumps || buf[len(buf)-1].op != wasm.OpUnreachable {
		add(wasm.OpUnreachable, 0, 0)
	}
	if unwind {
		add(wasm.OpEnd, 0, 0)
		add(wasm.OpI32Const, 0, 1)
	}
	add(wasm.OpEnd, 0, 0)
	return buf, labels
}
