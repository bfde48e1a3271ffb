package generator

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"testing"
)

// functions is how many functions the programs of the tests have.
const functions = 24

// A checkedProgram is a program with its syntax and types.
type checkedProgram struct {
	files []*ast.File
	info  *types.Info
}

var (
	fset     = token.NewFileSet()
	packages = importer.ForCompiler(fset, "source", nil)
)

// typeCheck parses and checks a program.
func typeCheck(t *testing.T, p *Program) *checkedProgram {
	t.Helper()
	c := &checkedProgram{info: &types.Info{
		Types:      make(map[ast.Expr]types.TypeAndValue),
		Uses:       make(map[*ast.Ident]types.Object),
		Defs:       make(map[*ast.Ident]types.Object),
		Instances:  make(map[*ast.Ident]types.Instance),
		Selections: make(map[*ast.SelectorExpr]*types.Selection),
	}}
	for _, f := range p.Files {
		if f.Name == "go.mod" {
			continue
		}
		file, err := parser.ParseFile(fset, f.Name, f.Text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("seed %d: %v", p.Seed, err)
		}
		c.files = append(c.files, file)
	}
	failed := 0
	config := types.Config{Importer: packages, GoVersion: "go1.25", Error: func(err error) {
		if failed++; failed < 10 {
			t.Errorf("seed %d: %v", p.Seed, err)
		}
	}}
	config.Check("main", fset, c.files, c.info)
	if failed > 0 {
		t.FailNow()
	}
	return c
}

func generate(t *testing.T, seed uint64) *Program {
	t.Helper()
	p, err := Generate(seed, functions)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGenerate requires that a seed always has the same program, that gofmt does not
// change it, and that it has the functions that were asked for.
func TestGenerate(t *testing.T) {
	for seed := range uint64(8) {
		p := generate(t, seed)
		for i, f := range generate(t, seed).Files {
			if f != p.Files[i] {
				t.Errorf("seed %d has two different files %s", seed, f.Name)
			}
		}
		if len(p.Functions) != functions {
			t.Errorf("seed %d has the functions %v, want %d", seed, p.Functions, functions)
		}
		for _, f := range p.Files {
			if f.Name == "go.mod" {
				continue
			}
			formatted, err := format.Source([]byte(f.Text))
			if err != nil || !bytes.Equal(formatted, []byte(f.Text)) {
				t.Errorf("seed %d: gofmt changes %s: %v", seed, f.Name, err)
			}
		}
	}
	if slices.Equal(generate(t, 1).Files, generate(t, 2).Files) {
		t.Error("seeds 1 and 2 have the same program")
	}
}

// TestTypes type-checks the programs of some seeds that other tests do not check.
func TestTypes(t *testing.T) {
	seeds := []uint64{0, 1 << 32, 1<<64 - 1, 1000, 1001, 1002, 1003, 1004}
	if testing.Short() {
		seeds = seeds[:2]
	}
	for _, seed := range seeds {
		typeCheck(t, generate(t, seed))
	}
}

// TestRandom requires that all numbers in the range occur.
func TestRandom(t *testing.T) {
	r := newRandom(1)
	seen := make(map[int]bool)
	for range 1000 {
		n := r.between(-2, 3)
		if n < -2 || n > 3 {
			t.Fatalf("between(-2, 3) is %d", n)
		}
		seen[n] = true
	}
	if len(seen) != 6 {
		t.Errorf("between(-2, 3) returned %v in 1000 calls", seen)
	}
	counts := make(map[string]int)
	for range 1000 {
		counts[weighted(r, []string{"a", "bbb"}, func(s string) int { return len(s) })]++
	}
	if counts["a"] < 150 || counts["a"] > 350 || counts["a"]+counts["bbb"] != 1000 {
		t.Errorf("weights of 1 and 3 returned %v", counts)
	}
}

func TestBare(t *testing.T) {
	for in, want := range map[string]string{
		"(a + b)":        "a + b",
		"((a))":          "(a)",
		"(a) + (b)":      "(a) + (b)",
		`(a + ")")`:      `(a + ")")`,
		"f(a)":           "f(a)",
		"(f)(a)":         "(f)(a)",
		"(x & y)>>(z&3)": "(x & y)>>(z&3)",
	} {
		if got := bare(in); got != want {
			t.Errorf("bare(%q) is %q, want %q", in, got, want)
		}
	}
}
