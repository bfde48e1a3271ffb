package rewrite

import "github.com/wasisock/wasisock/internal/wasm"

// A structurer writes a function without dispatcher, as a tree: a segment that another one
// dominates is written inside of that one, in place of the jump to it; or, if there are several
// jumps, after it, behind the block that each of these jumps leaves.
//
// Source: Norman Ramsey, Beyond Relooper: Recursive Translation of Unstructured Control
// Flow to Structured Control Flow, ICFP 2022.
type structurer struct {
	f     *function
	g     *graph
	out   []instruction
	depth uint32 // number of open blocks
	// loops and blocks have the depth of the loop that begins with a segment, and of the block
	// after which a segment comes; 0 while it is not open.
	loops, blocks []uint32
	// joins and next are lists of segments for each segment: those that it dominates and to which
	// several edges lead, in order. -1 ends a list.
	joins, next []int32
	lost        bool // a label was missing, which is a mistake in this package
}

// structure returns the code of a function that is entered at segment 0 only. It appends to buf.
func structure(f *function, g *graph, buf []instruction) ([]instruction, bool) {
	n := len(f.segments)
	s := &structurer{
		f: f, g: g, out: buf,
		loops: make([]uint32, n), blocks: make([]uint32, n),
		joins: make([]int32, n), next: make([]int32, n),
	}
	for i := range s.joins {
		s.joins[i] = -1
	}
	for i := len(g.order) - 1; i > 0; i-- {
		if t := g.order[i]; g.forward[t] > 1 {
			s.next[t] = s.joins[g.idom[t]]
			s.joins[g.idom[t]] = t
		}
	}
	unwind := exits(f.segments)
	if unwind {
		s.begin(wasm.OpBlock)
	}
	s.tree(0)
	if s.out[len(s.out)-1].op == wasm.OpEnd {
		s.add(wasm.OpUnreachable, 0, 0) // no path comes here
	}
	if unwind {
		s.end()
		s.add(wasm.OpI32Const, 0, 1)
	}
	s.add(wasm.OpEnd, 0, 0)
	return s.out, !s.lost && s.depth == 0
}

func (s *structurer) add(op wasm.Opcode, index uint32, value int64) {
	s.out = append(s.out, made(op, index, value))
}

func (s *structurer) begin(op wasm.Opcode) uint32 {
	s.add(op, 0, wasm.EmptyBlock)
	s.depth++
	return s.depth
}

func (s *structurer) end() {
	s.add(wasm.OpEnd, 0, 0)
	s.depth--
}

// tree writes a segment and all segments that it dominates. No path goes on after them.
func (s *structurer) tree(x int32) {
	if s.g.head[x] {
		s.loops[x] = s.begin(wasm.OpLoop)
	}
	s.within(x, s.joins[x])
	if s.g.head[x] {
		s.loops[x] = 0
		s.end()
	}
}

// within writes a segment, and those of a list after it, the first of them innermost.
func (s *structurer) within(x, join int32) {
	var list []int32
	for ; join >= 0; join = s.next[join] {
		list = append(list, join)
	}
	for i := len(list) - 1; i >= 0; i-- {
		s.blocks[list[i]] = s.begin(wasm.OpBlock)
	}
	s.segment(x)
	for _, t := range list {
		s.blocks[t] = 0
		if last := len(s.out) - 1; s.out[last].is(wasm.OpBr, 0) { // a branch to the next end
			s.out = s.out[:last]
		}
		s.end()
		s.tree(t)
	}
}

// segment writes a segment. Each of its ifs gets an else: without one, wazero forgets which
// addresses are in bounds.
func (s *structurer) segment(x int32) {
	code := s.f.segments[x]
	var buf [16]wasm.Opcode
	open := buf[:0] // the first instructions of the segment's open blocks
	for i := 0; i < len(code); i++ {
		in := code[i]
		switch {
		case in.op == opJump:
			s.jump(x, int32(in.index))
			continue
		case in.op == opExit:
			in = made(wasm.OpBrIf, s.depth-1, 0)
		case in.op == wasm.OpIf && i+2 < len(code) && code[i+1].op == opJump && code[i+2].op == wasm.OpEnd:
			// An if with only a br becomes br_if.
			if label, ok := s.label(x, int32(code[i+1].index)); ok {
				in = made(wasm.OpBrIf, s.depth-label, 0)
				i += 2
			} else {
				s.depth++
			}
		case in.begins():
			s.depth++
		case in.op == wasm.OpElse:
			open[len(open)-1] = wasm.OpElse
		case in.op == wasm.OpEnd:
			s.depth--
			last := len(open) - 1
			if open[last] == wasm.OpIf {
				s.add(wasm.OpElse, 0, 0)
			}
			open = open[:last]
		}
		if in.begins() {
			open = append(open, in.op)
		}
		s.out = append(s.out, in)
	}
	switch {
	case !falls(code):
	case int(x)+1 < len(s.f.segments):
		s.jump(x, x+1)
	default:
		s.add(wasm.OpUnreachable, 0, 0)
	}
}

// label returns the label of the block or loop to which an edge leads. It returns false if the
// edge's segment must be written in place of the jump.
func (s *structurer) label(from, to int32) (uint32, bool) {
	back := s.g.place[to] <= s.g.place[from]
	label := s.blocks[to]
	if back {
		label = s.loops[to]
	}
	if !back && s.g.forward[to] == 1 {
		return 0, false
	}
	if label == 0 || label > s.depth {
		s.lost = true
		label = s.depth
	}
	return label, true
}

func (s *structurer) jump(from, to int32) {
	if label, ok := s.label(from, to); ok {
		s.add(wasm.OpBr, s.depth-label, 0)
	} else {
		s.tree(to)
	}
}
