package wasmtest

import (
	"math"
	"math/rand/v2"

	"github.com/wasisock/wasisock/internal/wasm"
)

// Random returns a valid module made of random numbers from seed: the same seed gives the
// same module. Its function "main" takes an i32 and an i64 and returns an i64, which
// depends on all that it has computed: also on its memory and globals. It ends, or traps,
// on every engine alike: no result depends on the bits of a NaN.
func Random(seed uint64) []byte {
	g := &generator{rand: rand.New(rand.NewPCG(seed, 0))}
	g.module = Module{
		Pages: 1,
		Most:  4,
		Table: 4,
		Globals: []Global{
			{wasm.I32, true, 2000}, // fuel
			{wasm.I32, true, g.number(wasm.I32)}, {wasm.I64, true, g.number(wasm.I64)}, {wasm.I32, true, 0}, {wasm.I64, true, 0},
			{wasm.I32, false, 0}, {wasm.I64, false, 0}, {wasm.I64, false, g.number(wasm.I64)},
		},
	}
	functions := 3 + g.rand.IntN(4)
	for range functions {
		g.signatures = append(g.signatures, wasm.FuncType{Params: g.types(4), Results: g.types(3)})
	}
	g.signatures = append(g.signatures, wasm.FuncType{Params: []wasm.Type{wasm.I32, wasm.I64}, Results: []wasm.Type{wasm.I64}})
	for i, t := range g.signatures {
		g.module.Funcs = append(g.module.Funcs, Func{Params: t.Params, Results: t.Results})
		if i == functions {
			g.module.Funcs[i].Name = "main"
		}
	}
	g.module.Elements = []int{0, 1, functions - 1}
	for i := range g.module.Funcs {
		g.function(i)
	}
	return g.module.Encode()
}

// A generator makes one module.
type generator struct {
	rand       *rand.Rand
	module     Module
	signatures []wasm.FuncType

	// Of the function that is being made:
	index  int
	code   []byte
	locals []wasm.Type // parameters first
	fuel   uint32      // local: how many iterations all loops may still make
	labels []label     // innermost last
	size   int         // how many statements it may still have

	// flag is a local that a comparison at the top sets, for one branch further down to
	// read: so that a compiler may want to compare there.
	flag    uint32
	flagged bool
}

// A label is a target of branches.
type label struct {
	types []wasm.Type
	loop  bool
}

func (g *generator) emit(op wasm.Opcode, immediates ...uint32) {
	g.code = append(g.code, Op(op, immediates...)...)
}

func (g *generator) constant(t wasm.Type, v int64) { g.code = append(g.code, Const(t, v)...) }

// one reports true once in n.
func (g *generator) one(n int) bool { return g.rand.IntN(n) == 0 }

func pick[T any](g *generator, of ...T) T { return of[g.rand.IntN(len(of))] }

func (g *generator) integer() wasm.Type { return pick(g, wasm.I32, wasm.I64) }

func (g *generator) anyType() wasm.Type {
	return pick(g, wasm.I32, wasm.I32, wasm.I32, wasm.I64, wasm.I64, wasm.I64, wasm.F32, wasm.F64)
}

func (g *generator) types(most int) []wasm.Type {
	var all []wasm.Type
	for range g.rand.IntN(most) {
		all = append(all, g.anyType())
	}
	return all
}

// number is one of those that matter: near 0, near the limits, masks, or any.
func (g *generator) number(t wasm.Type) int64 {
	v := pick(g, 0, 0, 0, 1, -1, 2, 7, 8, 31, 32, 63, 64, 255, 256, 0xffff, 1<<31-1, -1<<31, 1<<32-1, 1<<32, math.MinInt64, math.MaxInt64, int64(g.rand.Uint64()))
	if t == wasm.I32 {
		return int64(int32(v))
	}
	return v
}

// function makes the code of a function.
func (g *generator) function(i int) {
	f := &g.module.Funcs[i]
	f.Locals = []wasm.Type{wasm.I32, wasm.I32, wasm.I32, wasm.I32, wasm.I64, wasm.I64, wasm.I64, wasm.F32, wasm.F64, wasm.I32, wasm.I32}
	g.index, g.code = i, nil
	g.locals = append(append([]wasm.Type(nil), f.Params...), f.Locals...)
	g.fuel, g.flag = uint32(len(g.locals)-1), uint32(len(g.locals)-2)
	g.labels = []label{{types: f.Results}}
	g.size = 12 + g.rand.IntN(30)
	if g.flagged = g.one(2); g.flagged {
		g.setFlag()
	}
	g.enter(f.Results)
	g.constant(wasm.I32, int64(1+g.rand.IntN(20)))
	g.emit(wasm.OpLocalSet, g.fuel)
	for g.size > 0 {
		g.statement(3)
	}
	for _, t := range f.Results {
		g.expression(t, 3)
	}
	if f.Name == "main" {
		g.digest()
	}
	f.Code = g.code
}

// setFlag compares with a global, whose value may change before the flag is read.
func (g *generator) setFlag() {
	t := g.integer()
	global := g.global(t, true)
	compare := pick[wasm.Opcode](g, wasm.OpI32Eq, wasm.OpI32Ne, wasm.OpI32GtS, wasm.OpI32LeU)
	if t == wasm.I64 {
		compare += wasm.OpI64Eqz - wasm.OpI32Eqz
	}
	g.expression(t, 1)
	g.emit(wasm.OpGlobalGet, global)
	g.emit(compare)
	g.emit(wasm.OpLocalSet, g.flag)
	g.expression(t, 1)
	g.emit(wasm.OpGlobalSet, global)
}

// enter makes the function return at once when all have been entered too often.
func (g *generator) enter(results []wasm.Type) {
	g.emit(wasm.OpGlobalGet, 0)
	g.constant(wasm.I32, 1)
	g.emit(0x6b)
	g.emit(wasm.OpGlobalSet, 0)
	g.emit(wasm.OpGlobalGet, 0)
	g.constant(wasm.I32, 0)
	g.emit(wasm.OpI32LtS)
	g.emit(wasm.OpIf, 0x40)
	for _, t := range results {
		g.zero(t)
	}
	g.emit(wasm.OpReturn)
	g.emit(wasm.OpEnd)
}

// zero pushes a constant: 0 of an integer, 1 or 1.5 of a float.
func (g *generator) zero(t wasm.Type) {
	switch t {
	case wasm.F32:
		g.constant(t, 0x3f80_0000)
	case wasm.F64:
		g.constant(t, 0x3ff8_0000_0000_0000)
	default:
		g.constant(t, 0)
	}
}

// digest folds memory and globals into the i64 on the stack.
func (g *generator) digest() {
	fold := func() {
		g.emit(0x85)
		g.constant(wasm.I64, 0x100000001b3)
		g.emit(0x7e)
	}
	for address := range 32 {
		g.constant(wasm.I32, int64(address*8))
		g.emit(0x29, 0, 0)
		fold()
	}
	for i, global := range g.module.Globals {
		g.emit(wasm.OpGlobalGet, uint32(i))
		if global.Type == wasm.I32 {
			g.emit(0xad)
		}
		fold()
	}
	for i, t := range g.locals {
		g.emit(wasm.OpLocalGet, uint32(i))
		g.toI64(t)
		fold()
	}
}

// toI64 makes an i64 of an operand, with one NaN for all.
func (g *generator) toI64(t wasm.Type) {
	switch t {
	case wasm.I32:
		g.emit(0xac)
	case wasm.F32:
		g.emit(0xbb) // f64.promote_f32
		g.emit(0xfc06)
	case wasm.F64:
		g.emit(0xfc06)
	}
}

// local picks a local of a type, but not the fuel or the flag. There is one of each.
func (g *generator) local(t wasm.Type) uint32 {
	for {
		if i := uint32(g.rand.IntN(len(g.locals))); i != g.fuel && i != g.flag && g.locals[i] == t {
			return i
		}
	}
}

// global picks a global of a type, other than the fuel.
func (g *generator) global(t wasm.Type, mutable bool) uint32 {
	for {
		i := 1 + g.rand.IntN(len(g.module.Globals)-1)
		if global := g.module.Globals[i]; global.Type == t && (global.Mutable || !mutable) {
			return uint32(i)
		}
	}
}

// blockType adds a type to the module, and returns its encoding.
func (g *generator) blockType(params, results []wasm.Type) []byte {
	if len(params) == 0 && len(results) == 0 {
		return []byte{0x40}
	}
	if len(params) == 0 && len(results) == 1 {
		return []byte{byte(results[0])}
	}
	g.module.Types = append(g.module.Types, wasm.FuncType{Params: params, Results: results})
	return wasm.AppendInt64(nil, int64(len(g.module.Funcs)+len(g.module.Types)-1))
}
