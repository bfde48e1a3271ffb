package generator

import (
	"fmt"
	"slices"
)

// A variable is a variable that expressions can use.
type variable struct {
	name string
	typ  *typ
	// fixed marks one that is not to be assigned: a loop counts with it, or it is
	// known not to be nil. Its elements may be assigned.
	fixed bool
	// least is the length that a slice has at least.
	least int
	// cost is the cost of a call of a function. effects marks a function that folds
	// values or assigns variables of others.
	cost    int
	effects bool
	// used marks one that no statement needs to use.
	used bool
}

// A scope is a block with its variables.
type scope struct {
	parent    *scope
	variables []*variable
	function  bool // it is the outermost one of a function
}

// declare adds a variable to the innermost scope.
func (b *body) declare(v *variable) *variable {
	b.scope.variables = append(b.scope.variables, v)
	return v
}

// name returns a new name.
func (p *program) newName(prefix string) string {
	p.names++
	return fmt.Sprintf("%s%d", prefix, p.names)
}

// visible returns variables in reach, the innermost first: those of the function and
// sometimes the global ones too.
func (b *body) visible() []*variable {
	var all []*variable
	for s := b.scope; s != nil; s = s.parent {
		all = append(all, s.variables...)
	}
	if !b.isolated && b.percent(20) {
		all = append(all, b.globals...)
	}
	return all
}

// A place is an operand of some type: a variable or a part of one. It is spelled when
// it is chosen, because indices are random.
type place func() string

// place returns a random operand of type t that is not a constant, or "" if there is none.
func (b *body) place(t *typ) string { return b.placeOf(t, false) }

// target returns a random operand of type t that can be assigned, or "".
func (b *body) target(t *typ) string { return b.placeOf(t, true) }

func (b *body) placeOf(t *typ, assigned bool) string {
	var near, far []place
	for _, v := range b.visible() {
		if b.pure && assigned && !b.local(v) {
			continue
		}
		if v.typ == t {
			if !assigned || !v.fixed {
				near = append(near, func() string { return v.name })
			}
			continue
		}
		far = b.parts(far, func() string { return v.name }, v.typ, t, v.least, assigned, 2)
	}
	if len(far) > 0 && (len(near) == 0 || b.percent(35)) {
		near = far
	}
	if len(near) == 0 {
		return ""
	}
	return pick(b.random, near...)()
}

// local reports whether a pure function may assign a variable: it has declared it, or
// it is a parameter.
func (b *body) local(v *variable) bool {
	for s := b.scope; s != nil; s = s.parent {
		if slices.Contains(s.variables, v) {
			return v.typ.kind != slice && v.typ.kind != mapping && v.typ.kind != pointer
		}
		if s.function {
			break
		}
	}
	return false
}

// parts appends to list the parts of a value of type have that are of type want. least
// is the length of a slice; depth limits how deep a part lies.
func (b *body) parts(list []place, value place, have, want *typ, least int, assigned bool, depth int) []place {
	if have == want {
		return append(list, value)
	}
	if depth == 0 {
		return list
	}
	switch have.kind {
	case pointer:
		if have.elem == want {
			return append(list, func() string { return "(*" + value() + ")" })
		}
		return b.parts(list, value, have.elem, want, 0, assigned, depth)
	case structure:
		for _, f := range have.fields {
			name := func() string { return value() + "." + f.name }
			switch {
			case f.typ.kind == pointer: // which may be nil
			case f.embedded && f.typ != want && b.percent(60): // its fields are promoted
				list = b.parts(list, value, f.typ, want, 0, assigned, depth-1)
			default:
				list = b.parts(list, name, f.typ, want, 0, assigned, depth-1)
			}
		}
	case array:
		element := func() string { return value() + "[" + b.index(have.len) + "]" }
		list = b.parts(list, element, have.elem, want, 0, assigned, depth-1)
	case slice:
		switch {
		case least > 0:
			element := func() string { return value() + "[" + b.index(least) + "]" }
			list = b.parts(list, element, have.elem, want, 0, assigned, depth-1)
		case !assigned && have.elem == want:
			list = append(list, func() string { return "at(" + value() + ", int(" + b.scalar() + "))" })
		}
	case mapping:
		if !assigned && have.elem == want {
			list = append(list, func() string { return value() + "[" + b.key(have.key) + "]" })
		}
	}
	return list
}

// scalar returns a variable of an integer type, or a function's result if there is
// none.
func (b *body) scalar() string {
	var list []string
	for _, v := range b.visible() {
		if v.typ.integer() {
			list = append(list, v.name)
		}
	}
	if len(list) == 0 {
		return fmt.Sprintf("inInt(%d)", b.n(inputs))
	}
	return pick(b.random, list...)
}

// index returns an index below n, or with a small probability any.
func (b *body) index(n int) string {
	switch {
	case b.percent(b.risk):
		return b.scalar()
	case b.percent(30):
		return fmt.Sprint(b.n(n))
	case n&(n-1) == 0 && b.percent(60):
		return fmt.Sprintf("int(%s)&%d", b.scalar(), n-1)
	}
	return fmt.Sprintf("%s(%s)%%%d", pick(b.random, "uint", "uint8", "uint16", "uint32", "uint64"), b.scalar(), n)
}

// key returns an expression for a key of a map. There are few different ones.
func (b *body) key(t *typ) string {
	if t.kind == text {
		return pick(b.random, fmt.Sprintf("part(%s, 0, %d)", b.expression(t, 0), 1+b.n(3)), b.stringLiteral())
	}
	return fmt.Sprintf("%s(%s)&%d", t.name, b.scalar(), pick(b.random, 3, 7, 15))
}
