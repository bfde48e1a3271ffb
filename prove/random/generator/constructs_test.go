package generator

import (
	"fmt"
	"go/ast"
	exact "go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// TestConstructs requires that 20 programs have every construct that this package
// promises, in the form of wanted.
func TestConstructs(t *testing.T) {
	seeds := 20
	if testing.Short() {
		t.Skip("generates and checks 20 programs; run without -short")
	}
	count := make(constructs)
	for seed := range seeds {
		c := typeCheck(t, generate(t, uint64(seed+1)))
		for _, file := range c.files {
			if fset.File(file.Pos()).Name() == "main.go" {
				count.file(c.info, file)
			}
		}
	}
	for _, name := range wanted() {
		if count[name] == 0 {
			t.Errorf("no %s in %d programs", name, seeds)
		}
	}
	names := []string{}
	for name := range count {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return count[a] - count[b] })
	for _, name := range names[:min(20, len(names))] {
		t.Logf("%4d %s", count[name], name)
	}
}

// wanted returns the names of all constructs that have to occur.
func wanted() []string {
	list := strings.Split(strings.TrimSpace(constructNames), "\n")
	kinds := []string{"int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr"}
	relations := []string{"<", "<=", ">", ">=", "==", "!="}
	for _, k := range kinds {
		for _, op := range []string{"+", "-", "*", "/", "%", "&", "|", "^", "&^", "<<", ">>"} {
			list = append(list, k+" "+op)
		}
		for _, op := range []string{"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "&^=", "<<=", ">>=", "++", "--"} {
			list = append(list, "assign "+op)
		}
		for _, r := range relations {
			list = append(list, k+" "+r, "zero left "+r+" "+k, "zero right "+r+" "+k)
		}
		for _, other := range append(kinds, "float32", "float64") {
			if other != k {
				list = append(list, "convert "+other+" to "+k)
			}
		}
		for _, f := range []string{"float32", "float64"} {
			list = append(list, "convert "+k+" to "+f)
		}
	}
	for _, r := range relations {
		for _, op := range []string{"&", "|", "^", "&^", "<<", ">>", "+", "-"} {
			list = append(list, "zero left "+r+" "+op, "zero right "+r+" "+op)
		}
		list = append(list, "float32 "+r, "float64 "+r, "string "+r)
	}
	for _, f := range []string{"float32", "float64"} {
		for _, op := range []string{"+", "-", "*", "/"} {
			list = append(list, f+" "+op)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// constructNames are the names of constructs besides those of operators.
const constructNames = `
if
if with init
else
else if
for with three parts
for with condition
for without condition
range int
range slice
range array
range pointer
range string
range map
range chan
range func
range without variables
switch with tag
switch without tag
switch with init
switch string
switch with default before the end
fallthrough
type switch
break
break label
continue
continue label
goto forward
goto backward
&&
||
!
bool ==
bool !=
array ==
struct ==
nil ==
interface ==
shift by signed count
shift by too large a constant
unary -
unary ^
unary +
unary &
unary *
rune to string
bytes to string
runes to string
string to bytes
string to runes
slice to array
string +
index string
index slice
index array
index map
slice string
slice slice
slice array
slice with three indices
comma ok map
comma ok chan
comma ok assertion
assertion
call append
call append spread
call copy
call clear
call len
call cap
call make
call delete
call min
call max
call new
call close
call panic
call recover
call through interface
call of closure
call of method value
call of generic function
call with type arguments
call of variadic function
call with spread
method expression
promoted method
promoted field
embedded struct
embedded pointer
embedded interface
struct in struct
array of structs
generic function
generic type argument
named integer type
method with pointer receiver
method with value receiver
function literal
function literal that assigns
defer
defer in loop
defer method
defer of function literal
named results
several results
variadic
recursive
noinline
go
send
receive
select
select with default
constant with type
constant without type
iota
global
composite map
composite struct
composite array with index
bits.LeadingZeros64
bits.TrailingZeros32
bits.OnesCount16
bits.Len8
bits.Reverse64
bits.ReverseBytes32
bits.RotateLeft8
bits.RotateLeft64
bits.Mul64
bits.Add64
bits.Sub64
bits.Div64
math.Sqrt
math.Floor
math.Copysign
math.FMA
math.Frexp
math.Modf
math.Ldexp
math.Float64frombits
math.Float32frombits
math.NaN
math.Inf
sync.Mutex
sync.RWMutex
sync.WaitGroup
sync.Once
sync.NewCond
atomic.Uint64
runtime.Gosched
runtime.Goexit
iter.Seq2
os.Exit
strings.HasPrefix
strconv.Itoa
slices.Reverse
`

// A constructs counts the constructs of programs.
type constructs map[string]int

// binary counts an operator with operands.
func (c constructs) binary(info *types.Info, e *ast.BinaryExpr) {
	op := e.Op.String()
	t := info.TypeOf(e.X)
	if isNil(info, e.Y) {
		c["nil "+op]++
		return
	}
	switch e.Op {
	case token.LAND, token.LOR:
		c[op]++
		return
	case token.SHL, token.SHR:
		if info.Types[e].Value != nil {
			return
		}
		c.shift(info, e)
		t = info.TypeOf(e)
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		if b, ok := t.Underlying().(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
			t = info.TypeOf(e.Y)
		}
		c.zero(info, "left", e.X, e.Y, op)
		c.zero(info, "right", e.Y, e.X, op)
	}
	c[kindOf(t)+" "+op]++
}

// zero counts a comparison of an integer with 0, which is on one side of it.
func (c constructs) zero(info *types.Info, side string, zero, other ast.Expr, op string) {
	v := info.Types[zero].Value
	if v == nil || v.Kind() != exact.Int || exact.Sign(v) != 0 || info.Types[other].Value != nil {
		return
	}
	c[fmt.Sprintf("zero %s %s %s", side, op, kindOf(info.TypeOf(other)))]++
	if b, ok := ast.Unparen(other).(*ast.BinaryExpr); ok {
		c[fmt.Sprintf("zero %s %s %s", side, op, b.Op)]++
	}
}

func (c constructs) shift(info *types.Info, e *ast.BinaryExpr) {
	if b, ok := info.TypeOf(e.Y).Underlying().(*types.Basic); ok && b.Info()&types.IsUnsigned == 0 && info.Types[e.Y].Value == nil {
		c["shift by signed count"]++
	}
	if n, ok := exact.Uint64Val(exact.ToInt(orZero(info.Types[e.Y].Value))); ok && n >= 8 && kindOf(info.TypeOf(e)) == "int8" {
		c["shift by too large a constant"]++
	}
}

func orZero(v exact.Value) exact.Value {
	if v == nil {
		return exact.MakeInt64(0)
	}
	return v
}

func isNil(info *types.Info, e ast.Expr) bool {
	return info.Types[e].IsNil()
}

// kindOf returns the name of a basic type, or what another type is made of.
func kindOf(t types.Type) string {
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		return p.String()
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return types.Typ[u.Kind()].Name() // byte and rune are other names
	case *types.Slice:
		return "slice"
	case *types.Array:
		return "array"
	case *types.Map:
		return "map"
	case *types.Struct:
		return "struct"
	case *types.Pointer:
		return "pointer"
	case *types.Chan:
		return "chan"
	case *types.Signature:
		return "func"
	case *types.Interface:
		return "interface"
	}
	return ""
}
