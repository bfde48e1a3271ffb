package wasm

import (
	"fmt"
	"strings"
)

// An Opcode identifies an instruction: its byte, or 256 times its prefix plus the number after it,
// such as 0xfc0b for memory.fill.
type Opcode uint16

// The opcodes that other packages refer to.
const (
	OpUnreachable   Opcode = 0x00
	OpNop           Opcode = 0x01
	OpBlock         Opcode = 0x02
	OpLoop          Opcode = 0x03
	OpIf            Opcode = 0x04
	OpElse          Opcode = 0x05
	OpEnd           Opcode = 0x0b
	OpBr            Opcode = 0x0c
	OpBrIf          Opcode = 0x0d
	OpBrTable       Opcode = 0x0e
	OpReturn        Opcode = 0x0f
	OpCall          Opcode = 0x10
	OpCallIndirect  Opcode = 0x11
	OpDrop          Opcode = 0x1a
	OpSelect        Opcode = 0x1b
	OpSelectTyped   Opcode = 0x1c
	OpLocalGet      Opcode = 0x20
	OpLocalSet      Opcode = 0x21
	OpLocalTee      Opcode = 0x22
	OpGlobalGet     Opcode = 0x23
	OpGlobalSet     Opcode = 0x24
	OpI32Load       Opcode = 0x28
	OpI64Load       Opcode = 0x29
	OpI32Load8U     Opcode = 0x2d
	OpI64Store      Opcode = 0x37
	OpMemorySize    Opcode = 0x3f
	OpMemoryGrow    Opcode = 0x40
	OpI32Const      Opcode = 0x41
	OpI64Const      Opcode = 0x42
	OpF32Const      Opcode = 0x43
	OpF64Const      Opcode = 0x44
	OpI32Eqz        Opcode = 0x45
	OpI32Eq         Opcode = 0x46
	OpI32Ne         Opcode = 0x47
	OpI32LtS        Opcode = 0x48
	OpI32LtU        Opcode = 0x49
	OpI32GtS        Opcode = 0x4a
	OpI32GtU        Opcode = 0x4b
	OpI32LeS        Opcode = 0x4c
	OpI32LeU        Opcode = 0x4d
	OpI32GeS        Opcode = 0x4e
	OpI32GeU        Opcode = 0x4f
	OpI64Eqz        Opcode = 0x50
	OpI64Eq         Opcode = 0x51
	OpI64Ne         Opcode = 0x52
	OpI64LtS        Opcode = 0x53
	OpI64LtU        Opcode = 0x54
	OpI64GtS        Opcode = 0x55
	OpI64GtU        Opcode = 0x56
	OpI64LeS        Opcode = 0x57
	OpI64LeU        Opcode = 0x58
	OpI64GeS        Opcode = 0x59
	OpI64GeU        Opcode = 0x5a
	OpF64Ge         Opcode = 0x66
	OpI32Popcnt     Opcode = 0x69
	OpI32Add        Opcode = 0x6a
	OpI32Sub        Opcode = 0x6b
	OpI32Mul        Opcode = 0x6c
	OpI32DivS       Opcode = 0x6d
	OpI32RemS       Opcode = 0x6f
	OpI32RemU       Opcode = 0x70
	OpI32And        Opcode = 0x71
	OpI32Shl        Opcode = 0x74
	OpI32ShrS       Opcode = 0x75
	OpI32ShrU       Opcode = 0x76
	OpI64Popcnt     Opcode = 0x7b
	OpI64Add        Opcode = 0x7c
	OpI64Sub        Opcode = 0x7d
	OpI64Mul        Opcode = 0x7e
	OpI64DivS       Opcode = 0x7f
	OpI64RemS       Opcode = 0x81
	OpI64RemU       Opcode = 0x82
	OpI64And        Opcode = 0x83
	OpI64Shl        Opcode = 0x86
	OpI64ShrS       Opcode = 0x87
	OpI64ShrU       Opcode = 0x88
	OpI32WrapI64    Opcode = 0xa7
	OpI64ExtendI32U Opcode = 0xad
	OpRefNull       Opcode = 0xd0
	OpRefFunc       Opcode = 0xd2
	OpTableGrow     Opcode = 0xfc0f
	OpTableSize     Opcode = 0xfc10
	OpV128Const     Opcode = 0xfd0c
)

// A row describes an instruction as the specification does.
type row struct {
	op        Opcode
	name      string
	signature string // as in Info
	immediate immediate
}

// An immediate is the operand behind an opcode.
type immediate byte

const (
	immNone       immediate = iota
	immBlockType            // of block, loop and if
	immLabel                // a relative depth
	immLabels               // those of br_table
	immIndex                // of a local, function, table and so on
	immIndex2               // two of them
	immIndexZero            // an index, and a memory's, which is 0
	immTypes                // of select
	immMemory               // alignment and offset
	immMemoryLane           // these and a lane
	immLane
	immZero  // the memory's index
	immZero2 // both memories'
	immI32
	immI64
	immF32
	immF64
	immV128
	immRefType
)

// An Info describes an opcode.
type Info struct {
	Name string
	// Signature has a letter for each operand, a colon, and a letter for each result: i and I for
	// i32 and i64, f and F for f32 and f64, v for v128, and * if the type depends on others.
	Signature string
	// Pops and Pushes count operands and results. For calls, blocks and branches they leave out
	// those that depend on a type.
	Pops, Pushes int
	// Result is the type of the result; 0 means none, or one that depends on others.
	Result Type

	immediate immediate
}

// Memory reports whether it is a load or store of a whole value: its address is the first
// operand, and an alignment and an offset follow the opcode.
func (i *Info) Memory() bool { return i.immediate == immMemory }

// infos has one page for opcodes without a prefix, and one each for the prefixes 0xfc and 0xfd.
var infos = func() (pages [3][256]Info) {
	for _, rows := range [][]row{baseRows, simdRows} {
		for _, r := range rows {
			pops, pushes, _ := strings.Cut(r.signature, ":")
			pages[r.op.page()][byte(r.op)] = Info{r.name, r.signature, len(pops), len(pushes), letters[pushes], r.immediate}
		}
	}
	return pages
}()

// letters maps the letters of Info.Signature to types.
var letters = map[string]Type{"i": I32, "I": I64, "f": F32, "F": F64, "v": V128}

func (op Opcode) page() int {
	if prefix := int(op >> 8); prefix != 0 {
		return prefix - 0xfb
	}
	return 0
}

// Info returns the description of a known opcode.
func (op Opcode) Info() *Info { return &infos[op.page()][byte(op)] }

// String returns the instruction's name.
func (op Opcode) String() string {
	if page := op.page(); page >= 0 && page < len(infos) && op.Info().Name != "" {
		return op.Info().Name
	}
	return fmt.Sprintf("%#x", uint16(op))
}

// AppendTo appends the opcode's encoding.
func (op Opcode) AppendTo(b []byte) []byte {
	if op.page() == 0 {
		return append(b, byte(op))
	}
	return AppendUint32(append(b, byte(op>>8)), uint32(op&0xff))
}

// EmptyBlock is the block type without parameters and results.
const EmptyBlock = -0x40

// An Instruction is an instruction that a Reader has read.
type Instruction struct {
	Op         Opcode
	Info       *Info    // description of Op
	Begin, End int      // offsets in the code
	Index      uint32   // of a local, function, type and so on; of call_indirect: the type's; of loads and stores: the alignment
	Value      int64    // of i32.const and i64.const; of blocks: their type, see BlockType; of loads and stores: the offset
	Labels     []uint32 // of br, br_if and br_table, valid until the next is read
}

// Instruction reads an instruction, and reports whether there was one. An unknown instruction is
// an error, which names the proposal to which it belongs.
func (r *Reader) Instruction(in *Instruction) bool {
	if r.Len() == 0 {
		return false
	}
	in.Begin = r.pos
	in.Op = Opcode(r.Byte())
	if in.Op == 0xfc || in.Op == 0xfd {
		n := r.Uint32()
		if n > 0xff {
			r.unknown(in)
			return false
		}
		in.Op = in.Op<<8 | Opcode(n)
	}
	in.Info = in.Op.Info()
	if in.Info.Name == "" {
		r.unknown(in)
		return false
	}
	in.Index, in.Value, in.Labels = 0, 0, in.Labels[:0]
	switch in.Info.immediate {
	case immNone:
	case immBlockType:
		in.Value = r.Int33()
	case immLabel:
		in.Labels = append(in.Labels, r.Uint32())
	case immLabels:
		for range r.Count(1) + 1 {
			in.Labels = append(in.Labels, r.Uint32())
		}
	case immIndex:
		in.Index = r.Uint32()
	case immIndex2:
		in.Index = r.Uint32()
		r.Uint32()
	case immIndexZero:
		in.Index = r.Uint32()
		r.zero()
	case immTypes:
		types(r)
	case immMemory:
		in.Index = r.Uint32()
		in.Value = int64(r.Uint32())
	case immMemoryLane:
		r.Uint32()
		r.Uint32()
		r.Byte()
	case immLane, immRefType:
		r.Byte()
	case immZero:
		r.zero()
	case immZero2:
		r.zero()
		r.zero()
	case immI32:
		in.Value = int64(r.Int32())
	case immI64:
		in.Value = r.Int64()
	case immF32:
		r.Bytes(4)
	case immF64:
		r.Bytes(8)
	case immV128:
		r.Bytes(16)
	}
	in.End = r.pos
	return r.err == nil
}

// zero reads the index of the memory, which must be 0.
func (r *Reader) zero() {
	if r.Byte() != 0 {
		r.Fail("second memory; one is supported")
	}
}

func (r *Reader) unknown(in *Instruction) {
	proposal := ""
	switch first := r.data[in.Begin]; {
	case first == 0x12 || first == 0x13:
		proposal = ", of the proposal tail calls, which is not supported"
	case first >= 0x06 && first <= 0x0a || first == 0x18 || first == 0x19 || first == 0x1f:
		proposal = ", of the proposal exception handling, which is not supported"
	case first == 0x14 || first == 0x15 || first >= 0xd3 && first <= 0xd6 || first == 0xfb:
		proposal = ", of the proposal garbage collection, which is not supported"
	case first == 0xfe:
		proposal = ", of the proposal threads, which is not supported"
	case first == 0xfc:
		proposal = ", of a proposal that is not supported"
	case first == 0xfd:
		proposal = ", of the proposal relaxed SIMD, which is not supported"
	}
	end := min(r.pos, len(r.data))
	r.pos = in.Begin
	r.Fail("unknown instruction % x%s", r.data[in.Begin:end], proposal)
}

// BlockType returns the type of the block that an instruction begins.
func (m *Module) BlockType(in *Instruction) (FuncType, error) {
	switch v := in.Value; {
	case v == EmptyBlock:
		return FuncType{}, nil
	case v >= 0 && v < int64(len(m.Types)):
		return m.Types[v], nil
	case v < 0 && v >= -0x40 && Type(v&0x7f).known():
		return blockTypes[v&0x7f], nil
	default:
		return FuncType{}, fmt.Errorf("unknown block type %d", v)
	}
}

// blockTypes holds the types of blocks with one result.
var blockTypes = func() (all [0x80]FuncType) {
	for _, t := range []Type{I32, I64, F32, F64, V128, FuncRef, ExternRef} {
		all[t] = FuncType{Results: []Type{t}}
	}
	return all
}()
