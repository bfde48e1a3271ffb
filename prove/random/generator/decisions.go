package generator

import "fmt"

// decisions are statements that change r as conditions $c and $d decide. All run in each
// call, so a program tests many conditions with many values.
var decisions = []string{
	"if $c {\nr += $k\n}",
	"if $c {\nr ^= $k\n} else {\nr -= $k\n}",
	"if ($c) || ($d) {\nr = r*3 + $k\n}",
	"if ($c) && ($d) {\nr = r*3 - $k\n}",
	"if !(($c) || ($d)) {\nr = r*5 + $k\n} else if $c {\nr++\n}",
	"if ($c) || ($d) && ($e) {\nr -= $k\n}",
	"for i := range 3 {\nif $c {\ncontinue\n}\nr += $k + uint64(i)\n}",
	"for i := 0; i < 4 && ($c); i++ {\nr += $k\n$x += $y\n}",
	"for i := 4; ($c) || i > 2; i-- {\nr ^= $k\nif i < 0 || ($d) {\nbreak\n}\n}",
	"for i := 0; ; i++ {\nif ($c) || i > 3 {\nbreak\n}\nr += $k\n$x -= $y\n}",
	"switch {\ncase $c:\nr += $k\ncase $d, $e:\nr -= $k\ndefault:\nr ^= $k\n}",
	"if v := $c; v || ($d) {\nr += uint64(toInt(v)) + $k\n}",
	"if $c {\nc.add($site, r)\n}",
	"func() {\ndefer func() {\nif recover() != nil {\nr += $k\n}\n}()\nif $c {\npanic(\"decision\")\n}\nr *= 3\n}()",
	"r += uint64(choose($c, 3, 5))",
	"r = r*2 + uint64(toInt($c))",
}

// declareDecision declares a function that consists of decisions.
func (p *program) declareDecision(name string) *checked {
	t := p.integerType()
	if p.percent(50) {
		t = pick(p.random, intType, int64Type, int64Type, uint64Type)
	}
	types, names := p.parameters("p", p.between(0, 2), p.basicType)
	types[0], types[1] = t, t
	f := &checked{name: name, params: types, results: []*typ{uint64Type}}
	b := p.newBody(types, names)
	b.pure, b.limit, b.risk = true, 1000, 0
	b.line("//go:noinline\nfunc %s(c *check, %s) (r uint64) {", name, signature(types, names))
	b.scoped(func() {
		b.declare(&variable{name: "r", typ: uint64Type, fixed: true, used: true})
		for range b.between(2, 4) {
			v := &variable{name: b.newName("v"), typ: t}
			b.line("%s := %s", v.name, b.typed(t, b.integer(t, 2)))
			b.declare(v)
		}
		for range b.between(12, 20) {
			b.emit(pick(b.random, decisions...), "c", b.decisive(t), "d", b.decisive(t), "e", b.decisive(t),
				"k", fmt.Sprint(1+b.n(1<<16)), "x", b.target(t), "y", b.place(t))
			if b.percent(30) {
				b.update()
			}
			if b.percent(30) {
				b.emit("c.add($site, r)")
			}
		}
		b.useAll()
		b.line("return r\n}")
	})
	p.declared("%s", b.text)
	return f
}

// decisive returns a condition, mostly one about operands of type t.
func (b *body) decisive(t *typ) string {
	x, y := b.place(t), b.place(t)
	if b.percent(30) {
		y = b.literal(t)
	}
	switch b.n(10) {
	case 0, 1, 2, 3:
		x = "(" + x + pick(b.random, " & ", " & ", " & ", " &^ ", " | ", " ^ ", " - ", " + ", " >> 3 | ") + y + ")"
		if b.percent(40) {
			return "(0" + b.relation() + x + ")"
		}
		return "(" + x + b.relation() + "0)"
	case 4, 5:
		return "(" + x + b.relation() + y + ")"
	}
	return b.condition(b.between(1, 2))
}
