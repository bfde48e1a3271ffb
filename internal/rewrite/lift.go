package rewrite

import (
	"github.com/wasisock/wasisock/internal/wasm"
)

// A function is a function of Go's compiler or assembler, without its dispatcher. Go divides the
// code into segments. The only parameter, PC_B, selects the segment to enter:
//
//	global.get 0
//	local.set 1       ;; SP
//	block             ;; only if calls may have to unwind
//	  loop            ;; only if there are jumps
//	    block         ;; one for each segment
//	      block
//	        local.get 0
//	        br_table 0 0 1
//	      end
//	      segment 0
//	    end
//	    segment 1
//	  end
//	  unreachable
//	end
//	i32.const 1
//
// Source: preprocess and assemble in cmd/internal/obj/wasm/wasmobj.go of Go 1.24 to 1.27.
type function struct {
	// table has the segment of each PC_B. The last element is for all greater ones. It is empty
	// for a function without dispatcher, which has one segment.
	table    []uint32
	segments [][]instruction
}

// A reason says why a function stays as it is.
type reason string

// The reasons.
const (
	otherCompiler    reason = "not made by Go's compiler"
	otherType        reason = "no function of Go code" // judged by its type or its first instructions
	otherTable       reason = "unknown dispatcher"
	otherEnd         reason = "unknown end"
	otherBranch      reason = "unknown branch"
	otherJump        reason = "unknown jump"
	readsPC          reason = "PC_B read"
	otherBlock       reason = "block with a type"
	operandsLeft     reason = "operands across blocks"
	irreducible      reason = "irreducible"
	tooLarge         reason = "too large"
	otherInstruction reason = "unknown instruction"
	labelLost        reason = "label lost" // a mistake in this package
)

// maxSegments is how many segments a function may have. PC_B has 16 bits.
const maxSegments = 1 << 16

// The locals of every function of Go: PC_B, its parameter, and SP, its first local.
const (
	localPC = 0
	localSP = 1
)

// GlobalSP is the global that holds SP across calls.
const GlobalSP = 0

// lift finds the segments of a function's code, whose br_table has labels. It appends the segments
// to buf, whose capacity is at least len(code), and leaves out instructions that cannot be
// reached. It returns the reason if the function must stay as it is.
func lift(code []instruction, labels []uint32, buf []instruction) (*function, reason) {
	if len(code) < 3 || !code[0].is(wasm.OpGlobalGet, GlobalSP) || !code[1].is(wasm.OpLocalSet, localSP) {
		return nil, otherType
	}
	l := lifter{code: code, at: 2, out: buf}
	if why := l.dispatcher(labels); why != "" {
		return nil, why
	}
	for s := range l.segments {
		if why := l.segment(s); why != "" {
			return nil, why
		}
	}
	if !l.tail() {
		return nil, otherEnd
	}
	return &function{table: l.table, segments: l.segments}, ""
}

// A lifter holds the state of lift.
type lifter struct {
	code         []instruction
	at           int
	loop, unwind bool // the blocks around those of the segments
	table        []uint32
	segments     [][]instruction
	out          []instruction
}

// dispatcher reads the code before the first segment.
func (l *lifter) dispatcher(labels []uint32) reason {
	count := func() (n int) {
		for ; l.at < len(l.code) && l.code[l.at].op == wasm.OpBlock; l.at++ {
			n++
		}
		return n
	}
	outer, inner := count(), 0
	if l.at < len(l.code) && l.code[l.at].op == wasm.OpLoop {
		l.loop = true
		l.at++
		inner = count()
	}
	at := l.at
	if at+2 >= len(l.code) || !l.code[at].is(wasm.OpLocalGet, localPC) || l.code[at+1].op != wasm.OpBrTable {
		// Without a resume point there is no dispatcher. If the first instruction is a block, it
		// may be one around everything.
		l.at, l.loop = 2, false
		l.unwind = l.code[2].op == wasm.OpBlock && l.code[len(l.code)-2].op == wasm.OpI32Const
		if l.unwind {
			l.at++
		}
		l.segments = make([][]instruction, 1)
		return ""
	}
	n := 0
	for _, label := range labels {
		n = max(n, int(min(label, maxSegments))+1)
	}
	switch {
	case n > maxSegments:
		return tooLarge
	case l.loop && inner == n && outer <= 1:
		l.unwind = outer == 1
	case !l.loop && (outer == n || outer == n+1):
		l.unwind = outer == n+1
	default:
		return otherTable
	}
	if l.code[at+2].op != wasm.OpEnd || labels[0] != 0 {
		return otherTable
	}
	l.at += 3
	l.table = labels
	l.segments = make([][]instruction, n)
	return ""
}

// segment reads segment s.
func (l *lifter) segment(s int) reason {
	begin := len(l.out)
	depth := 0
	pcDepth := -1 // the depth at which the segment has set PC_B
	for ; ; l.at++ {
		if l.at >= len(l.code) {
			return otherEnd
		}
		in := l.code[l.at]
		switch in.op {
		case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
			if in.value != wasm.EmptyBlock {
				return otherBlock
			}
			depth++
		case wasm.OpElse:
			if depth == 0 {
				return otherEnd
			}
			if pcDepth >= depth {
				pcDepth = -1
			}
		case wasm.OpEnd:
			if depth == 0 {
				l.at++
				l.segments[s] = l.out[begin:len(l.out):len(l.out)]
				return ""
			}
			if depth--; pcDepth > depth {
				pcDepth = -1
			}
		case wasm.OpBr, wasm.OpBrIf:
			if in.index >= uint32(depth) {
				var why reason
				if in, why = l.leave(s, in, in.index-uint32(depth), l.out[begin:]); why != "" {
					return why
				}
				if in.op == opJump {
					l.out = l.out[:len(l.out)-2]
				}
			}
		case wasm.OpBrTable:
			return otherBranch
		case wasm.OpLocalSet, wasm.OpLocalTee:
			if in.index == localPC && pcDepth < 0 {
				pcDepth = depth
			}
		case wasm.OpLocalGet:
			// A jump sets PC_B, but not in the new body. So a segment may only read a PC_B that it
			// has set itself, as before a call by pointer.
			if in.index == localPC && pcDepth < 0 {
				return readsPC
			}
		}
		l.out = append(l.out, in)
		if in.leaves() {
			pcDepth = -1
			l.at = skip(l.code, l.at+1) - 1
		}
	}
}

// leave returns the intermediate form of a branch out of segment s. before is the code of the
// segment before the branch. label is the branch's label without the blocks inside the segment.
func (l *lifter) leave(s int, in instruction, label uint32, before []instruction) (instruction, reason) {
	open := uint32(len(l.segments) - 1 - s) // the blocks of the segments that follow
	if label < open {
		return in, otherBranch
	}
	label -= open
	if l.loop {
		if label == 0 {
			n := len(before)
			if in.op != wasm.OpBr || n < 2 || before[n-2].op != wasm.OpI32Const || !before[n-1].is(wasm.OpLocalSet, localPC) {
				return in, otherJump
			}
			pc := uint32(before[n-2].value)
			return made(opJump, l.table[min(pc, uint32(len(l.table)-1))], int64(pc)), ""
		}
		label--
	}
	if l.unwind && label == 0 && in.op == wasm.OpBrIf {
		return made(opExit, 0, 0), ""
	}
	return in, otherBranch
}

// tail reports whether the instructions after the last segment are those that Go puts there.
func (l *lifter) tail() bool {
	var want []wasm.Opcode
	switch {
	case l.loop && l.unwind:
		want = []wasm.Opcode{wasm.OpUnreachable, wasm.OpEnd, wasm.OpI32Const, wasm.OpEnd}
	case l.loop:
		want = []wasm.Opcode{wasm.OpUnreachable, wasm.OpEnd}
	case l.unwind:
		want = []wasm.Opcode{wasm.OpI32Const, wasm.OpEnd}
	}
	rest := l.code[l.at:]
	if len(rest) != len(want) {
		return false
	}
	for i := range rest {
		if rest[i].op != want[i] {
			return false
		}
	}
	if l.unwind && rest[len(rest)-2].value != 1 {
		return false
	}
	return l.loop || !falls(l.segments[len(l.segments)-1])
}

// falls reports whether a segment may continue in the next one.
func falls(segment []instruction) bool {
	return len(segment) == 0 || !segment[len(segment)-1].leaves()
}

// top returns the last of the first PC_Bs that all enter segment 0.
func (f *function) top() uint32 {
	for pc, s := range f.table[:max(len(f.table)-1, 0)] {
		if s != 0 {
			return uint32(pc) - 1
		}
	}
	return uint32(max(len(f.table)-2, 0))
}
