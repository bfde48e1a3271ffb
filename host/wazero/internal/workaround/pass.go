package workaround

import (
	"errors"
	"fmt"

	"github.com/wasisock/wasisock/internal/wasm"
)

// A kind is a fact that wazero may derive about a value when it compiles.
type kind uint8

const (
	isOther    kind = iota // no constant, and no `and`
	isUnknown              // perhaps a constant; no `and` of this basic block
	isConstant             // a constant other than 0
	isZero                 // the constant 0
	isAnd                  // an `and`, if its block is the present one
)

// A value is an operand, or what a local holds.
type value struct {
	kind  kind
	typ   wasm.Type
	low   uint8 // the low bits of isConstant, which count when it shifts
	size  uint8 // of the instruction that pushed a 0, if that can be removed, and else 0
	begin int32 // of that instruction
	block int32 // the basic block where the value was made
}

func (v value) mayBeZero() bool { return v.kind == isZero || v.kind == isUnknown }

// isAnd reports whether wazero may take v for an `and` of the present basic block.
func (p *pass) isAnd(v value) bool { return v.kind == isAnd && v.block == p.block }

// A frame is a block, loop, if or function whose end has not come.
type frame struct {
	op     wasm.Opcode // that began it, 0 for a function
	height int         // of the stack below the parameters
	wasm.FuncType
}

// labels returns how many operands a branch to the frame takes.
func (f *frame) labels() int {
	if f.op == wasm.OpLoop {
		return len(f.Params)
	}
	return len(f.Results)
}

// A pass follows the functions of a module, one after the other.
type pass struct {
	module *wasm.Module
	arch   string // whose faults are worked around: as in GOARCH
	edits  []edit
	// changes counts the places that the edits change.
	changes int
	// body is that of the present function, and params the types of its parameters.
	body   *wasm.Body
	params []wasm.Type
	types  localTypes
	// spare are the first of two locals of i32 and of i64 that edits use.
	spare map[wasm.Type]uint32

	// block numbers the basic blocks: what was known of locals in another one is known
	// no more. Numbers are not used again in other functions.
	block  int32
	top    int32 // the function's first basic block
	loads  bool  // the first basic block has loaded a global, or the size of memory or of a table
	stack  []value
	frames []frame
	locals []value
	dead   int // blocks begun since the code became unreachable, and 1; 0 where it is not
}

// maxStack is how many operands a function may have at once, so that results of calls,
// which take no code, cannot take all memory.
const maxStack = 1 << 20

var errStack = errors.New("operands are missing")

// function follows function i of those with code, and leaves what it has to change.
func (p *pass) function(i int) error {
	body := &p.module.Bodies[i]
	typ := p.module.TypeOf(uint32(p.module.Imported + i))
	p.body, p.params = body, typ.Params
	p.types.reset(body)
	p.edits, p.changes, p.dead = p.edits[:0], 0, 0
	clear(p.spare)
	p.stack, p.frames = p.stack[:0], append(p.frames[:0], frame{FuncType: wasm.FuncType{Results: typ.Results}})
	p.block++
	p.top, p.loads = p.block, false
	locals := len(typ.Params) + body.Declare
	for len(p.locals) < locals {
		p.locals = append(p.locals, value{})
	}
	r := wasm.NewReader(body.Code, body.Offset)
	var in wasm.Instruction
	for r.Instruction(&in) {
		if len(p.frames) == 0 {
			return errors.New("code after the end")
		}
		if err := p.instruction(&in, locals); err != nil {
			return fmt.Errorf("%v at offset %#x: %w", in.Op, body.Offset+in.Begin, err)
		}
	}
	if r.Err() == nil && len(p.frames) > 0 {
		return errors.New("no end")
	}
	return r.Err()
}

// instruction does to the stack and to locals what an instruction does.
func (p *pass) instruction(in *wasm.Instruction, locals int) error {
	switch in.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		return p.begin(in)
	case wasm.OpElse, wasm.OpEnd:
		return p.end(in.Op == wasm.OpElse)
	}
	if p.dead > 0 {
		return nil // wazero compiles nothing
	}
	info := in.Info
	operands, err := p.pop(info.Pops)
	if err != nil {
		return err
	}
	result := value{typ: info.Result}
	switch in.Op {
	case wasm.OpUnreachable, wasm.OpBr, wasm.OpBrTable, wasm.OpReturn:
		p.dead = 1
	case wasm.OpBrIf:
		return p.branch(in.Labels[0])
	case wasm.OpCall:
		if in.Index >= uint32(len(p.module.Functions)) {
			return fmt.Errorf("function %d of %d", in.Index, len(p.module.Functions))
		}
		return p.call(p.module.TypeOf(in.Index))
	case wasm.OpCallIndirect:
		if in.Index >= uint32(len(p.module.Types)) {
			return fmt.Errorf("type %d of %d", in.Index, len(p.module.Types))
		}
		return p.call(p.module.Types[in.Index])
	case wasm.OpLocalGet, wasm.OpLocalSet, wasm.OpLocalTee:
		if in.Index >= uint32(locals) {
			return fmt.Errorf("local %d of %d", in.Index, locals)
		}
		result = p.local(in, operands)
	case wasm.OpGlobalGet:
		if in.Index >= uint32(len(p.module.Globals)) {
			return fmt.Errorf("global %d of %d", in.Index, len(p.module.Globals))
		}
		result = value{kind: isUnknown, typ: p.module.Globals[in.Index]}
		p.loads = true
	case wasm.OpMemorySize, wasm.OpTableSize:
		p.loads = true
	case wasm.OpI32Const, wasm.OpI64Const:
		result.kind, result.low = isConstant, uint8(in.Value)
		if in.Value == 0 {
			result.kind, result.begin, result.size = isZero, int32(in.Begin), uint8(in.End-in.Begin)
		}
	case wasm.OpI32Popcnt:
		if p.arch == "arm64" {
			p.popcnt(in)
		}
	case wasm.OpI32RemS, wasm.OpI32RemU, wasm.OpI64RemS, wasm.OpI64RemU:
		if p.arch == "arm64" {
			p.remainder(in)
		}
	case wasm.OpI32And, wasm.OpI64And:
		result.kind, result.block = isAnd, p.block
	case wasm.OpSelect, wasm.OpSelectTyped:
		result.typ = operands[0].typ
		if p.arch == "amd64" {
			p.choose(in, result.typ)
		}
	case wasm.OpI32Shl, wasm.OpI32ShrS, wasm.OpI32ShrU:
		result = shifted(operands[0], operands[1], 32)
	case wasm.OpI64Shl, wasm.OpI64ShrS, wasm.OpI64ShrU:
		result = shifted(operands[0], operands[1], 64)
	default:
		if in.Op >= wasm.OpI32Eqz && in.Op <= wasm.OpF64Ge {
			p.comparison(in, operands)
		}
	}
	return p.push(info.Pushes, result)
}

// pop takes n operands, which are valid until the next push.
func (p *pass) pop(n int) ([]value, error) {
	height := len(p.stack) - n
	if height < p.frames[len(p.frames)-1].height {
		return nil, errStack
	}
	operands := p.stack[height:]
	p.stack = p.stack[:height]
	return operands, nil
}

func (p *pass) push(n int, v value) error {
	if len(p.stack)+n > maxStack {
		return fmt.Errorf("more than %d operands", maxStack)
	}
	for range n {
		p.stack = append(p.stack, v)
	}
	return nil
}

func (p *pass) call(t wasm.FuncType) error {
	if _, err := p.pop(len(t.Params)); err != nil {
		return err
	}
	return p.pushAll(t.Results, isOther)
}

// pushAll pushes a value of each type.
func (p *pass) pushAll(types []wasm.Type, k kind) error {
	for _, t := range types {
		if err := p.push(1, value{kind: k, typ: t}); err != nil {
			return err
		}
	}
	return nil
}

// branch ends a basic block with a branch that goes on if it is not taken.
func (p *pass) branch(label uint32) error {
	p.block++
	if label >= uint32(len(p.frames)) {
		return fmt.Errorf("label %d of %d", label, len(p.frames))
	}
	n := p.frames[len(p.frames)-1-int(label)].labels()
	operands, err := p.pop(n)
	if err != nil {
		return err
	}
	p.keep(operands)
	return nil
}

// keep puts operands back that an instruction uses, so that what pushed them must stay.
func (p *pass) keep(operands []value) {
	for i := range operands {
		operands[i].size = 0
	}
	p.stack = p.stack[:len(p.stack)+len(operands)]
}

// local does what an instruction does to a local, and returns its result.
func (p *pass) local(in *wasm.Instruction, operands []value) value {
	local := &p.locals[in.Index]
	if in.Op == wasm.OpLocalGet {
		if local.block != p.block {
			return value{kind: isUnknown, typ: p.typeOf(in.Index)}
		}
		v := *local
		v.block = p.block
		return v
	}
	*local = operands[0]
	// A local keeps no `and` of another block, and a constant that it holds was pushed
	// for it.
	if local.kind == isAnd && local.block != p.block {
		local.kind = isOther
	}
	local.block, local.size = p.block, 0
	return *local
}

// comparison changes what the compiler might do wrongly with a comparison.
func (p *pass) comparison(in *wasm.Instruction, operands []value) {
	if p.loads && p.block == p.top {
		p.loads = false
		p.changes++
		p.edits = append(p.edits, edit{with: []byte{byte(wasm.OpBlock), 0x40, byte(wasm.OpEnd)}})
	}
	if in.Op >= wasm.OpI32LtS && in.Op <= wasm.OpI32GeU || in.Op >= wasm.OpI64LtS && in.Op <= wasm.OpI64GeU {
		p.ordering(in, operands[0], operands[1])
	}
}

// shifted returns what wazero may know of v shifted by amount.
func shifted(v, amount value, width uint8) value {
	switch {
	case amount.kind == isZero, amount.kind == isUnknown, amount.kind == isConstant && amount.low%width == 0:
		v.size = 0
		return v // wazero may remove the shift
	default:
		return value{typ: v.typ}
	}
}

// begin begins a block, loop or if.
func (p *pass) begin(in *wasm.Instruction) error {
	if p.dead > 0 {
		p.dead++
		return nil
	}
	t, err := p.module.BlockType(in)
	if err != nil {
		return err
	}
	if in.Op == wasm.OpIf {
		if _, err := p.pop(1); err != nil {
			return err
		}
	}
	params, err := p.pop(len(t.Params))
	if err != nil {
		return err
	}
	p.frames = append(p.frames, frame{in.Op, len(p.stack), t})
	if in.Op == wasm.OpBlock { // the basic block goes on
		p.keep(params)
		return nil
	}
	p.block++
	return p.pushAll(t.Params, isUnknown)
}

// end ends a frame, or goes on with its else.
func (p *pass) end(isElse bool) error {
	if p.dead > 1 {
		if !isElse {
			p.dead--
		}
		return nil
	}
	f := &p.frames[len(p.frames)-1]
	if isElse && f.op != wasm.OpIf {
		return errors.New("no if")
	}
	if p.dead == 0 && len(p.stack) != f.height+len(f.Results) {
		return fmt.Errorf("%d operands, and %d results", len(p.stack)-f.height, len(f.Results))
	}
	p.dead = 0
	p.block++
	p.stack = p.stack[:f.height]
	if isElse {
		f.op = wasm.OpElse
		return p.pushAll(f.Params, isUnknown)
	}
	results := f.Results
	p.frames = p.frames[:len(p.frames)-1]
	return p.pushAll(results, isUnknown)
}
