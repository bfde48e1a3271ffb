package generator

import "fmt"

// rangeLoop writes a loop with a range clause.
func (b *body) rangeLoop() bool {
	n := b.trips(8)
	if n == 0 {
		return false
	}
	kinds := []func(n int) bool{b.rangeInteger, b.rangeInteger, b.rangeElements, b.rangeElements, b.rangeString, b.rangeFunction, b.rangeFunction}
	if !b.checkless() {
		kinds = append(kinds, b.rangeMap, b.rangeChannel)
	}
	return pick(b.random, kinds...)(n)
}

// counter returns a variable of a range clause.
func (b *body) counter(prefix string, t *typ) *variable {
	return &variable{name: b.newName(prefix), typ: t, used: b.checkless() || b.percent(50)}
}

func (b *body) rangeInteger(n int) bool {
	t := b.integerType()
	if b.percent(20) {
		b.loopBody(fmt.Sprintf("for range %d", n), n, "")
		return true
	}
	limit := fmt.Sprintf("%s(%d)", t.name, n)
	if b.percent(60) {
		n = pick(b.random, 3, 7)
		limit = fmt.Sprintf("%s & %d", b.integer(t, 2), n)
	}
	i := b.counter("i", t)
	b.loopBody(fmt.Sprintf("for %s := range %s", i.name, limit), n, "_ = "+i.name, i)
	return true
}

// rangeElements ranges over an array, a pointer to one, or a slice.
func (b *body) rangeElements(int) bool {
	for _, v := range b.visible() {
		if v.typ.kind != array && v.typ.kind != slice || b.percent(40) {
			continue
		}
		operand, n := v.name, v.typ.len
		switch {
		case v.typ.kind == slice:
			operand, n = fmt.Sprintf("%s[:min(len(%[1]s), 8)]", v.name), 8
		case !b.pure && b.percent(25):
			operand = "&" + operand
		}
		if !b.affordable(n * 6) {
			continue
		}
		i, e := b.counter("i", intType), b.counter("e", v.typ.elem)
		if v.typ.elem.kind == pointer {
			return false
		}
		switch b.n(4) {
		case 0:
			b.loopBody(fmt.Sprintf("for %s := range %s", i.name, operand), n, "_ = "+i.name, i)
		case 1:
			b.loopBody(fmt.Sprintf("for %s, %s := range %s", i.name, e.name, operand), n, fmt.Sprintf("_, _ = %s, %s", i.name, e.name), i, e)
		default:
			b.loopBody(fmt.Sprintf("for _, %s := range %s", e.name, operand), n, "_ = "+e.name, e)
		}
		return true
	}
	return false
}

func (b *body) rangeString(int) bool {
	if !b.affordable(8 * 6) {
		return false
	}
	i, r := b.counter("i", intType), b.counter("u", integerTypes[6])
	operand := fmt.Sprintf("part(%s, 0, 8)", bare(b.string(2)))
	b.loopBody(fmt.Sprintf("for %s, %s := range %s", i.name, r.name, operand), 8, fmt.Sprintf("_, _ = %s, %s", i.name, r.name), i, r)
	return true
}

// rangeMap ranges over a map. The keys come in random order, so the body computes a
// sum, which does not depend on it.
func (b *body) rangeMap(int) bool {
	for _, v := range b.visible() {
		if v.typ.kind != mapping || b.percent(30) {
			continue
		}
		sum, k, e := b.newName("v"), b.newName("k"), b.newName("e")
		b.emit("$sum := uint64(len($m))\nfor $k, $e := range $m {\nc := &check{}", "sum", sum, "m", v, "k", k, "e", e)
		b.line("%s", b.folding(k, v.typ.key, "1"))
		b.line("%s", b.folding(e, v.typ.elem, "2"))
		if v.typ.key.integer() && b.percent(50) {
			b.line("if %s&%d == 0 {\nc.add(3, 0)\ncontinue\n}", k, b.between(1, 3))
		}
		if b.percent(20) {
			b.line("delete(%s, %s)", v.name, k)
		}
		b.line("%s += c.sum\n}", sum)
		b.declare(&variable{name: sum, typ: uint64Type})
		return true
	}
	return false
}

// rangeChannel ranges over a channel that another goroutine sends to, or that is full.
func (b *body) rangeChannel(n int) bool {
	t := b.basicType()
	channel := b.newName("ch")
	b.line("%s := make(chan %s, %d)", channel, t.name, b.n(3)*n)
	b.line("go func(x %s) {\ndefer close(%s)", t.name, channel)
	inner := b.goroutine([]*typ{t}, []string{"x"})
	inner.line("for range %d {", n)
	inner.scoped(func() { inner.assignment() })
	inner.line("%s <- x\n}", channel)
	b.text = append(b.text, inner.text...)
	b.line("}(%s)", bare(b.operand(t, 2)))
	e := &variable{name: b.newName("e"), typ: t}
	// The sender has to end, so the loop after this one receives what is left.
	noReturn := b.noReturn
	b.noReturn = true
	b.loops = append(b.loops, &loop{noBreaks: true})
	b.loopBody(fmt.Sprintf("for %s := range %s", e.name, channel), n, "", e)
	b.loops = b.loops[:len(b.loops)-1]
	b.noReturn = noReturn
	b.line("for range %s {\n}", channel)
	return true
}

// rangeFunction ranges over an iterator.
func (b *body) rangeFunction(n int) bool {
	t := b.integerType()
	e := b.counter("e", t)
	use := "_ = " + e.name
	switch b.n(4) {
	case 0:
		b.loopBody(fmt.Sprintf("for %s := range upTo(%s, %d)", e.name, b.typed(t, b.integer(t, 2)), n), n, use, e)
	case 1:
		x := b.newName("x")
		keep := fmt.Sprintf("func(%s %s) bool { return %s&%d %s 0 }", x, t.name, x, b.between(1, 5), pick(b.random, "==", "!=", ">", "<="))
		b.loopBody(fmt.Sprintf("for %s := range filtered(upTo(%s, %d), %s)", e.name, b.typed(t, b.integer(t, 2)), n, keep), n, use, e)
	case 2:
		if len(b.iterators) == 0 || b.noCalls {
			return false
		}
		f := pick(b.random, b.iterators...)
		if !b.affordable(f.cost) {
			return false
		}
		k := b.counter("k", f.params[0])
		e.typ = f.result
		b.loopBody(fmt.Sprintf("for %s, %s := range %s(%s)", k.name, e.name, f.name, b.arguments(f.params, 1)), 8,
			fmt.Sprintf("_, _ = %s, %s", k.name, e.name), k, e)
	default:
		b.loopBody(fmt.Sprintf("for _, %s := range taken(upTo(%s, %d), %d)", e.name, b.typed(t, b.integer(t, 1)), n+b.n(3), n), n, use, e)
	}
	return true
}

// declareIterators declares functions that return iterators over two values.
func (p *program) declareIterators() {
	for i := range 3 {
		key, value := p.integerType(), p.basicType()
		f := &callable{name: fmt.Sprintf("pairs%d", i), params: []*typ{key, intType}, result: value, cost: 60}
		b := p.newBody([]*typ{key, intType}, []string{"x", "y"})
		b.pure, b.limit, b.noReturn = true, 60, true
		b.line("func %s(x %s, y int) iter.Seq2[%s, %s] {", f.name, key.name, key.name, value.name)
		b.line("return func(yield func(%s, %s) bool) {", key.name, value.name)
		b.line("for i := range 8 {")
		b.repeated(8, func() {
			b.scoped(func() {
				b.declare(&variable{name: "i", typ: intType, fixed: true})
				b.statements(2)
				b.line("if %s && !yield(%s, %s) {\nreturn\n}", b.condition(2), bare(b.integer(key, 2)), bare(b.operand(value, 2)))
			})
		})
		b.line("}\n}\n}")
		p.declared("%s", b.text)
		p.iterators = append(p.iterators, f)
	}
}
