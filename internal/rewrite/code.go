package rewrite

import (
	"fmt"
	"strings"

	"github.com/wasisock/wasisock/internal/wasm"
)

// An instruction is the intermediate form of an instruction of wasm, or has one of the two opcodes
// below.
type instruction struct {
	op wasm.Opcode
	// index is the index of a local, global, function or type, the label of br and br_if, the
	// alignment of a load or store, or the segment to which jump goes.
	index uint32
	// value is a constant, the type of a block, the offset of a load or store, or the PC_B
	// that jump stores.
	value int64
	// begin and end are the offsets of the instruction in the function's code. An end of 0 means
	// that it must be encoded.
	begin, end uint32
	// inFrame means that this is a load or store with SP as its address, and an offset, or the
	// local.get of that address.
	inFrame bool
}

// Opcodes for Go's sequences of instructions, which lift makes.
const (
	opJump wasm.Opcode = 0x100 + iota // i32.const PC_B, local.set 0, and br to the dispatcher
	opExit                            // br_if to the block around everything, after which the function returns 1
)

// decode appends the instructions of a function to code, and the labels of its first br_table to
// labels.
func decode(r *wasm.Reader, code []instruction, labels []uint32) ([]instruction, []uint32, error) {
	var in wasm.Instruction
	first := true
	for r.Instruction(&in) {
		i := instruction{op: in.Op, index: in.Index, value: in.Value, begin: uint32(in.Begin), end: uint32(in.End)}
		switch in.Op {
		case wasm.OpBr, wasm.OpBrIf:
			i.index = in.Labels[0]
		case wasm.OpBrTable:
			if first {
				labels, first = append(labels, in.Labels...), false
			}
		}
		code = append(code, i)
	}
	return code, labels, r.Err()
}

// appendTo appends the encoding of an instruction of source.
func (in *instruction) appendTo(b, source []byte) []byte {
	if in.end > 0 {
		return append(b, source[in.begin:in.end]...)
	}
	b = in.op.AppendTo(b)
	switch in.op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpI32Const, wasm.OpI64Const:
		return wasm.AppendInt64(b, in.value)
	case wasm.OpBr, wasm.OpBrIf, wasm.OpLocalGet, wasm.OpLocalSet, wasm.OpLocalTee, wasm.OpGlobalGet, wasm.OpGlobalSet, wasm.OpCall:
		return wasm.AppendUint32(b, in.index)
	}
	if in.op.Info().Memory() {
		return wasm.AppendUint32(wasm.AppendUint32(b, in.index), uint32(in.value))
	}
	return b
}

// made returns an instruction that is not in the code of the function.
func made(op wasm.Opcode, index uint32, value int64) instruction {
	return instruction{op: op, index: index, value: value}
}

// is reports whether the instruction has an opcode and an index.
func (in *instruction) is(op wasm.Opcode, index uint32) bool { return in.op == op && in.index == index }

// begins reports whether the instruction begins a block.
func (in *instruction) begins() bool {
	return in.op == wasm.OpBlock || in.op == wasm.OpLoop || in.op == wasm.OpIf
}

// leaves reports whether the next instruction is never reached from this one.
func (in *instruction) leaves() bool {
	switch in.op {
	case wasm.OpUnreachable, wasm.OpBr, wasm.OpBrTable, wasm.OpReturn, opJump:
		return true
	}
	return false
}

// branches reports whether another instruction than the next one in the code may follow, or one of
// several precede it.
func (in *instruction) branches() bool {
	return in.begins() || in.leaves() || in.op == wasm.OpBrIf || in.op == wasm.OpElse || in.op == wasm.OpEnd || in.op == opExit
}

// skip returns the index of the end or else that closes the block around code[i], or len(code).
func skip(code []instruction, i int) int {
	for depth := 0; i < len(code); i++ {
		switch in := &code[i]; {
		case in.begins():
			depth++
		case in.op == wasm.OpElse && depth == 0:
			return i
		case in.op == wasm.OpEnd:
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return i
}

// String returns the instruction as in the text format.
func (in *instruction) String() string {
	switch in.op {
	case opJump:
		return fmt.Sprintf("jump %d (PC_B %d)", in.index, in.value)
	case opExit:
		return "exit"
	case wasm.OpI32Const, wasm.OpI64Const:
		return fmt.Sprintf("%v %d", in.op, in.value)
	case wasm.OpBr, wasm.OpBrIf, wasm.OpLocalGet, wasm.OpLocalSet, wasm.OpLocalTee, wasm.OpGlobalGet, wasm.OpGlobalSet, wasm.OpCall, wasm.OpCallIndirect:
		return fmt.Sprintf("%v %d", in.op, in.index)
	}
	if in.op.Info().Memory() && in.value != 0 {
		return fmt.Sprintf("%v offset=%d", in.op, uint32(in.value))
	}
	return in.op.String()
}

// text returns code as lines, indented within blocks.
func text(code []instruction) string {
	var b strings.Builder
	depth := 0
	for i := range code {
		in := &code[i]
		if in.op == wasm.OpEnd || in.op == wasm.OpElse {
			depth--
		}
		fmt.Fprintf(&b, "%s%v\n", strings.Repeat("  ", max(depth, 0)), in)
		if in.begins() || in.op == wasm.OpElse {
			depth++
		}
	}
	return b.String()
}
