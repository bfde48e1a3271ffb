package generator

import (
	"fmt"
	"strings"
)

// A checked is a function that folds values.
type checked struct {
	name     string
	params   []*typ
	variadic *typ // the type of the last parameters, or nil
	results  []*typ
	cost     int
	frame    int  // the size of the frame of a recursive function in words
	twice    bool // a recursive function calls itself twice
}

// newBody returns the body of a function with parameters.
func (p *program) newBody(types []*typ, names []string) *body {
	b := &body{program: p, times: 1, limit: 300, most: 20, risk: 1, scope: &scope{function: true}}
	for i, t := range types {
		v := &variable{name: names[i], typ: t}
		switch t.kind {
		case function, pointer, mapping:
			v.fixed = true
		}
		b.declare(v)
	}
	return b
}

// function writes the statements of a function literal and its return statement.
func (b *body) function(types []*typ, names []string, results []*typ) {
	outer := *b
	inner := b.newBody(types, names)
	inner.scope.parent = outer.scope
	b.scope, b.loops, b.named, b.noReturn, b.results = inner.scope, nil, nil, false, results
	b.complete(0, b.between(1, 3))
	b.scope, b.loops, b.named, b.noReturn, b.results = outer.scope, outer.loops, outer.named, outer.noReturn, outer.results
}

// pureBody writes the statements of a function without effects.
func (b *body) pureBody(result *typ) {
	b.results = []*typ{result}
	b.complete(b.n(2), b.between(0, 3))
}

// signature returns the list of parameters of a declaration.
func signature(types []*typ, names []string) string {
	var list []string
	for i, t := range types {
		list = append(list, names[i]+" "+t.name)
	}
	return strings.Join(list, ", ")
}

// parameters returns the types and names of parameters of a function: two integers
// and others.
func (p *program) parameters(prefix string, more int, other func() *typ) (types []*typ, names []string) {
	types = []*typ{p.integerType(), p.integerType()}
	for range more {
		types = append(types, other())
	}
	for i := range types {
		names = append(names, fmt.Sprintf("%s%d", prefix, i))
	}
	return types, names
}

// declarePure declares functions without effects, which expressions call.
func (p *program) declarePure() {
	for i := range 14 {
		types, names := p.parameters("p", p.n(3), p.basicType)
		switch {
		case i%7 == 3:
			types[1] = pick(p.random, p.structs...)
		case i%7 == 5:
			types[1] = p.arrayOf(p.integerType(), 4)
		}
		result := p.basicType()
		if i%7 == 6 {
			result = pick(p.random, p.structs...)
		}
		b := p.newBody(types, names)
		b.pure, b.limit = true, 40
		f := &callable{name: fmt.Sprintf("h%d", i), params: types, result: result}
		b.line("%sfunc %s(%s) %s {", p.pragma(), f.name, signature(types, names), result.name)
		b.pureBody(result)
		b.line("}")
		p.declared("%s", b.text)
		f.cost = b.cost + 1
		p.callables = append(p.callables, f)
	}
}

// declareGenerics declares functions with a type parameter, and makes them known with
// several types in place of it.
func (p *program) declareGenerics() {
	t := &typ{kind: signed, bits: 8, name: "T", parameter: true}
	for i := range 6 {
		b := p.newBody([]*typ{t, t, intType}, []string{"x", "y", "n"})
		b.pure, b.limit, b.parameter, b.results = true, 80, t, []*typ{t}
		name := fmt.Sprintf("generic%d", i)
		b.line("%sfunc %s[T integer](x, y T, n int) T {", p.pragma(), name)
		b.complete(1, p.between(2, 5))
		b.line("}")
		p.declared("%s", b.text)
		for range 5 {
			of := p.integerType()
			p.callables = append(p.callables, &callable{name: fmt.Sprintf("%s[%s]", name, of.name), params: []*typ{of, of, intType}, result: of, cost: b.cost + 1})
		}
	}
	p.declared(`func number[T integer | float](x, y T, n int) T {
	for range n & 7 {
		if T(x*y) %s x || y %s 0 {
			y = min(T(y*2) %s x, y)
		} else {
			x = T(x*3) %s y
		}
	}
	return x %s y
}
func viaMethod[S I0](s S, n int) int64 {
	total := s.get()
	for range n & 3 {
		total = total*%d + s.get()
	}
	return total
}`, pick(p.random, "<", ">="), pick(p.random, "<=", ">"), pick(p.random, "+", "-"), pick(p.random, "+", "-"), pick(p.random, "+", "-"), p.between(2, 99))
	for _, of := range []*typ{float64Type, float32Type, p.integerType(), p.integerType()} {
		p.callables = append(p.callables, &callable{name: "number[" + of.name + "]", params: []*typ{of, of, intType}, result: of, cost: 30})
	}
	for _, of := range []*typ{p.integers[0], p.structs[0], p.pointerTo(p.structs[1]), p.interfaces[1].typ} {
		p.callables = append(p.callables, &callable{name: "viaMethod[" + of.name + "]", params: []*typ{of, intType}, result: int64Type, cost: 60})
	}
}

// declareChecked declares functions that fold values and have several results. Some
// are variadic, some change what their parameters point to.
func (p *program) declareChecked() {
	for i := range 5 {
		types, names := p.parameters("p", p.n(3), p.valueType)
		f := &checked{name: fmt.Sprintf("checked%d", i), params: types}
		list := signature(types, names)
		all, allNames := types, names
		if i%2 == 0 {
			f.variadic = p.basicType()
			list += ", more ..." + f.variadic.name
			all, allNames = append(all[:len(all):len(all)], p.sliceOf(f.variadic)), append(names[:len(names):len(names)], "more")
		}
		b := p.newBody(all, allNames)
		b.limit = 120
		for range p.between(1, 3) {
			f.results = append(f.results, p.valueType())
		}
		p.wholeFunction(b, f, list, p.between(2, 5))
	}
}

// wholeFunction writes a function that folds values, with up to n statements. Half of them name the results.
func (p *program) wholeFunction(b *body, f *checked, params string, n int) {
	var list []string
	named := p.percent(50)
	b.results = f.results
	for i, t := range f.results {
		if !named {
			list = append(list, t.name)
			continue
		}
		v := &variable{name: fmt.Sprintf("r%d", i), typ: t, used: true, fixed: t.kind == mapping || t.kind == pointer || t.kind == function}
		b.named = append(b.named, v.name)
		list = append(list, v.name+" "+t.name)
		if t.kind != pointer { // which is nil at first
			b.declare(v)
		}
	}
	b.line("//go:noinline\nfunc %s(c *check, %s) (%s) {", f.name, params, strings.Join(list, ", "))
	b.complete(n/3, n)
	b.line("}")
	f.cost = b.cost + 1
	p.declared("%s", b.text)
	p.checked = append(p.checked, f)
}

// declareTests declares the functions that the program calls with each input.
func (p *program) declareTests(n int) {
	var table strings.Builder
	for i := range n {
		name := fmt.Sprintf("f%02d", i)
		test := p.declareTest
		if i%4 == 1 {
			test = p.declareDecision
		}
		p.Functions = append(p.Functions, name)
		fmt.Fprintln(&table, p.tableEntry(test(name)))
	}
	p.declared("var functions = []testFunction{\n%s}", table.String())
}

// declareTest declares a function with statements of all kinds.
func (p *program) declareTest(name string) *checked {
	types, names := p.parameters("p", p.between(1, 4), p.valueType)
	f := &checked{name: name, params: types}
	for range p.n(4) {
		f.results = append(f.results, p.valueType())
	}
	b := p.newBody(types, names)
	b.limit, b.most = 3000, 60
	known := p.checked
	p.wholeFunction(b, f, signature(types, names), p.between(8, 12))
	p.checked = known // which others are not to call
	return f
}

// tableEntry returns the entry of a function in the table of the program. It computes
// the arguments from the number of the input and folds the results.
func (p *program) tableEntry(f *checked) string {
	var arguments, results []string
	var folds strings.Builder
	for _, t := range f.params {
		arguments = append(arguments, p.argument(t))
	}
	for i, t := range f.results {
		results = append(results, fmt.Sprintf("r%d", i))
		fmt.Fprintln(&folds, p.folding(results[i], t, fmt.Sprint(p.site())))
	}
	call := fmt.Sprintf("%s(c, %s)", f.name, strings.Join(arguments, ", "))
	if len(results) > 0 {
		call = strings.Join(results, ", ") + " := " + call
	}
	return fmt.Sprintf("{%q, func(c *check, input int) {\n%s\n%s}},", f.name, call, folds.String())
}

// argument returns a value of a type that depends on the number of the input.
func (p *program) argument(t *typ) string {
	index := fmt.Sprintf("(input*%d + %d)", p.between(1, 23), p.n(inputs))
	switch t.kind {
	case array, slice:
		n := t.len
		if t.kind == slice {
			n = p.n(9)
		}
		var list []string
		for range n {
			list = append(list, p.argument(t.elem))
		}
		return t.name + "{" + strings.Join(list, ", ") + "}"
	case mapping:
		return fmt.Sprintf("map[%s]%s{%s: %s}", t.key.name, t.elem.name, p.argument(t.key), p.argument(t.elem))
	case structure:
		var list []string
		for _, f := range t.fields {
			list = append(list, f.name+": "+p.argument(f.typ))
		}
		return t.name + "{" + strings.Join(list, ", ") + "}"
	case pointer:
		return "&" + p.argument(t.elem)
	case dynamic:
		return fmt.Sprintf("new%s(%s, %s)", title(t.name), p.argument(uint8Type), p.argument(int64Type))
	}
	if t.named {
		return fmt.Sprintf("%s(inInt64(%s))", t.name, bare(index))
	}
	return fmt.Sprintf("in%s(%s)", title(t.name), bare(index))
}

// title returns a name with a capital letter at the beginning.
func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
