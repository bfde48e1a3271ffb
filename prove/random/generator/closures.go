package generator

import "fmt"

// closure returns a function literal without effects. It can use the variables around
// it.
func (b *body) closure(t *typ, _ int) string {
	pure, cost, most := b.pure, b.cost, b.most
	b.pure, b.most = true, b.written+4
	x := b.newName("x")
	text := b.captured(func() {
		b.line("%s {", literalHeader(t, x))
		b.function([]*typ{t.key}, []string{x}, []*typ{t.elem})
	})
	b.pure, b.most = pure, most
	b.lastClosure = (b.cost-cost)/b.times + 1
	return text + "}"
}

// literalHeader returns the beginning of a function literal with a parameter.
func literalHeader(t *typ, param string) string {
	return fmt.Sprintf("func(%s %s) %s", param, t.key.name, t.elem.name)
}

// closureStatement declares a closure that assigns variables of the function around
// it, or calls one.
func (b *body) closureStatement() bool {
	for _, v := range b.visible() {
		if v.effects && b.percent(70) && b.affordable(v.cost) {
			b.callClosure(v)
			return true
		}
	}
	if b.percent(25) {
		return b.closuresOfLoop()
	}
	t := b.functionOf(b.integerType(), b.basicType())
	v := &variable{name: b.newName("fn"), typ: t, fixed: true, effects: true}
	x := b.newName("x")
	cost := b.cost
	b.line("%s := %s {", v.name, literalHeader(t, x))
	b.function([]*typ{t.key}, []string{x}, []*typ{t.elem})
	b.line("}")
	v.cost = (b.cost-cost)/b.times + 1
	b.declare(v)
	b.callClosure(v)
	return true
}

func (b *body) callClosure(v *variable) {
	b.cost += v.cost * b.times
	r := &variable{name: b.newName("v"), typ: v.typ.elem}
	b.line("%s := %s(%s)", r.name, v.name, bare(b.operand(v.typ.key, 2)))
	b.declare(r)
}

// closuresOfLoop makes closures in a loop, each with a variable of its own, and calls
// them after it.
func (b *body) closuresOfLoop() bool {
	if !b.affordable(60) {
		return false
	}
	t := b.basicType()
	list, i, k := b.newName("l"), b.newName("i"), b.newName("k")
	b.line("var %s []func() %s", list, t.name)
	n := b.between(2, 4)
	b.repeated(n, func() {
		b.emit("for $i := range $n {\n$k := int64($i) * ($x)", "i", i, "n", n, "k", k, "x", b.integer(int64Type, 2))
		b.scoped(func() {
			b.declare(&variable{name: i, typ: intType, fixed: true, used: true})
			b.declare(&variable{name: k, typ: int64Type})
			b.emit("$list = append($list, func() $t {", "list", list, "t", t)
			b.function(nil, nil, []*typ{t})
			b.line("})")
		})
		b.line("}")
		b.line("for _, f := range %s {", list)
		b.fold("f()", t)
		b.line("}")
	})
	return true
}

// declareRecursive declares functions that call themselves. Their frames are small or
// large, so that stacks grow in the middle of a call.
func (p *program) declareRecursive() {
	for i := range 4 {
		f := &checked{name: fmt.Sprintf("recursive%d", i), frame: pick(p.random, 1, 4, 16, 100, 500), twice: i == 0}
		types, names := p.parameters("p", 1, p.basicType)
		f.params, f.results = types, []*typ{p.integerType()}
		result := f.results[0]
		b := p.newBody(types, names)
		b.results, b.limit = f.results, 12
		b.line("//go:noinline\nfunc %s(c *check, depth int, %s) (result %s) {", f.name, signature(types, names), result.name)
		b.line("var frame [%d]uint64", f.frame)
		b.line("frame[uint(depth) %% %d] = uint64(%s) + uint64(depth)", f.frame, names[0])
		b.line("if depth <= 0 {")
		if i == 1 {
			b.line("if %s {\npanic(\"bottom\")\n}", b.condition(2))
		}
		b.finish(2)
		b.line("}")
		if i%2 == 1 {
			b.line("defer func() { result ^= %s(depth) }()", result.name)
		}
		b.scoped(func() { b.statements(2) })
		again := func(step int) string {
			return fmt.Sprintf("%s(c, depth-%d, %s)", f.name, step, b.arguments(types, 2))
		}
		b.line("result = %s", again(1))
		if f.twice {
			b.line("if depth&1 == 0 {\nresult -= %s\n}", again(2))
		}
		b.line("for i := 0; i < len(frame); i += %d {\nresult = result*5 + %s(frame[i])\n}", max(1, f.frame/8), result.name)
		b.line("return result\n}")
		f.cost = b.cost + 12 + f.frame/50
		p.declared("%s", b.text)
		p.recursive = append(p.recursive, f)
	}
}

// recursion calls a recursive function.
func (b *body) recursion() bool {
	if len(b.recursive) == 0 {
		return false
	}
	f := pick(b.random, b.recursive...)
	depth := b.between(2, 200)
	calls := depth
	if f.twice {
		depth = min(depth, 10)
		calls = 1 << (depth * 2 / 3)
	}
	if !b.affordable(calls * f.cost / 2) {
		return false
	}
	b.cost += calls * f.cost / 2 * b.times
	v := &variable{name: b.newName("v"), typ: f.results[0]}
	b.line("var %s %s", v.name, v.typ.name)
	call := fmt.Sprintf("%s = %s(c, %d, %s)", v.name, f.name, depth, b.arguments(f.params, 2))
	if b.percent(40) { // on a new stack
		done := b.newName("done")
		b.emit("$done := make(chan any)\ngo func() {\ndefer func() { $done <- recover() }()\n$call\n}()", "done", done, "call", call)
		b.line("c.recovered(%d, <-%s)", b.site(), done)
	} else {
		b.line("%s", call)
	}
	b.declare(v)
	return true
}
