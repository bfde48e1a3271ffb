package generator

import (
	"fmt"
	"strconv"
	"strings"
)

// A body generates the statements of one function.
type body struct {
	*program
	text  []byte
	scope *scope
	// results and named are the types and, if they have any, the names of the
	// function's results.
	results []*typ
	named   []string
	// pure marks a function without effects. It has no check and assigns no variable
	// of others.
	pure bool
	// isolated marks a function that runs at the same time as others. It has no check
	// and uses no global variables.
	isolated bool
	// noReturn marks statements that must not return.
	noReturn bool
	// parameter is the type parameter of a generic function, or nil.
	parameter *typ
	// noCalls marks statements that must not call functions that may panic.
	noCalls bool
	loops   []*loop // the enclosing ones, the innermost last
	depth   int     // of nested blocks
	// times is how often the current statement runs during one call at most, cost
	// the number of statements that one call runs at most, and limit the cost where
	// the function is complete.
	times, cost, limit int
	// written is how many statements the function has, and most how many it should
	// have at most.
	written, most int
	// risk is the percentage of operations that may panic among those that can.
	risk int
	// lastClosure is the cost of the function that closure has returned last.
	lastClosure int
}

// A loop is an enclosing statement that break or continue can refer to.
type loop struct {
	label    string
	used     bool
	noLoop   bool // a switch statement, which continue cannot refer to
	noBreaks bool // no statement may leave it
}

// line writes a line.
func (b *body) line(format string, args ...any) {
	b.text = append(fmt.Appendf(b.text, format, args...), '\n')
}

// captured returns what emit writes, which is not part of the function then.
func (b *body) captured(emit func()) string {
	outer := b.text
	b.text = nil
	emit()
	inner := string(b.text)
	b.text = outer
	return inner
}

// scoped calls emit with a new scope, and then folds the variables that emit has
// declared there. Go does not compile functions with unused variables.
func (b *body) scoped(emit func()) {
	b.scope = &scope{parent: b.scope}
	b.depth++
	emit()
	b.useAll()
	b.depth--
	b.scope = b.scope.parent
}

// useAll folds those variables of the innermost scope that no statement needs to use.
func (b *body) useAll() {
	for _, v := range b.scope.variables {
		if !v.used {
			b.use(v)
			v.used = true
		}
	}
}

// complete writes some declarations, up to n statements and a return statement.
func (b *body) complete(declarations, n int) {
	b.scoped(func() {
		for range declarations {
			b.declaration()
		}
		b.statements(n)
		b.useAll()
		if len(b.results) > 0 {
			b.finish(3)
		}
	})
}

// use folds a variable if the function has a check.
func (b *body) use(v *variable) {
	if b.checkless() || v.typ.kind == function {
		b.line("_ = %s", v.name)
		return
	}
	b.cost += b.times
	b.fold(v.name, v.typ)
}

// checkless reports whether the function has no check.
func (b *body) checkless() bool { return b.pure || b.isolated }

// repeated calls emit for statements that run n times as often as the current one.
func (b *body) repeated(n int, emit func()) {
	b.times *= n
	emit()
	b.times /= n
}

// affordable reports whether the function can contain a loop or call of some cost.
func (b *body) affordable(cost int) bool { return b.cost+b.times*cost <= b.limit }

// site returns the number of the next fold.
func (p *program) site() int {
	p.sites++
	return p.sites
}

// fold writes a statement that folds a value into the checksum.
func (b *body) fold(value string, t *typ) {
	b.line("%s", b.folding(value, t, strconv.Itoa(b.site())))
}

// folding returns a statement that folds a value at a site.
func (p *program) folding(value string, t *typ, site string) string {
	format := "c.add(%[1]s, uint64(%[2]s))"
	switch {
	case t.integer():
	case t.kind == boolean:
		format = "c.bool(%[1]s, %[2]s)"
	case t.kind == float:
		format = "c.float(%[1]s, float64(%[2]s))"
	case t.kind == text:
		format = "c.string(%[1]s, %[2]s)"
	case t.kind == dynamic:
		format = "c.any(%[1]s, %[2]s)"
	default:
		format = p.fold(t) + "(c, %[1]s, %[2]s)"
	}
	return fmt.Sprintf(format, site, value)
}

// fold returns the name of the function that folds values of a composite type, and
// generates it at the first call. It folds the sum for a map, because Go yields the
// keys in random order.
func (p *program) fold(t *typ) string {
	name := "fold" + t.identifier()
	if p.folds[name] {
		return name
	}
	p.folds[name] = true
	text := "v.fold(c, site)"
	switch t.kind {
	case pointer:
		text = "if v != nil {\nv.fold(c, site)\n}"
	case array, slice:
		text = "c.add(site, uint64(len(v)))\nfor _, e := range v {\n" + p.folding("e", t.elem, "site") + "\n}"
	case mapping:
		text = "total := uint64(len(v))\nfor k, e := range v {\nc := &check{}\n" +
			p.folding("k", t.key, "site") + "\n" + p.folding("e", t.elem, "site") +
			"\ntotal += c.sum\n}\nc.add(site, total)"
	}
	p.declarations = append(p.declarations, fmt.Sprintf("func %s(c *check, site int, v %s) {\n%s\n}\n", name, t.name, text))
	return name
}

// bare removes the parentheses around an expression.
func bare(s string) string {
	if !strings.HasPrefix(s, "(") {
		return s
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"', '\'', '`':
			return s // with quoted parentheses perhaps
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 && i < len(s)-1 {
				return s
			}
		}
	}
	return s[1 : len(s)-1]
}
