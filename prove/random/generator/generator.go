// Package generator writes random Go programs. They end, they have the same result
// each time, and they print checksums of what they compute, so that the results on two
// engines can be compared.
//
// The programs use 64-bit int and uintptr. They avoid what the Go specification leaves
// open: the order in which operands with effects are evaluated, the order of maps and
// goroutines, fused floating-point operations, the bits of a NaN, and conversions of
// floats that are out of range.
package generator

import (
	_ "embed"
	"fmt"
	"go/format"
	"strings"
)

// inputs is how many inputs each function is called with.
const inputs = 24

var (
	//go:embed support/support.go
	supportText string
	//go:embed support/containers.go
	containersText string
)

// A Program is a generated program.
type Program struct {
	Seed      uint64
	Files     []File
	Functions []string // the names of the functions that it calls
}

// A File is a file of a program.
type File struct{ Name, Text string }

// A program is a program that is being generated.
type program struct {
	random
	Program
	declarations []string
	composites   map[string]*typ
	folds        map[string]bool
	constants    []*constant
	integers     []*typ // declared integer types
	structs      []*typ
	interfaces   []*abstraction
	globals      []*variable
	callables    []*callable
	iterators    []*callable
	checked      []*checked
	recursive    []*checked
	names        int // how many newName has returned
	sites        int // how many statements fold values
}

// Generate returns the program of a seed with n functions. The program is the same
// each time.
func Generate(seed uint64, n int) (*Program, error) {
	p := &program{random: newRandom(seed), composites: make(map[string]*typ), folds: make(map[string]bool)}
	p.Seed = seed
	p.declareInputs()
	p.declareConstants()
	p.declareIntegers()
	p.declareStructs()
	p.declareInterfaces()
	p.declareGlobals()
	p.declarePure()
	p.declareGenerics()
	p.declareIterators()
	p.declareRecursive()
	p.declareChecked()
	p.declareTests(n)
	p.declared("func main() {\nif runFunctions(functions, %d, reset) {\n%s\n}\n}", inputs, p.ending())
	text := strings.Join(p.declarations, "\n")
	formatted, err := format.Source([]byte("package main\n\n" + imports(text) + text))
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	p.Files = []File{
		{"go.mod", "module random\n\ngo 1.25\n"},
		{"main.go", string(formatted)},
		{"support.go", asMain(supportText)},
		{"containers.go", asMain(containersText)},
	}
	return &p.Program, nil
}

// asMain returns a file of package support as one of package main.
func asMain(text string) string {
	at := strings.Index(text, "package support\n")
	return "// This file is the same in all generated programs.\n\npackage main" + text[at+len("package support"):]
}

// imports returns the import declaration of a file.
func imports(text string) string {
	var b strings.Builder
	b.WriteString("import (\n")
	for _, path := range []string{"iter", "math", "math/bits", "os", "runtime", "slices", "strconv", "strings", "sync", "sync/atomic"} {
		if strings.Contains(text, path[strings.LastIndexByte(path, '/')+1:]+".") {
			fmt.Fprintf(&b, "%q\n", path)
		}
	}
	return b.String() + ")\n"
}

// ending returns the statements that end the program.
func (p *program) ending() string {
	switch p.n(8) {
	case 0:
		return fmt.Sprintf("os.Exit(%d)", p.between(1, 120))
	case 1:
		return `panic("the end")`
	case 2:
		return "functions[0].call(nil, 0)" // a nil dereference, which nothing recovers
	case 3:
		return "go func() { select {} }()"
	case 4:
		return fmt.Sprintf("done := make(chan int)\ngo func() { done <- %d }()\nos.Exit(<-done)", p.between(1, 120))
	}
	return `write("the end\n")`
}

// declareInputs declares the tables of inputs, and a function for each that returns an
// element. Go does not inline the functions, so it knows nothing about the values.
func (p *program) declareInputs() {
	for _, t := range append([]*typ{float32Type, float64Type, stringType, boolType}, integerTypes...) {
		name := title(t.name)
		p.declared("var table%s = [%d]%s{", name, inputs, t.name)
		for i := range inputs {
			p.declared("%s,", p.input(t, i))
		}
		p.declared("%s", p.fill("}\n\n//go:noinline\nfunc in$name(i int) $t { return table$name[uint(i)%$n] }", "name", name, "t", t, "n", inputs))
	}
}

// input returns element i of a table.
func (p *program) input(t *typ, i int) string {
	switch {
	case t.kind == float && i < 10:
		special := []string{"0", "math.Copysign(0, -1)", "math.NaN()", "math.Inf(1)", "math.Inf(-1)", "1", "-1", "0.5", "1e-40", "3e38"}
		return t.name + "(" + special[i] + ")"
	case t.kind == float:
		return p.floatLiteral()
	}
	return p.literal(t)
}
