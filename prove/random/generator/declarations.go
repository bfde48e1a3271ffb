package generator

import (
	"fmt"
	"math/big"
	"strings"
)

// An abstraction is an interface type that the program declares.
type abstraction struct {
	typ      *typ
	concrete []*typ // the types that implement it
}

// declared adds a declaration to the program.
func (p *program) declared(format string, args ...any) {
	p.declarations = append(p.declarations, fmt.Sprintf(format, args...))
}

// declareConstants declares constants with and without types, and some with iota.
func (p *program) declareConstants() {
	p.declared("const (")
	for i := range 12 {
		c := &constant{name: fmt.Sprintf("con%d", i)}
		t := int64Type
		if i%2 == 0 {
			t = pick(p.random, integerTypes...)
			c.typ = t
		}
		c.value = p.integerValue(t)
		if c.typ != nil {
			p.declared("%s %s = %s", c.name, t.name, p.spelled(c.value))
		} else {
			p.declared("%s = %s", c.name, p.spelled(c.value))
		}
		p.constants = append(p.constants, c)
	}
	p.declared(")")
	step := p.between(1, 9)
	p.declared("const (\nstep0 = iota*%d + 1", step)
	for i := 1; i < 6; i++ {
		p.declared("step%d", i)
	}
	p.declared(")")
	for i := range 6 {
		p.constants = append(p.constants, &constant{name: fmt.Sprintf("step%d", i), value: big.NewInt(int64(i*step + 1))})
	}
}

// declareIntegers declares integer types with methods.
func (p *program) declareIntegers() {
	for i := range 3 {
		under := pick(p.random, integerTypes...)
		t := &typ{kind: under.kind, bits: under.bits, name: fmt.Sprintf("N%d", i), named: true}
		p.declared("type %s %s", t.name, under.name)
		p.declared("func (v %s) fold(c *check, site int) { c.add(site, uint64(v)) }", t.name)
		p.integers = append(p.integers, t)
		p.method(t, "get", nil, int64Type)
		p.method(t, "next", []*typ{t}, t)
	}
}

// declareStructs declares structures. Some have arrays and other structures as fields,
// some embed another one, and get its methods.
func (p *program) declareStructs() {
	for i := range 5 {
		t := &typ{kind: structure, name: fmt.Sprintf("S%d", i), named: true}
		var text, folds strings.Builder
		add := func(name string, ft *typ, embedded bool) {
			t.fields = append(t.fields, field{name: name, typ: ft, embedded: embedded})
			if embedded {
				fmt.Fprintf(&text, "%s\n", ft.name)
			} else {
				fmt.Fprintf(&text, "%s %s\n", name, ft.name)
			}
			fmt.Fprintln(&folds, p.folding("v."+name, ft, "site"))
		}
		if i >= 2 {
			base := p.structs[i-2]
			if i == 3 {
				add(base.name, p.pointerTo(base), true)
			} else {
				add(base.name, base, true)
			}
		}
		for j := range p.between(2, 4) {
			ft := p.basicType()
			switch {
			case p.percent(20):
				ft = p.arrayOf(p.basicType(), pick(p.random, 2, 3, 4, 8))
			case p.percent(8):
				ft = p.sliceOf(p.basicType())
			case i > 0 && p.percent(15):
				ft = p.structs[p.n(i)]
			}
			add(fmt.Sprintf("a%d%d", i, j), ft, false)
		}
		add(fmt.Sprintf("n%d", i), p.integerType(), false)
		p.declared("type %s struct {\n%s}", t.name, text.String())
		p.declared("func (v %s) fold(c *check, site int) {\n%s}", t.name, folds.String())
		p.structs = append(p.structs, t)
		p.method(t, "get", nil, int64Type)
		p.method(t, "only"+t.name, []*typ{p.basicType()}, p.basicType())
		p.declared("%s", p.fill("func (v *$t) change(x int64) int64 {\nv.n$i += $n(x)\nreturn int64(v.n$i)\n}", "t", t, "i", i, "n", t.fields[len(t.fields)-1].typ))
		if i < 3 { // S3 and S4 have those of S1 and S2
			p.method(p.pointerTo(t), "label", []*typ{intType}, stringType)
		}
		if i >= 2 {
			p.promote(t, p.structs[i-2])
		}
	}
}

// promote registers the methods that t has because it embeds base.
func (p *program) promote(t, base *typ) {
	for _, f := range p.callables {
		if f.receiver == base && strings.HasPrefix(f.name, "only") {
			p.callables = append(p.callables, &callable{f.name, t, f.params, f.result, f.cost})
		}
	}
}

// declareInterfaces declares interface types, one of which embeds the other, and the
// functions that return values of them.
func (p *program) declareInterfaces() {
	i0 := &typ{kind: dynamic, name: "I0"}
	i1 := &typ{kind: dynamic, name: "I1"}
	p.declared("type I0 interface {\nget() int64\nfold(c *check, site int)\n}")
	p.declared("type I1 interface {\nI0\nchange(x int64) int64\nlabel(n int) string\n}")
	a0 := &abstraction{typ: i0, concrete: append([]*typ{}, p.integers...)}
	a1 := &abstraction{typ: i1}
	for i, t := range p.structs {
		a0.concrete = append(a0.concrete, t, p.pointerTo(t))
		if i < 5 {
			a1.concrete = append(a1.concrete, p.pointerTo(t))
		}
	}
	a2 := &abstraction{typ: anyType, concrete: append([]*typ{stringType, float64Type, float32Type, boolType}, integerTypes...)}
	a2.concrete = append(a2.concrete, p.structs[1])
	p.interfaces = []*abstraction{a0, a1, a2}
	for _, a := range p.interfaces {
		b := p.newBody([]*typ{uint8Type, int64Type}, []string{"n", "x"})
		b.pure = true
		b.emit("func new$name(n uint8, x int64) $t {\nswitch n % $n {", "name", title(a.typ.name), "t", a.typ, "n", len(a.concrete)+1)
		for i, t := range a.concrete {
			switch {
			case t.integer():
				b.line("case %d:\nreturn %s(x)", i, t.name)
			case t.basic():
				b.line("case %d:\nreturn %s", i, b.typed(t, b.expression(t, 1)))
			case t.kind == pointer:
				b.line("case %d:\nv := &%s\nv.change(x)\nreturn v", i, b.structLiteral(t.elem, 2))
			default:
				b.line("case %d:\nv := %s\nv.change(x)\nreturn v", i, b.structLiteral(t, 2))
			}
		}
		if a != a1 {
			b.line("case %d:\nreturn nil", len(a.concrete))
		}
		b.line("}\nreturn &%s\n}", b.structLiteral(p.structs[0], 2))
		p.declared("%s", b.text)
	}
	p.callables = append(p.callables,
		&callable{"get", i0, nil, int64Type, 30}, &callable{"get", i1, nil, int64Type, 30},
		&callable{"label", i1, []*typ{intType}, stringType, 30})
}

// method declares a method without effects.
func (p *program) method(receiver *typ, name string, params []*typ, result *typ) {
	names := []string{"v"}
	types := []*typ{receiver}
	var list []string
	for i, t := range params {
		names, types = append(names, fmt.Sprintf("p%d", i)), append(types, t)
		list = append(list, fmt.Sprintf("p%d %s", i, t.name))
	}
	b := p.newBody(types, names)
	b.pure, b.limit = true, 12
	b.line("%sfunc (v %s) %s(%s) %s {", p.pragma(), receiver.name, name, strings.Join(list, ", "), result.name)
	b.pureBody(result)
	b.line("}")
	p.declared("%s", b.text)
	p.callables = append(p.callables, &callable{name, receiver, params, result, b.cost + 1})
}

// pragma returns a directive that keeps Go from inlining a function, or "".
func (p *program) pragma() string {
	if p.percent(40) {
		return "//go:noinline\n"
	}
	return ""
}

// declareGlobals declares variables of the program, and function reset, which sets
// them to their first values.
func (p *program) declareGlobals() {
	types := []*typ{intType, uint64Type, p.integerType(), p.integerType(), float64Type, stringType, boolType,
		p.arrayOf(p.integerType(), 8), p.sliceOf(p.integerType()), p.mapOf(stringType, p.integerType()),
		p.structs[1], p.pointerTo(p.structs[2]), p.arrayOf(p.structs[0], 4), p.functionOf(int64Type, int64Type)}
	b := p.newBody(nil, nil)
	b.noCalls, b.risk = true, 0
	var globals []*variable
	b.line("func reset() {")
	for i, t := range types {
		v := &variable{name: fmt.Sprintf("g%d", i), typ: t}
		p.declared("var %s %s", v.name, t.name)
		switch t.kind {
		case slice:
			v.fixed, v.least = true, 8
			b.line("%s = %s{%s}", v.name, t.name, strings.Repeat(b.expression(t.elem, 0)+", ", 8))
		case function:
			v.fixed, v.cost = true, 1
			b.line("%s = func(x int64) int64 { return x ^ %d }", v.name, p.n(1000))
		case text, array, structure, pointer, mapping:
			v.fixed = t.kind == pointer
			b.line("%s = %s", v.name, bare(b.expression(t, 1)))
		default:
			b.line("%s = %s", v.name, bare(b.operand(t, 1)))
		}
		globals = append(globals, v)
	}
	b.line("}")
	p.declared("%s", b.text)
	p.globals = globals
}
