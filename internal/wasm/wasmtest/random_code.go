package wasmtest

import "github.com/wasisock/wasisock/internal/wasm"

// statement makes instructions that leave the stack as it was.
func (g *generator) statement(depth int) {
	g.size--
	if depth == 0 {
		g.assign()
		return
	}
	switch g.rand.IntN(19) {
	case 0, 1, 2, 3, 4:
		g.assign()
	case 5:
		t := g.integer()
		g.emit(wasm.OpGlobalSet, g.value(t, g.global(t, true)))
	case 6:
		g.store()
	case 7, 8, 9, 10:
		g.conditional(depth)
	case 11:
		g.block(depth, wasm.OpBlock)
	case 12:
		g.loop(depth)
	case 13, 14:
		g.branch()
	case 15:
		g.table(depth)
	case 16, 17:
		g.call()
	case 18:
		switch g.rand.IntN(24) {
		case 0:
			g.expression(wasm.I32, 2)
			g.emit(wasm.OpIf, 0x40)
			g.emit(wasm.OpUnreachable)
			g.emit(wasm.OpEnd)
		case 1:
			g.constant(wasm.I32, 1)
			g.emit(wasm.OpMemoryGrow, 0)
			g.emit(wasm.OpDrop)
		case 2:
			for range 2 {
				g.address(false)
			}
			g.constant(wasm.I32, int64(g.rand.IntN(40)))
			if g.one(2) {
				g.emit(0xfc0a, 0, 0)
			} else {
				g.emit(0xfc0b, 0)
			}
		default:
			t := g.anyType()
			g.expression(t, 3)
			g.emit(wasm.OpDrop)
		}
	}
}

// value makes an expression, and returns index, for the instruction that takes it.
func (g *generator) value(t wasm.Type, index uint32) uint32 {
	g.expression(t, 3)
	return index
}

func (g *generator) assign() {
	t := g.anyType()
	g.emit(wasm.OpLocalSet, g.value(t, g.local(t)))
}

// address makes an address: within the first bytes mostly, so that what is stored is read.
func (g *generator) address(wild bool) {
	g.expression(wasm.I32, 2)
	if wild && g.one(300) {
		return
	}
	g.constant(wasm.I32, pick[int64](g, 0xf8, 0x7f, 0xfff8))
	g.emit(wasm.OpI32And)
}

func (g *generator) store() {
	g.address(true)
	op := pick[wasm.Opcode](g, 0x36, 0x37, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e)
	if op == 0x36 || op == 0x3a || op == 0x3b {
		g.expression(wasm.I32, 3)
	} else {
		g.expression(wasm.I64, 3)
	}
	g.emit(op, 0, uint32(g.rand.IntN(8)))
}

// condition makes an i32 such as decides a branch.
func (g *generator) condition() {
	if g.flagged && g.one(3) {
		g.flagged = false
		g.emit(wasm.OpLocalGet, g.flag)
		return
	}
	if g.one(4) {
		g.expression(wasm.I32, 3)
		return
	}
	g.comparison(2)
}

// comparison makes a comparison, of integers mostly, and with 0 and `and` often.
func (g *generator) comparison(depth int) {
	if g.one(6) {
		t := pick(g, wasm.F32, wasm.F64)
		g.expression(t, depth)
		g.expression(t, depth)
		base := wasm.Opcode(0x5b)
		if t == wasm.F64 {
			base = 0x61
		}
		g.emit(base + wasm.Opcode(g.rand.IntN(6)))
		return
	}
	t := g.integer()
	base := wasm.OpI32Eqz
	if t == wasm.I64 {
		base = wasm.OpI64Eqz
	}
	if g.one(5) {
		g.expression(t, depth)
		g.emit(base)
		return
	}
	operand := func() {
		switch g.rand.IntN(5) {
		case 0:
			g.constant(t, 0)
		case 1, 2:
			g.expression(t, depth-1)
			g.expression(t, depth-1)
			g.emit(wasm.OpI32And + (base-wasm.OpI32Eqz)/(wasm.OpI64Eqz-wasm.OpI32Eqz)*(wasm.OpI64And-wasm.OpI32And))
		default:
			g.expression(t, depth)
		}
		if g.one(8) {
			i := g.local(t)
			g.emit(wasm.OpLocalTee, i)
		}
	}
	operand()
	operand()
	g.emit(base + 1 + wasm.Opcode(g.rand.IntN(10)))
}

func (g *generator) conditional(depth int) {
	g.condition()
	if g.one(4) {
		g.emit(wasm.OpI32Eqz)
	}
	g.block(depth, wasm.OpIf)
}

// block makes a block or an if, whose condition is there, with parameters and results.
func (g *generator) block(depth int, op wasm.Opcode) {
	var params, results []wasm.Type
	if g.one(2) {
		results = g.types(3)
	}
	if op == wasm.OpBlock && g.one(3) {
		params = g.types(3)
		for _, t := range params {
			g.expression(t, 2)
		}
	}
	g.code = append(append(g.code, byte(op)), g.blockType(params, results)...)
	g.labels = append(g.labels, label{types: results})
	for i := len(params) - 1; i >= 0; i-- {
		g.emit(wasm.OpLocalSet, g.local(params[i]))
	}
	arm := func() {
		for range 1 + g.rand.IntN(3) {
			g.statement(depth - 1)
		}
		for _, t := range results {
			g.expression(t, 2)
		}
		if g.one(6) {
			g.leave()
		}
	}
	arm()
	if op == wasm.OpIf && (len(results) > 0 || g.one(2)) {
		g.emit(wasm.OpElse)
		arm()
	}
	g.emit(wasm.OpEnd)
	g.labels = g.labels[:len(g.labels)-1]
	for i := len(results) - 1; i >= 0; i-- {
		if g.one(3) {
			g.emit(wasm.OpDrop)
		} else {
			g.emit(wasm.OpLocalSet, g.local(results[i]))
		}
	}
}

// leave branches out of where the operands are the innermost label's.
func (g *generator) leave() { g.emit(wasm.OpBr, 0) }

// loop makes a loop that goes on while there is fuel and something holds.
func (g *generator) loop(depth int) {
	params := []wasm.Type(nil)
	if g.one(3) {
		params = g.types(3)
		for _, t := range params {
			g.expression(t, 2)
		}
	}
	g.code = append(append(g.code, byte(wasm.OpLoop)), g.blockType(params, nil)...)
	g.labels = append(g.labels, label{types: params, loop: true})
	for i := len(params) - 1; i >= 0; i-- {
		g.emit(wasm.OpLocalSet, g.local(params[i]))
	}
	for range 1 + g.rand.IntN(4) {
		g.statement(depth - 1)
	}
	// fuel-- ; if fuel > 0 && condition { continue }
	again := func() {
		for _, t := range params {
			g.expression(t, 2)
		}
	}
	g.emit(wasm.OpLocalGet, g.fuel)
	g.constant(wasm.I32, 1)
	g.emit(0x6b)
	g.emit(wasm.OpLocalTee, g.fuel)
	g.constant(wasm.I32, 0)
	g.emit(wasm.OpI32GtS)
	g.emit(wasm.OpIf, 0x40)
	again()
	g.condition()
	g.emit(wasm.OpBrIf, 1)
	for range params {
		g.emit(wasm.OpDrop)
	}
	g.emit(wasm.OpEnd)
	g.emit(wasm.OpEnd)
	g.labels = g.labels[:len(g.labels)-1]
}

// forward picks a label that is not a loop's, which would run without fuel.
func (g *generator) forward() (depth uint32, types []wasm.Type) {
	for {
		i := g.rand.IntN(len(g.labels))
		if l := g.labels[i]; !l.loop {
			return uint32(len(g.labels) - 1 - i), l.types
		}
	}
}

// branch makes a br_if.
func (g *generator) branch() {
	to, types := g.forward()
	for _, t := range types {
		g.expression(t, 2)
	}
	g.condition()
	g.emit(wasm.OpBrIf, to)
	for range types {
		g.emit(wasm.OpDrop)
	}
}

// table makes a br_table.
func (g *generator) table(depth int) {
	n := 1 + g.rand.IntN(3)
	for range n {
		g.emit(wasm.OpBlock, 0x40)
		g.labels = append(g.labels, label{})
	}
	g.expression(wasm.I32, 3)
	g.code = append(g.code, Op(wasm.OpBrTable, uint32(n))...)
	for range n + 1 {
		g.code = wasm.AppendUint32(g.code, uint32(g.rand.IntN(n)))
	}
	for range n {
		g.emit(wasm.OpEnd)
		g.labels = g.labels[:len(g.labels)-1]
		g.statement(depth - 1)
	}
}

// call calls a function made before, directly or through the table.
func (g *generator) call() {
	if g.index == 0 {
		g.assign()
		return
	}
	f := g.rand.IntN(g.index)
	t := g.signatures[f]
	for _, p := range t.Params {
		g.expression(p, 2)
	}
	at := -1
	for i, e := range g.module.Elements {
		if e == f {
			at = i
		}
	}
	if at >= 0 && g.one(2) {
		g.constant(wasm.I32, int64(at))
		g.emit(wasm.OpCallIndirect, uint32(f), 0)
	} else {
		g.emit(wasm.OpCall, uint32(f))
	}
	for i := len(t.Results) - 1; i >= 0; i-- {
		g.emit(wasm.OpLocalSet, g.local(t.Results[i]))
	}
}

// expression makes instructions that push a value of a type.
func (g *generator) expression(t wasm.Type, depth int) {
	if depth <= 0 || g.one(6) {
		g.leaf(t)
		return
	}
	depth--
	switch g.rand.IntN(12) {
	case 0:
		g.expression(t, depth)
		i := g.local(t)
		g.emit(wasm.OpLocalTee, i)
	case 1:
		g.expression(t, depth)
		g.expression(t, depth)
		g.condition()
		g.emit(wasm.OpSelect)
	case 2:
		g.code = append(append(g.code, byte(wasm.OpBlock)), byte(t))
		g.labels = append(g.labels, label{types: []wasm.Type{t}})
		g.expression(t, depth)
		if g.one(2) {
			g.condition()
			g.emit(wasm.OpBrIf, 0)
			g.emit(wasm.OpDrop)
			g.expression(t, depth)
		}
		g.emit(wasm.OpEnd)
		g.labels = g.labels[:len(g.labels)-1]
	case 3:
		g.condition()
		g.code = append(append(g.code, byte(wasm.OpIf)), byte(t))
		g.labels = append(g.labels, label{types: []wasm.Type{t}})
		g.expression(t, depth)
		g.emit(wasm.OpElse)
		g.expression(t, depth)
		g.emit(wasm.OpEnd)
		g.labels = g.labels[:len(g.labels)-1]
	default:
		switch t {
		case wasm.I32, wasm.I64:
			g.arithmetic(t, depth)
		case wasm.F32:
			g.float(t, depth, 0x8b, []wasm.Opcode{0xb2, 0xb3, 0xb4, 0xb5}, 0xb6)
		case wasm.F64:
			g.float(t, depth, 0x99, []wasm.Opcode{0xb7, 0xb8, 0xb9, 0xba}, 0xbb)
		}
	}
}

func (g *generator) leaf(t wasm.Type) {
	switch n := g.rand.IntN(8); {
	case t == wasm.F32 || t == wasm.F64:
		if n < 5 {
			g.emit(wasm.OpLocalGet, g.local(t))
		} else {
			g.zero(t)
		}
	case n < 4:
		g.emit(wasm.OpLocalGet, g.local(t))
	case n == 4:
		g.emit(wasm.OpGlobalGet, g.global(t, false))
	case n == 5 && t == wasm.I32 && g.one(3):
		g.emit(0x3f, 0) // memory.size
	default:
		g.constant(t, g.number(t))
	}
}

// arithmetic makes an integer of others, of a comparison, of memory or of a float.
func (g *generator) arithmetic(t wasm.Type, depth int) {
	base, load, other, trunc := wasm.Opcode(0x67), pick[wasm.Opcode](g, 0x28, 0x2c, 0x2d, 0x2e, 0x2f), wasm.I64, wasm.Opcode(0xfc00)
	if t == wasm.I64 {
		base, load, other, trunc = 0x79, pick[wasm.Opcode](g, 0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35), wasm.I32, 0xfc04
	}
	switch g.rand.IntN(12) {
	case 0:
		g.address(true)
		g.emit(load, 0, uint32(g.rand.IntN(8)))
	case 1:
		g.expression(other, depth)
		if t == wasm.I32 {
			g.emit(0xa7)
		} else {
			g.emit(pick[wasm.Opcode](g, 0xac, 0xad))
		}
	case 2:
		if t == wasm.I32 {
			g.comparison(depth)
		} else {
			g.comparison(depth)
			g.emit(0xad)
		}
	case 3:
		g.expression(t, depth)
		if t == wasm.I32 {
			g.emit(pick[wasm.Opcode](g, 0xc0, 0xc1, 0x67, 0x68, 0x69))
		} else {
			g.emit(pick[wasm.Opcode](g, 0xc2, 0xc3, 0xc4, 0x79, 0x7a, 0x7b))
		}
	case 4:
		f := g.rand.IntN(4)
		g.expression([]wasm.Type{wasm.F32, wasm.F64}[f/2], depth)
		g.emit(trunc + wasm.Opcode(f))
	default:
		op := base + 3 + wasm.Opcode(g.rand.IntN(15))
		if g.one(3) {
			op = base + 10 // and
		}
		g.expression(t, depth)
		if divides := op >= base+6 && op <= base+9; divides && !g.one(150) {
			g.expression(t, depth)
			g.constant(t, 1)
			g.emit(base + 11) // or: not 0
		} else {
			g.expression(t, depth)
		}
		g.emit(op)
	}
}

// float makes a float of others, or of an integer.
func (g *generator) float(t wasm.Type, depth int, base wasm.Opcode, convert []wasm.Opcode, resize wasm.Opcode) {
	switch g.rand.IntN(8) {
	case 0, 1:
		i := g.rand.IntN(4)
		g.expression([]wasm.Type{wasm.I32, wasm.I64}[i/2], depth)
		g.emit(convert[i])
	case 2:
		g.expression(wasm.F32+wasm.F64-t, depth)
		g.emit(resize)
	case 3:
		g.expression(t, depth)
		g.emit(base + wasm.Opcode(g.rand.IntN(7)))
	default:
		g.expression(t, depth)
		g.expression(t, depth)
		g.emit(base + 7 + wasm.Opcode(g.rand.IntN(6))) // not copysign, which shows a NaN's sign
	}
}
