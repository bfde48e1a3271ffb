package generator

import (
	"fmt"
	"strings"
)

// ifStatement writes a chain of if and else.
func (b *body) ifStatement() bool {
	initialized := b.percent(15)
	emit := func() {
		header := "if "
		if initialized {
			t := b.localInteger()
			v := &variable{name: b.newName("v"), typ: t, used: true}
			header += v.name + " := " + b.typed(t, b.integer(t, 3)) + "; "
			b.declare(v)
			header += fmt.Sprintf("(%s%s0)%s", v.name, b.relation(), pick(b.random, " && ", " || "))
		}
		for {
			b.braces(header+bare(b.condition(b.size())), b.between(1, 3), " else {")
			if !b.percent(35) {
				break
			}
			b.trim(" else {\n")
			header = " else if "
		}
		if b.percent(50) {
			b.trim(" {\n")
			b.braces("", b.between(1, 3), "")
			return
		}
		b.trim(" else {\n")
		b.line("")
	}
	if initialized {
		b.scoped(emit)
	} else {
		emit()
	}
	return true
}

// trim removes the end of what was written.
func (b *body) trim(end string) {
	if !strings.HasSuffix(string(b.text), end) {
		panic("the text does not end with " + end)
	}
	b.text = b.text[:len(b.text)-len(end)]
}

// switchStatement writes a switch with or without a tag.
func (b *body) switchStatement() bool {
	t := b.localInteger()
	if b.percent(15) {
		t = stringType
	}
	tag, constants := "", b.percent(60) && !t.parameter
	limit := 0 // of the tag, if it is not 0
	if constants || b.percent(25) {
		tag = bare(b.expression(t, b.size()))
		if t.integer() && b.percent(50) {
			limit = pick(b.random, 4, 8, 16)
			tag = fmt.Sprintf("%s & %d", b.integer(t, 2), limit-1)
		}
		if b.percent(15) {
			v := b.newName("v")
			tag = v + " := " + b.typed(t, tag) + "; " + v
		}
	}
	n := b.between(1, 5)
	if constants && b.percent(30) {
		n, limit = b.between(8, 14), 16 // which makes tables worthwhile
	}
	fallback := -1
	if b.percent(70) {
		fallback = b.n(n)
	}
	used := make(map[string]bool)
	b.breakable(func() {
		b.line("switch %s {", tag)
		for i := range n {
			if i == fallback {
				b.clause("default", i < n-1 && b.percent(25))
				continue
			}
			var cases []string
			for range b.between(1, 3) {
				switch {
				case constants:
					if s := b.uniqueCase(t, used, limit); s != "" {
						cases = append(cases, s)
					}
				case tag != "":
					cases = append(cases, bare(b.expression(t, 2)))
				default:
					cases = append(cases, bare(b.condition(b.size())))
				}
			}
			if len(cases) > 0 {
				b.clause("case "+strings.Join(cases, ", "), i < n-1 && b.percent(20))
			}
		}
		b.finalClause(fallback < 0)
		b.line("}")
	})
	return true
}

// clause writes one case of a switch. A fallthrough must not be in the last one, so
// finalClause has to follow where it is.
func (b *body) clause(header string, falls bool) {
	b.line("%s:", header)
	b.depth++
	b.scoped(func() { b.statements(b.between(1, 2)) })
	b.depth--
	if falls {
		b.line("fallthrough")
	}
}

// finalClause makes sure that the last clause does not end with fallthrough.
func (b *body) finalClause(canDefault bool) {
	if !strings.HasSuffix(string(b.text), "fallthrough\n") {
		return
	}
	if canDefault {
		b.clause("default", false)
		return
	}
	b.trim("fallthrough\n")
}

// uniqueCase returns a constant that is not in used, or "". It is below limit if that
// is not 0.
func (b *body) uniqueCase(t *typ, used map[string]bool, limit int) string {
	if t.kind == text || limit == 0 {
		return b.uniqueKey(t, used)
	}
	s := fmt.Sprint(b.n(limit))
	if used[s] {
		return ""
	}
	used[s] = true
	return s
}

// breakable writes a statement that break can refer to, with a label if one is used.
func (b *body) breakable(emit func()) {
	b.labelled(&loop{noLoop: true}, emit)
}

// labelled writes a statement that break and perhaps continue can refer to.
func (b *body) labelled(l *loop, emit func()) {
	l.label = b.newName("L")
	b.loops = append(b.loops, l)
	text := b.captured(emit)
	b.loops = b.loops[:len(b.loops)-1]
	if l.used {
		b.line("%s:", l.label)
	}
	b.text = append(b.text, text...)
}

// typeSwitch writes a switch over the type of an interface.
func (b *body) typeSwitch() bool {
	if b.noCalls || len(b.interfaces) == 0 {
		return false
	}
	a := b.interfaces[b.n(len(b.interfaces))]
	value := b.place(a.typ)
	if value == "" {
		value = b.boxed(a.typ, 2)
	}
	v := b.newName("v")
	used := make(map[string]bool)
	b.breakable(func() {
		b.line("switch %s := %s.(type) {", v, value)
		for range b.between(2, 7) {
			t := pick(b.random, a.concrete...)
			if used[t.name] {
				continue
			}
			used[t.name] = true
			b.line("case %s:", t.name)
			b.scoped(func() {
				b.line("_ = %s", v)
				b.declare(&variable{name: v, typ: t, used: b.checkless(), fixed: t.kind == pointer})
				b.depth += 2
				b.statements(1)
				b.depth -= 2
			})
		}
		if b.percent(40) && !used["error"] {
			b.line("case %s:\n_ = %s", pick(b.random, "nil", "error", "interface{ label(int) string }"), v)
		}
		if b.percent(50) {
			b.line("default:\n_ = %s", v)
			if !b.checkless() {
				b.line("c.any(%d, %s)", b.site(), v)
			}
		}
		b.line("}")
	})
	return true
}

// gotoStatement writes a jump backwards, or forwards over a block.
func (b *body) gotoStatement() bool {
	if b.parameter != nil && b.percent(50) {
		return false
	}
	label := b.newName("G")
	if b.percent(50) {
		b.line("if %s {\ngoto %s\n}", bare(b.condition(b.size())), label)
		b.braces("", b.between(1, 3), "")
		b.line("%s:", label)
		if b.checkless() {
			b.line(";")
		} else {
			b.line("c.add(%d, 1)", b.site())
		}
		return true
	}
	n := b.between(2, 4)
	if !b.affordable(n * 8) {
		return false
	}
	left := b.newName("n")
	b.line("{\n%s := %d\n%s:", left, n, label)
	b.repeated(n, func() {
		b.scoped(func() { b.statements(b.between(1, 3)) })
	})
	b.line("if %s--; %s > 0 && %s {\ngoto %s\n}\n}", left, left, b.condition(b.size()), label)
	return true
}
