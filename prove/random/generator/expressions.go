package generator

import (
	"fmt"
	"strings"
)

// expression returns an expression of type t. n limits how deep it is nested. Values of
// basic types are never constant, so that Go cannot evaluate them.
func (b *body) expression(t *typ, n int) string {
	switch {
	case t.kind == boolean:
		return b.condition(n)
	case t.integer():
		return b.integer(t, n)
	case t.kind == float:
		return b.float(t, n)
	case t.kind == text:
		return b.string(n)
	}
	if s := b.place(t); s != "" && b.percent(60) && t.kind != slice && t.kind != mapping {
		return s
	}
	if s := b.call(t, n); s != "" && b.percent(30) {
		return s
	}
	return b.composed(t, n)
}

// operand returns an expression that may be a constant.
func (b *body) operand(t *typ, n int) string {
	if t.basic() && b.percent(30) {
		return b.literal(t)
	}
	return b.expression(t, n)
}

// composed returns a new value of a type that is not basic.
func (b *body) composed(t *typ, n int) string {
	switch t.kind {
	case array, slice:
		return b.elements(t, n)
	case mapping:
		var list []string
		used := make(map[string]bool)
		for range b.n(4) {
			if k := b.uniqueKey(t.key, used); k != "" {
				list = append(list, k+": "+b.operand(t.elem, n-2))
			}
		}
		return t.name + "{" + strings.Join(list, ", ") + "}"
	case structure:
		return "(" + b.structLiteral(t, n) + ")"
	case pointer:
		if s := b.place(t.elem); s != "" && !b.checkless() && b.percent(20) && b.addressable(s) {
			return "(&" + s + ")"
		}
		return "(&" + b.structLiteral(t.elem, n) + ")"
	case dynamic:
		return b.boxed(t, n)
	case function:
		return b.closure(t, n)
	}
	panic("no expression of type " + t.name)
}

// addressable reports whether & can be applied to a place: it is not an element of a map.
func (b *body) addressable(s string) bool { return !strings.ContainsAny(s, "()[]") }

// elements returns an array or a slice.
func (b *body) elements(t *typ, n int) string {
	count := t.len
	if t.kind == slice {
		count = b.between(0, 8)
		if a := b.array(t.elem); a != "" && !b.checkless() && b.percent(25) {
			return a + "[:]"
		}
		if b.percent(20) {
			return fmt.Sprintf("make(%s, %d, %d)", t.name, count, count+b.n(4))
		}
	}
	var list []string
	for range min(count, 8) {
		list = append(list, b.operand(t.elem, n-2))
	}
	if t.kind == array && t.len > 4 && b.percent(30) {
		return fmt.Sprintf("(%s{%d: %s})", t.name, b.n(t.len), b.operand(t.elem, n-2))
	}
	if b.percent(15) && len(list) > 1 {
		list[1] = "1: " + list[1]
	}
	return "(" + t.name + "{" + strings.Join(list, ", ") + "})"
}

// array returns a variable that is an array with elements of a type, or "".
func (b *body) array(elem *typ) string {
	for _, v := range b.visible() {
		if v.typ.kind == array && v.typ.elem == elem && !v.fixed {
			return v.name
		}
	}
	return ""
}

// uniqueKey returns a constant for a map literal that is not in used, or "".
func (b *body) uniqueKey(t *typ, used map[string]bool) string {
	s := b.stringLiteral()
	value := s
	if t.kind != text {
		literal, v := b.integerLiteral(t)
		s, value = literal, v.String()
	} else if !strings.HasPrefix(s, `"`) || strings.Contains(s, "+") {
		return ""
	}
	if used[value] {
		return ""
	}
	used[value] = true
	return s
}

func (b *body) structLiteral(t *typ, n int) string {
	var list []string
	for _, f := range t.fields {
		if f.typ.kind == pointer && !f.embedded || b.percent(10) && !f.embedded {
			continue
		}
		name := f.name
		list = append(list, name+": "+b.operand(f.typ, n-2))
	}
	return t.name + "{" + strings.Join(list, ", ") + "}"
}

// boxed returns a value of an interface type.
func (b *body) boxed(t *typ, n int) string {
	if t == anyType && b.percent(40) {
		inner := b.basicType()
		switch b.n(8) {
		case 0:
			inner = pick(b.random, b.structs...)
		case 1:
			inner = b.pointerTo(pick(b.random, b.structs...))
		case 2:
			return "any(nil)"
		}
		if inner.named || !inner.basic() {
			return "any(" + b.expression(inner, n-1) + ")"
		}
		return "any(" + bare(b.expression(inner, n-1)) + ")"
	}
	return fmt.Sprintf("new%s(%s, %s)", title(t.name), b.integer(uint8Type, n-1), b.integer(int64Type, n-1))
}

// call returns a call of a function or method without effects whose result is of type
// t, or "" if there is none.
func (b *body) call(t *typ, n int) string {
	if b.noCalls {
		return ""
	}
	var list []*callable
	for _, f := range b.callables {
		if f.result == t && b.affordable(f.cost) && (n > 0 || len(f.params) < 2) {
			list = append(list, f)
		}
	}
	for _, v := range b.visible() {
		if v.typ.kind == function && v.typ.elem == t && !v.effects && b.affordable(v.cost) && !b.checkless() {
			list = append(list, &callable{name: v.name, params: []*typ{v.typ.key}, result: t, cost: v.cost})
		}
	}
	if len(list) == 0 {
		return ""
	}
	f := pick(b.random, list...)
	b.cost += b.times * f.cost
	return f.callee(b, n) + "(" + b.arguments(f.params, n-1) + ")"
}

// arguments returns operands for parameters.
func (b *body) arguments(params []*typ, n int) string {
	var list []string
	for _, t := range params {
		if t.basic() {
			list = append(list, bare(b.operand(t, min(n, 1))))
			continue
		}
		list = append(list, b.expression(t, min(n, 1)))
	}
	return strings.Join(list, ", ")
}

// chosen returns an expression that chooses between two values.
func (b *body) chosen(t *typ, n int) string {
	condition, x, y := bare(b.condition(n-1)), bare(b.operand(t, n-1)), bare(b.operand(t, n-1))
	if b.percent(60) {
		return fmt.Sprintf("choose[%s](%s, %s, %s)", t.name, condition, x, y)
	}
	return fmt.Sprintf("func() %s {\nif %s {\nreturn %s\n}\nreturn %s\n}()", t.name, condition, x, y)
}

// A callable is a function or method without effects.
type callable struct {
	name     string
	receiver *typ // of a method
	params   []*typ
	result   *typ
	cost     int
}

// callee returns the function, or the method with a receiver.
func (f *callable) callee(b *body, n int) string {
	if f.receiver == nil {
		return f.name
	}
	if f.receiver.kind == pointer {
		if s := b.place(f.receiver.elem); s != "" && b.addressable(s) && !b.checkless() && b.percent(40) {
			return s + "." + f.name
		}
	}
	receiver := b.place(f.receiver)
	if receiver == "" {
		receiver = b.expression(f.receiver, n-1)
		if f.receiver.integer() {
			receiver = f.receiver.name + "(" + bare(receiver) + ")"
		}
	}
	if b.percent(10) {
		return fmt.Sprintf("bound(%s.%s)", receiver, f.name)
	}
	return receiver + "." + f.name
}
