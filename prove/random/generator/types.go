package generator

import (
	"fmt"
	"strings"
)

// A kind is the category of a type.
type kind int

const (
	boolean kind = iota
	signed
	unsigned
	float
	text
	array
	slice
	mapping
	structure
	pointer
	dynamic  // an interface
	function // of one parameter and one result
)

// A typ is a type of the generated program. Equal types are the same *typ.
type typ struct {
	kind   kind
	name   string // as the program spells it
	bits   int    // of integers and floats
	elem   *typ   // of arrays, slices, maps and pointers; the result of functions
	key    *typ   // of maps; the parameter of functions
	len    int    // of arrays
	fields []field
	// parameter marks a type parameter that stands for any integer type.
	parameter bool
	// named marks a type that the program declares. It has methods.
	named bool
}

// A field is a field of a structure.
type field struct {
	name     string
	typ      *typ
	embedded bool
}

func (t *typ) integer() bool { return t.kind == signed || t.kind == unsigned }

func (t *typ) numeric() bool { return t.integer() || t.kind == float }

func (t *typ) basic() bool { return t.kind <= text }

// comparable reports whether == may be used with values of the type.
func (t *typ) comparable() bool {
	switch t.kind {
	case slice, mapping, function, dynamic:
		return false
	case array:
		return t.elem.comparable()
	case structure:
		for _, f := range t.fields {
			if !f.typ.comparable() {
				return false
			}
		}
	}
	return true
}

var (
	boolType    = &typ{kind: boolean, name: "bool"}
	intType     = &typ{kind: signed, name: "int", bits: 64}
	int64Type   = &typ{kind: signed, name: "int64", bits: 64}
	uint8Type   = &typ{kind: unsigned, name: "uint8", bits: 8}
	uint64Type  = &typ{kind: unsigned, name: "uint64", bits: 64}
	float32Type = &typ{kind: float, name: "float32", bits: 32}
	float64Type = &typ{kind: float, name: "float64", bits: 64}
	stringType  = &typ{kind: text, name: "string"}
	anyType     = &typ{kind: dynamic, name: "any"}

	integerTypes = []*typ{
		intType, int64Type, uint8Type, uint64Type,
		{kind: signed, name: "int8", bits: 8},
		{kind: signed, name: "int16", bits: 16},
		{kind: signed, name: "int32", bits: 32},
		{kind: unsigned, name: "uint", bits: 64},
		{kind: unsigned, name: "uint16", bits: 16},
		{kind: unsigned, name: "uint32", bits: 32},
		{kind: unsigned, name: "uintptr", bits: 64},
	}
)

// composite returns the type that has a name, and makes it at the first call.
func (p *program) composite(t typ) *typ {
	if known := p.composites[t.name]; known != nil {
		return known
	}
	p.composites[t.name] = &t
	return &t
}

func (p *program) arrayOf(elem *typ, n int) *typ {
	return p.composite(typ{kind: array, name: fmt.Sprintf("[%d]%s", n, elem.name), elem: elem, len: n})
}

func (p *program) sliceOf(elem *typ) *typ {
	return p.composite(typ{kind: slice, name: "[]" + elem.name, elem: elem})
}

func (p *program) mapOf(key, elem *typ) *typ {
	return p.composite(typ{kind: mapping, name: "map[" + key.name + "]" + elem.name, key: key, elem: elem})
}

func (p *program) pointerTo(elem *typ) *typ {
	return p.composite(typ{kind: pointer, name: "*" + elem.name, elem: elem})
}

func (p *program) functionOf(param, result *typ) *typ {
	return p.composite(typ{kind: function, name: "func(" + param.name + ") " + result.name, key: param, elem: result})
}

// integerType returns a random integer type, sometimes one that the program declares.
func (p *program) integerType() *typ {
	if len(p.integers) > 0 && p.percent(12) {
		return pick(p.random, p.integers...)
	}
	return pick(p.random, integerTypes...)
}

// basicType returns a random type of basic kind, mostly an integer type.
func (p *program) basicType() *typ {
	switch n := p.n(20); {
	case n < 13:
		return p.integerType()
	case n < 16:
		return pick(p.random, float32Type, float64Type, float64Type)
	case n < 18:
		return stringType
	}
	return boolType
}

// valueType returns a random type of any kind that variables of tests have.
func (p *program) valueType() *typ {
	switch n := p.n(40); {
	case n < 24 || len(p.structs) == 0:
		return p.basicType()
	case n < 28:
		return p.arrayOf(p.elementType(), pick(p.random, 1, 2, 3, 4, 4, 8, 8, 16))
	case n < 31:
		return p.sliceOf(p.elementType())
	case n < 33:
		return p.mapOf(p.keyType(), p.basicType())
	case n < 36:
		return pick(p.random, p.structs...)
	case n < 38:
		return p.pointerTo(pick(p.random, p.structs...))
	}
	return pick(p.random, p.interfaces...).typ
}

// elementType returns a random type for the elements of arrays and slices.
func (p *program) elementType() *typ {
	if len(p.structs) > 0 && p.percent(15) {
		return pick(p.random, p.structs...)
	}
	return p.basicType()
}

// keyType returns a random type for the keys of maps. It is not a float, because a NaN is
// a new key each time.
func (p *program) keyType() *typ {
	if p.percent(25) {
		return stringType
	}
	return p.integerType()
}

// identifier returns the name of a type in a form that identifiers can contain.
func (t *typ) identifier() string {
	return strings.NewReplacer("[", "_", "]", "_", "*", "p", " ", "", "(", "_", ")", "_").Replace(t.name)
}
