package generator

import "fmt"

// sliceStatement changes or declares a slice.
func (b *body) sliceStatement() bool {
	t := b.sliceOf(b.elementType())
	if b.parameter != nil {
		t = b.sliceOf(b.parameter)
	}
	if b.checkless() && b.parameter == nil {
		return b.stringBytes()
	}
	for _, v := range b.visible() {
		if v.typ.kind == slice && b.percent(50) && (v.typ.elem.basic() || v.typ.elem.kind == structure) {
			return b.changeSlice(v)
		}
	}
	v := &variable{name: b.newName("s"), typ: t}
	if a := b.array(t.elem); a != "" && b.percent(40) {
		b.line("%s := %s[:]", v.name, a)
	} else {
		b.line("%s := %s", v.name, bare(b.elements(t, 2)))
	}
	b.declare(v)
	return true
}

func (b *body) changeSlice(v *variable) bool {
	t := v.typ
	// A slice of a known length keeps its elements where they are.
	target := v.name
	if v.fixed || b.checkless() && !b.owned(v) {
		target = b.newName("s")
		b.line("%s := append(%s(nil), %s...)", target, t.name, v.name)
		b.declare(&variable{name: target, typ: t})
	}
	element := b.operand(t.elem, 2)
	low := b.n(4)
	template := ""
	switch b.n(11) {
	case 0, 1, 2:
		template = "if len($s) < 16 {\n$s = append($s, $e)\n}"
	case 3:
		template = "if len($s) < 12 {\n$s = append($s, $e, $e)\n}"
	case 4:
		template = "if len($s) > 0 && len($s) < 12 {\n$s = append($s[1:], $s[:1]...)\n}"
	case 5:
		template = "if len($s) > $high {\n$s = $s[$low:$high]\n}"
	case 6:
		template = "if len($s) > $high {\n$s = $s[:$high:$high]\n}"
	case 7:
		n := b.newName("n")
		b.line("%s := copy(%s, %s)", n, target, bare(b.elements(t, 1)))
		b.declare(&variable{name: n, typ: intType})
		return true
	case 8:
		template = "if i := int($i); i >= 0 && i < len($s) {\n$s[i] = $e\n}"
	case 9:
		if !b.affordable(40) {
			return false
		}
		b.cost += 40 * b.times
		template = "slices.Reverse($s)"
		if t.elem.numeric() || t.elem.kind == text {
			template = "$s = sorted($s)"
		}
	default:
		template = "clear($s[:len($s)/2])"
		if b.percent(3 * b.risk) {
			template = "$s = $s[$x:$y]"
		}
	}
	b.emit(template, "s", target, "e", element, "low", low, "high", low+b.n(4),
		"i", b.integer(b.integerType(), 2), "x", b.scalar(), "y", b.scalar())
	return true
}

// owned reports whether a pure function has made a slice, so that it may change it.
func (b *body) owned(v *variable) bool { return v.name[0] == 's' }

// stringBytes declares a string that is made from bytes or runes.
func (b *body) stringBytes() bool {
	v := &variable{name: b.newName("v"), typ: stringType}
	bytes := b.newName("b")
	b.line("%s := []%s(part(%s, 0, 12))", bytes, pick(b.random, "byte", "rune"), bare(b.string(2)))
	b.emit("for i := range $b {\n$b[i] $op $x\n}", "b", bytes, "op", pick(b.random, "^=", "+=", "|="), "x", b.n(32))
	b.line("%s := string(%s)", v.name, bytes)
	b.declare(v)
	return true
}

// mapStatement changes, reads or declares a map.
func (b *body) mapStatement() bool {
	var known *variable
	for _, v := range b.visible() {
		if v.typ.kind == mapping && b.percent(60) {
			known = v
			break
		}
	}
	if known == nil {
		t := b.mapOf(b.keyType(), b.basicType())
		v := &variable{name: b.newName("m"), typ: t, fixed: true}
		b.line("%s := %s", v.name, b.composed(t, 2))
		b.declare(v)
		return true
	}
	m, t := known.name, known.typ
	key := b.key(t.key)
	switch b.n(6) {
	case 0, 1:
		b.line("%s[%s] = %s", m, key, bare(b.bounded(t.elem, b.operand(t.elem, 2))))
	case 2:
		if !t.elem.numeric() {
			return false
		}
		b.line("%s[%s] %s %s", m, key, pick(b.random, "+=", "-="), bare(b.operand(t.elem, 2)))
	case 3:
		b.line("delete(%s, %s)", m, key)
	case 4:
		v := b.newName("v")
		b.line("if %s, ok := %s[%s]; ok {", v, m, key)
		b.scoped(func() {
			b.declare(&variable{name: v, typ: t.elem})
			b.statements(2)
		})
		b.line("}")
	default:
		v, ok := b.newName("v"), b.newName("ok")
		b.line("%s, %s := %s[%s]", v, ok, m, key)
		b.declare(&variable{name: v, typ: t.elem})
		b.declare(&variable{name: ok, typ: boolType})
	}
	return true
}

// container declares one of the generic types and calls its methods.
func (b *body) container() bool {
	t, u := b.integerType(), b.basicType()
	v, p := b.newName("q"), b.newName("x")
	if !b.affordable(200) {
		return false
	}
	b.cost += 100 * b.times
	item := func(t *typ) string { return b.operand(t, 2) }
	switch b.n(6) {
	case 0:
		b.emit("$v := pair[$t, $u]{$x, $y}", "v", v, "t", t, "u", u, "x", item(t), "y", item(u))
		b.emit("$v.set($x, $y)", "v", v, "x", item(t), "y", item(u))
		b.fold(v+".swap().first", u)
		b.fold(v+".swap().swap().first", t)
	case 1:
		b.emit("var $v stack[$u]\n$v.push($x, $y, $x)", "v", v, "u", u, "x", item(u), "y", item(u))
		x, ok := b.newName("v"), b.newName("ok")
		b.line("%s, %s := %s.pop()", x, ok, v)
		b.declare(&variable{name: x, typ: u})
		b.declare(&variable{name: ok, typ: boolType})
		e := &variable{name: b.newName("e"), typ: u}
		i := &variable{name: b.newName("i"), typ: intType}
		b.loopBody(fmt.Sprintf("for %s, %s := range %s.down()", i.name, e.name, v), 3, "", i, e)
	case 2:
		b.emit("var $v list[$t]\nfor i := range $n {\n$v.add(($x) + $t(i))\n}\n$v.reverse()", "v", v, "t", t, "n", b.between(2, 6), "x", b.integer(t, 2))
		e := &variable{name: b.newName("e"), typ: t}
		b.loopBody(fmt.Sprintf("for %s := range %s.all()", e.name, v), 6, "", e)
	case 3:
		b.emit("var $v tree[$t, $u]\nfor i := range $t($n) {\n$v.put(($x)^(i*$m), $y)\n}", "v", v, "t", t, "u", u, "n", b.between(3, 9), "x", b.integer(t, 1), "m", b.between(1, 13), "y", item(u))
		b.emit("$v.each(func(k $t, e $u) {", "v", v, "t", t, "u", u)
		b.fold("k", t)
		b.fold("e", u)
		b.line("})")
	case 4:
		b.emit("$v := mapped([]$t{$x, $y, $x}, func($p $t) $u {", "v", v, "t", t, "u", u, "p", p, "x", item(t), "y", item(t))
		b.function([]*typ{t}, []string{p}, []*typ{u})
		b.line("})")
		b.declare(&variable{name: v, typ: b.sliceOf(u), fixed: true, least: 3})
	default:
		b.emit("$v := reduced([]$t{$x, $y}, $u($first), func($q $u, $p $t) $u {", "v", v, "t", t, "u", u, "q", v, "p", p, "x", item(t), "y", item(t), "first", item(u))
		b.function([]*typ{u, t}, []string{v, p}, []*typ{u})
		b.line("})")
		b.declare(&variable{name: v, typ: u})
	}
	return true
}
