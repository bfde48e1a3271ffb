package generator

// tryStatement writes a function literal that recovers from panics, some of which it
// raises again, and that is more likely than others to panic.
func (b *body) tryStatement() bool {
	risk := b.risk
	again := b.percent(20)
	if again { // for a function around this one
		b.emit("func() {\ndefer func() { c.recovered($site, recover()) }()")
	}
	b.emit("func() {\ndefer func() {\ne := recover()\nc.recovered($site, e)")
	if b.percent(40) {
		b.line("if e != nil {")
		b.function(nil, nil, nil)
		b.line("}")
	}
	if again {
		b.line("if %s {\npanic(%s)\n}", b.condition(2), pick(b.random, "e", "e", `"again"`, "&failure{code: 7, err: errPlain}"))
	}
	b.line("}()")
	b.risk = 25
	b.function(nil, nil, nil)
	b.risk = risk
	if b.percent(40) {
		b.line("if %s {\npanic(%s)\n}", bare(b.condition(b.size())), b.panicValue())
	}
	b.function(nil, nil, nil)
	b.line("}()")
	if again {
		b.line("}()")
	}
	return true
}

// panicValue returns an operand of panic.
func (b *body) panicValue() string {
	return pick(b.random, bare(b.string(1)), "int("+b.scalar()+")", "errPlain",
		"error(&failure{code: int("+b.scalar()+")})", "&failure{code: 3, err: &failure{code: 4}}", "any(nil)",
		bare(b.structLiteral(b.structs[0], 1)))
}

// runtimeErrors are the bodies of functions that panic, or may do so.
var runtimeErrors = []string{
	// maps, pointers and interfaces that are nil
	"var z map[$t]int\nz[$key] = 1",
	"var z *$struct\nif $condition {\nz = new($struct)\n}\nz.$field++\nc.add($site, uint64(z.$field))",
	"var z *[8]$t\nfor i := range z {\nc.add($site, uint64(i))\n}\nz[int($x)&7] = 1",
	"var z I0\nif $condition {\nz = $i\n}\nc.add($site, uint64(z.get()))",
	"var z func($t) int\nc.add($site, uint64(z($t($x))))",
	// bounds
	"z := make([]$t, int($x)&7)\nz[int($y)&7]++\nc.add($site, uint64(len(z)))",
	"z := make([]$t, 4, 8)\nc.add($site, uint64(len(z[int($x)&7:int($y)&15])))",
	"z := make([]$t, 4, 8)\nc.add($site, uint64(cap(z[int($x)&3:int($y)&7:int($x)&15])))",
	"z := [5]$t{1, 2}\nc.add($site, uint64(z[$x]))",
	"z := $text\nc.add($site, uint64(z[int($x)]))",
	"z := $text\nc.string($site, z[int($x)&7:int($y)&7])",
	"z := make([]$t, int($x)&7)\nc.add($site, uint64([4]$t(z)[3]))",
	"z := int($x) % 9\nc.add($site, uint64(len(make([]$t, z))))",
	// types
	"z := $any\nc.add($site, uint64(z.($t)))",
	"z := $i\nc.add($site, uint64(z.(I1).get()))",
	"z := $i\nc.any($site, z.($concrete))",
	"z, ok := $any.($t)\nc.bool($site, ok)\nc.add($site, uint64(z))",
	"var z, y any = []int{1}, $any\nc.bool($site, z == y)\nc.bool($site, z == z)",
	"z := map[any]int{}\nz[$any] = 1\nz[func() {}] = 2",
	// arithmetic
	"z := $t($bits)\nc.add($site, uint64($t($x) / z))",
	"z := $t($bits)\nc.add($site, uint64($t($x) % z))",
	"z := int($x) % 70\nc.add($site, uint64($t($y) << z))",
	"z := int($x) % 70\nc.add($site, uint64($t($y) >> z))",
	// channels
	"z := make(chan $t)\nclose(z)\nif $condition {\nclose(z)\n}\nz <- 1",
	"var z chan $t\nif $condition {\nclose(z)\n}",
	// panics while another one is handled
	"defer func() { panic($panic) }()\npanic($other)",
	"defer func() {\nfunc() { c.recovered($site, recover()) }()\nc.recovered($site, recover())\npanic($panic)\n}()\npanic($other)",
	"var z error = &failure{int($x), &failure{2, errPlain}}\nc.add($site, uint64(codeOf(z)))\npanic(z)",
}

// runtimeError writes a function that panics, or may do so, and recovers.
func (b *body) runtimeError() bool {
	st := pick(b.random, b.structs...)
	t := b.integerType()
	a := b.interfaces[0]
	template := pick(b.random, runtimeErrors...)
	b.emit("func() {\ndefer func() { c.recovered($site, recover()) }()\n"+template+"\n}()",
		"t", t, "key", b.key(t), "struct", st, "field", st.fields[len(st.fields)-1].name,
		"condition", b.condition(2), "x", b.scalar(), "y", b.scalar(), "bits", b.bitwise(t, 1),
		"text", b.string(2), "any", b.boxed(anyType, 2), "i", b.boxed(a.typ, 2),
		"concrete", pick(b.random, a.concrete...), "panic", b.panicValue(), "other", b.panicValue())
	return true
}

// deferStatement defers a call until the function returns. Some change its results, and
// some recover.
func (b *body) deferStatement() bool {
	if b.times > 16 {
		return false
	}
	t := b.integerType()
	switch b.n(4) {
	case 0:
		b.emit("defer c.add($site, uint64($x))", "x", b.integer(t, 2))
	case 1:
		x := b.newName("x")
		b.line("defer func(%s %s) {", x, t.name)
		b.function([]*typ{t}, []string{x}, nil)
		b.line("}(%s)", bare(b.operand(t, 2)))
	case 2:
		st := pick(b.random, b.structs...)
		place := b.target(st)
		if place == "" || !b.addressable(place) {
			return false
		}
		b.line("defer %s.change(%s)", place, bare(b.operand(int64Type, 2)))
	default:
		b.line("defer func() {")
		if b.percent(50) {
			b.emit("if e := recover(); e != nil {\nc.recovered($site, e)\n}")
		}
		for i, name := range b.named {
			if b.results[i].numeric() {
				b.line("%s += %s", name, bare(b.operand(b.results[i], 2)))
			}
		}
		b.emit("c.add($site, uint64($x))\n}()", "x", b.scalar())
	}
	return true
}

// genericStatement uses a generic type, or folds what a generic function returns.
func (b *body) genericStatement() bool {
	if b.percent(60) {
		return b.container()
	}
	t := b.integerType()
	x := b.call(t, 2)
	if x == "" {
		return false
	}
	sum := b.fill("reduced(mapped([]$t{$x, $y}, func(x $t) $t { return x $op $k }), 0, func(y, x $t) $t { return y*3 + x })",
		"t", t, "x", x, "y", b.operand(t, 1), "op", pick(b.random, "&", "^", "-", "/"), "k", b.between(1, 9))
	b.fold(sum, t)
	return true
}
