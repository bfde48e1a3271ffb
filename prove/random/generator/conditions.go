package generator

import (
	"fmt"
	"math/big"
)

// A conditionKind is a way to compute a boolean. make returns "" where it is not
// possible.
type conditionKind struct {
	weight int
	make   func(b *body, n int) string
}

func conditionKinds() []conditionKind {
	return []conditionKind{
		{30, (*body).signTest},
		{18, (*body).comparison},
		{18, (*body).combination},
		{6, (*body).bitTest},
		{6, (*body).rangeTest},
		{6, (*body).floatTest},
		{5, (*body).stringTest},
		{3, (*body).booleanTest},
		{3, (*body).compositeTest},
		{3, (*body).nilTest},
		{8, func(b *body, _ int) string { return b.place(boolType) }},
		{5, func(b *body, n int) string { return b.call(boolType, n) }},
		{5, func(b *body, n int) string { return "!(" + bare(b.condition(n-1)) + ")" }},
		{1, func(b *body, n int) string { return b.chosen(boolType, n) }},
	}
}

// condition returns a boolean expression.
func (b *body) condition(n int) string {
	if n <= 0 {
		if s := b.place(boolType); s != "" && b.percent(40) {
			return s
		}
		return b.comparison(0)
	}
	for {
		k := weighted(b.random, conditionKinds(), func(k conditionKind) int { return k.weight })
		if s := k.make(b, n); s != "" {
			return s
		}
	}
}

// relation returns an operator that compares, more often one that orders.
func (b *body) relation() string {
	return pick(b.random, " < ", " <= ", " > ", " >= ", " < ", " <= ", " > ", " >= ", " == ", " != ")
}

// signTest compares an expression with 0, on either side. Compilers have special
// instructions for many of these.
func (b *body) signTest(n int) string {
	t := b.localInteger()
	if !t.parameter && b.percent(35) {
		t = pick(b.random, intType, int64Type) // which need no extension after an operation
	}
	var x string
	switch k := b.n(20); {
	case k < 6:
		x = b.bitwise(t, 0)
	case k < 11:
		x = b.bitwise(t, n-1)
	case k < 14:
		x = b.shift(t, n-1)
	case k < 16:
		x = b.arithmetic(t, n-1)
	case k < 17:
		x = b.negated(t, n-1)
	case k < 18:
		x = b.division(t, n-1)
	default:
		x = b.integer(t, n-1)
	}
	zero := "0"
	if b.percent(12) {
		zero = "1"
		if t.kind == signed && !t.parameter && b.percent(50) {
			zero = "-1"
		}
	}
	if b.percent(40) {
		return "(" + zero + b.relation() + x + ")"
	}
	return "(" + x + b.relation() + zero + ")"
}

// localInteger returns an integer type, sometimes the type parameter of the function.
func (b *body) localInteger() *typ {
	if b.parameter != nil && b.percent(70) {
		return b.parameter
	}
	return b.integerType()
}

// comparison compares two integers.
func (b *body) comparison(n int) string {
	x, y := b.pair(b.localInteger(), n)
	return "(" + x + b.relation() + y + ")"
}

// combination joins two or three conditions.
func (b *body) combination(n int) string {
	and, or := " && ", " || "
	if b.percent(50) {
		and, or = or, and
	}
	x, y := b.condition(n-1), b.condition(n-1)
	switch b.n(4) {
	case 0:
		return "(" + x + and + y + and + b.condition(n-2) + ")"
	case 1:
		return "(" + x + and + "(" + y + or + b.condition(n-2) + "))"
	}
	return "(" + x + and + y + ")"
}

// bitTest tests one bit.
func (b *body) bitTest(n int) string {
	t := b.localInteger()
	x := b.expression(t, n-1)
	zero := pick(b.random, " == 0", " != 0")
	switch b.n(3) {
	case 0:
		return fmt.Sprintf("(%s>>%d&1%s)", x, b.n(t.bits), pick(b.random, " == 1", " != 1", zero))
	case 1:
		return fmt.Sprintf("(%s&(%s(1)<<(%s&%d))%s)", x, t.name, b.integer(uint8Type, n-2), t.bits-1, zero)
	}
	return "(" + x + "&1" + zero + ")"
}

// rangeTest tests whether an integer is between two constants.
func (b *body) rangeTest(n int) string {
	t := b.localInteger()
	x := b.leaf(t, 0)
	if b.percent(30) {
		x = b.integer(t, n-1)
	}
	low, lowValue := b.integerLiteral(t)
	high, highValue := b.integerLiteral(t)
	if lowValue.Cmp(highValue) > 0 {
		low, high = high, low
	}
	if span := new(big.Int).Sub(highValue, lowValue); b.percent(25) && span.IsInt64() && !t.parameter {
		return fmt.Sprintf("(uint64(%s)-%d <= %d)", bare(x), b.n(100), span.Abs(span))
	}
	if b.percent(50) {
		return fmt.Sprintf("(%s <= %s && %s < %s)", low, x, x, high)
	}
	return fmt.Sprintf("(%s < %s || %s <= %s)", x, low, high, x)
}

func (b *body) floatTest(n int) string {
	t := pick(b.random, float32Type, float64Type, float64Type)
	x, y := b.pair(t, n)
	if b.percent(20) {
		y = "0"
		x = b.float(t, n-1)
	}
	if b.percent(8) {
		x = b.float(t, 0)
		y = x
	}
	if b.percent(6) {
		return fmt.Sprintf("math.IsInf(float64(%s), %d)", bare(b.float(t, n-1)), b.n(3)-1)
	}
	return "(" + x + b.relation() + y + ")"
}

func (b *body) stringTest(n int) string {
	x, y := b.pair(stringType, n)
	if b.percent(20) {
		return fmt.Sprintf("strings.%s(%s, %s)", pick(b.random, "HasPrefix", "HasSuffix", "Contains", "EqualFold"), bare(x), bare(y))
	}
	return "(" + x + b.relation() + y + ")"
}

func (b *body) booleanTest(n int) string {
	return "(" + b.condition(n-1) + pick(b.random, " == ", " != ") + b.condition(n-1) + ")"
}

// compositeTest compares arrays or structures.
func (b *body) compositeTest(n int) string {
	for _, v := range b.visible() {
		if v.typ.comparable() && (v.typ.kind == array || v.typ.kind == structure) && b.percent(50) {
			return "(" + v.name + pick(b.random, " == ", " != ") + b.expression(v.typ, n-1) + ")"
		}
	}
	return ""
}

// nilTest compares a pointer, slice, map or interface with nil.
func (b *body) nilTest(int) string {
	for _, v := range b.visible() {
		switch v.typ.kind {
		case slice, mapping, pointer, dynamic, function:
			if b.percent(50) {
				return "(" + v.name + pick(b.random, " == ", " != ") + "nil)"
			}
		}
	}
	return ""
}
