package generator

import (
	"fmt"
	"slices"
	"strings"
)

// A statementKind is a way to make a statement. emit writes it and reports true, or
// reports false where it is not possible.
type statementKind struct {
	weight int
	needs  need
	emit   func(b *body) bool
}

// A need is a condition of a statement kind.
type need int

const (
	none  need = iota
	block      // it contains statements, so it must not be nested too deep
	sums       // the function has a check
	both       // block and sums
)

func statementKinds() []statementKind {
	return []statementKind{
		{12, none, (*body).declaration},
		{12, none, (*body).assignment},
		{10, none, (*body).update},
		{2, none, (*body).swap},
		{2, none, (*body).multiple},
		{6, none, (*body).jump},
		{2, none, (*body).returnStatement},
		{3, none, (*body).sliceStatement},
		{18, block, (*body).ifStatement},
		{12, block, (*body).countingLoop},
		{8, block, (*body).conditionLoop},
		{9, block, (*body).rangeLoop},
		{7, block, (*body).switchStatement},
		{3, block, (*body).typeSwitch},
		{3, block, (*body).gotoStatement},
		{6, sums, (*body).foldStatement},
		{4, sums, (*body).mapStatement},
		{3, sums, (*body).methodStatement},
		{3, sums, (*body).callStatement},
		{2, sums, (*body).runtimeError},
		{2, sums, (*body).recursion},
		{4, both, (*body).sequence},
		{5, both, (*body).closureStatement},
		{5, both, (*body).tryStatement},
		{3, both, (*body).deferStatement},
		{4, both, (*body).goroutineStatement},
		{4, both, (*body).genericStatement},
	}
}

// statement writes one statement.
func (b *body) statement() {
	b.cost += b.times
	b.written++
	flat := b.depth > 5 || b.percent(14*b.depth)
	for {
		k := weighted(b.random, statementKinds(), func(k statementKind) int { return k.weight })
		if flat && k.needs&block != 0 || b.checkless() && k.needs&sums != 0 {
			continue
		}
		if k.emit(b) {
			return
		}
	}
}

// statements writes up to n statements. They share what the function may still cost, and
// how many statements it may still have.
func (b *body) statements(n int) {
	limit, most := b.limit, b.most
	for i := 0; i < n && (i == 0 || b.cost < limit && b.written < most); i++ {
		b.limit = max(b.cost, b.cost+(limit-b.cost)/(n-i))
		b.most = max(b.written, b.written+(most-b.written+1)/(n-i))
		b.statement()
	}
	b.limit, b.most = limit, most
}

// size returns how deep an expression is nested at most.
func (b *body) size() int { return pick(b.random, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4) }

// braces writes a block of up to n statements after a header, and what follows the
// closing brace.
func (b *body) braces(header string, n int, after string) {
	b.line("%s {", header)
	b.scoped(func() { b.statements(n) })
	b.line("}%s", after)
}

// declaration declares a variable.
func (b *body) declaration() bool {
	t := b.variableType()
	v := &variable{name: b.newName("v"), typ: t}
	value := b.bounded(t, b.expression(t, b.size()))
	switch {
	case t.kind == mapping || t.kind == pointer || t.kind == function:
		b.line("%s := %s", v.name, bare(value))
		v.fixed = true
		if t.kind == function {
			v.cost = b.lastClosure
			defer b.callClosure(v)
		}
	case t.kind == slice && b.percent(50):
		b.emit("$v := make($t, 8)\nfor i := range $v {\n$v[i] = $e\n}", "v", v, "t", t, "e", b.operand(t.elem, 1))
		v.fixed, v.least = true, 8
	case b.percent(15) && t.kind != dynamic:
		b.line("var %s %s", v.name, t.name)
	case b.percent(30):
		b.line("var %s %s = %s", v.name, t.name, bare(value))
	case t.kind == dynamic:
		b.line("var %s %s = %s", v.name, t.name, value)
	default:
		b.line("%s := %s", v.name, b.typed(t, value))
	}
	b.declare(v)
	return true
}

// variableType returns a type for a new variable.
func (b *body) variableType() *typ {
	switch {
	case b.parameter != nil && b.percent(50):
		return b.parameter
	case b.isolated:
		return b.basicType()
	case b.pure:
		if b.percent(15) {
			return b.arrayOf(b.basicType(), 4)
		}
		return b.basicType()
	case b.percent(6):
		return b.functionOf(b.integerType(), b.basicType())
	}
	return b.valueType()
}

// typed returns value in a form whose type is t where no type is declared. A shift of a
// constant would have another type.
func (b *body) typed(t *typ, value string) string {
	if t.basic() && t.kind != text && t.kind != boolean {
		return t.name + "(" + bare(value) + ")"
	}
	return bare(value)
}

// bounded limits a value whose size could grow with each assignment.
func (b *body) bounded(t *typ, value string) string {
	if t.kind == text {
		return "clip(" + bare(value) + ")"
	}
	return value
}

// assignment assigns a new value to a variable or to a part of one.
func (b *body) assignment() bool {
	t := b.variableType()
	if t.kind == function || t.kind == slice {
		t = b.basicType()
	}
	target := b.target(t)
	if target == "" {
		return false
	}
	b.line("%s = %s", target, bare(b.bounded(t, b.source(t, b.size()))))
	return true
}

// source returns a value for an assignment, which is seldom a constant.
func (b *body) source(t *typ, n int) string {
	if t.basic() && b.percent(10) {
		return b.literal(t)
	}
	return b.expression(t, n)
}

// update changes a variable with an operator such as +=.
func (b *body) update() bool {
	t := b.localInteger()
	if b.percent(15) {
		t = pick(b.random, float32Type, float64Type, stringType)
	}
	target := b.target(t)
	switch {
	case target == "":
		return false
	case t.kind == text:
		b.emit("if len($v) < 32 {\n$v += clip($x)\n}", "v", target, "x", b.operand(t, 2))
	case t.kind == float:
		b.line("%s %s %s", target, pick(b.random, "+=", "-=", "/="), bare(b.float(t, 2)))
	case b.percent(20):
		b.line("%s%s", target, pick(b.random, "++", "--"))
	case b.percent(20):
		b.line("%s %s %s(%s)", target, pick(b.random, "<<=", ">>="), pick(b.random, "uint8", "uint", "uint64"), bare(b.integer(uint8Type, 2)))
	case b.percent(15):
		b.line("%s %s nonzero(%s)", target, pick(b.random, "/=", "%="), bare(b.integer(t, 2)))
	default:
		b.line("%s %s %s", target, pick(b.random, "+=", "-=", "*=", "&=", "|=", "^=", "&^="), bare(b.operand(t, b.size())))
	}
	return true
}

// swap assigns to two variables at once.
func (b *body) swap() bool {
	t := b.localInteger()
	x, y := b.target(t), b.target(t)
	if x == "" || y == "" || x == y {
		return false
	}
	b.line("%s, %s = %s, %s", x, y, y, bare(b.integer(t, 2)))
	return true
}

// multiple declares two variables with the results of one call.
func (b *body) multiple() bool {
	x, y := b.newName("v"), b.newName("v")
	t, u := uint64Type, uint64Type
	switch b.n(5) {
	case 0:
		b.line("%s, %s := bits.Mul64(%s, %s)", x, y, bare(b.integer(t, 2)), bare(b.operand(t, 2)))
	case 1:
		b.line("%s, %s := bits.Add64(%s, %s, %s&1)", x, y, bare(b.integer(t, 2)), bare(b.operand(t, 2)), b.integer(t, 1))
	case 2:
		b.line("%s, %s := bits.Sub64(%s, %s, %s&1)", x, y, bare(b.integer(t, 2)), bare(b.operand(t, 2)), b.integer(t, 1))
	case 3:
		if b.percent(100 - b.risk) {
			return false
		}
		b.line("%s, %s := bits.Div64(%s, %s, %s)", x, y, bare(b.integer(t, 2)), bare(b.operand(t, 2)), bare(b.integer(t, 2)))
	default:
		t, u = float64Type, intType
		b.line("%s, %s := math.Frexp(%s)", x, y, bare(b.float(t, 2)))
		if b.percent(30) {
			u = float64Type
			b.line("_ = %s", x)
			b.line("_ = %s", y)
			x, y = b.newName("v"), b.newName("v")
			b.line("%s, %s := math.Modf(%s)", x, y, bare(b.float(t, 2)))
		}
	}
	b.declare(&variable{name: x, typ: t})
	b.declare(&variable{name: y, typ: u})
	return true
}

// foldStatement folds an expression.
func (b *body) foldStatement() bool {
	t := b.basicType()
	b.fold(bare(b.expression(t, b.size())), t)
	return true
}

// sequence writes a block of its own.
func (b *body) sequence() bool {
	b.braces("", b.between(2, 4), "")
	return true
}

// jump writes a break or continue that refers to an enclosing loop, after a condition.
func (b *body) jump() bool {
	if len(b.loops) == 0 {
		return false
	}
	innermost := len(b.loops) - 1
	at := b.n(len(b.loops))
	if b.percent(50) {
		at = innermost
	}
	l := b.loops[at]
	word := pick(b.random, "break", "break", "continue")
	for _, inner := range b.loops[at:] {
		if inner.noBreaks {
			return false
		}
	}
	if l.noLoop {
		word = "break"
	}
	if at != innermost || b.percent(20) || word == "break" && l.noLoop && b.percent(40) {
		word += " " + l.label
		l.used = true
	}
	b.line("if %s {\n%s\n}", bare(b.condition(b.size())), word)
	return true
}

// returnStatement returns after a condition.
func (b *body) returnStatement() bool {
	if b.depth < 2 || b.noReturn || b.percent(50) {
		return false
	}
	b.line("if %s {", bare(b.condition(b.size())))
	b.finish(2)
	b.line("}")
	return true
}

// finish writes a return statement with results.
func (b *body) finish(n int) {
	var list []string
	for _, t := range b.results {
		list = append(list, bare(b.bounded(t, b.expression(t, n))))
	}
	if len(b.named) > 0 && b.percent(40) && !slices.ContainsFunc(b.results, nillable) {
		list = nil
	}
	b.line("return %s", strings.Join(list, ", "))
}

// nillable reports whether the zero value of a type is one that other statements do not
// expect.
func nillable(t *typ) bool {
	return t.kind == pointer || t.kind == mapping || t.kind == dynamic || t.kind == function
}

// callStatement writes a call of a function with a check, with a variable for each result.
func (b *body) callStatement() bool {
	if len(b.checked) == 0 {
		return false
	}
	f := pick(b.random, b.checked...)
	if !b.affordable(f.cost) {
		return false
	}
	b.cost += b.times * f.cost
	arguments := "c"
	if len(f.params) > 0 {
		arguments += ", " + b.arguments(f.params, 2)
	}
	if f.variadic != nil {
		if s := b.place(b.sliceOf(f.variadic)); s != "" && b.percent(40) {
			arguments += ", " + s + "..."
		} else {
			for range b.n(4) {
				arguments += ", " + bare(b.operand(f.variadic, 1))
			}
		}
	}
	var names []string
	for _, t := range f.results {
		names = append(names, b.declare(&variable{name: b.newName("v"), typ: t}).name)
	}
	b.line("%s := %s(%s)", strings.Join(names, ", "), f.name, arguments)
	return true
}

// methodStatement calls a method that changes its receiver, directly, through an
// interface or as a method value or expression.
func (b *body) methodStatement() bool {
	t := pick(b.random, b.structs...)
	place := b.target(t)
	if place == "" || !b.addressable(place) {
		return false
	}
	x := bare(b.integer(int64Type, 2))
	v := b.newName("v")
	switch b.n(4) {
	case 0:
		b.line("%s := %s.change(%s)", v, place, x)
	case 1:
		b.line("%s := bound(%s.change)(%s)", v, place, x)
	case 2:
		b.line("%s := (*%s).change(&%s, %s)", v, t.name, place, x)
	default:
		i := b.newName("i")
		b.emit("var $i I1 = &$place\n$v := $i.change($x)", "i", i, "place", place, "v", v, "x", x)
		b.line("if j, ok := %s.(interface{ label(int) string }); ok {\n%s\n}", i, b.folding(fmt.Sprintf("j.label(%d)", b.n(9)), stringType, fmt.Sprint(b.site())))
	}
	b.declare(&variable{name: v, typ: int64Type})
	return true
}
