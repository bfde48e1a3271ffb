package generator

import "fmt"

// An integerKind is a way to compute an integer. make returns "" where it is not
// possible.
type integerKind struct {
	weight int
	make   func(b *body, t *typ, n int) string
}

func integerKinds() []integerKind {
	return []integerKind{
		{12, (*body).leaf},
		{14, (*body).bitwise},
		{12, (*body).arithmetic},
		{8, (*body).shift},
		{8, (*body).division},
		{4, (*body).negated},
		{9, (*body).converted},
		{4, (*body).fromFloat},
		{7, (*body).counted},
		{3, (*body).wide},
		{3, (*body).extreme},
		{5, (*body).chosen},
		{4, (*body).length},
		{6, func(b *body, t *typ, n int) string { return b.call(t, n) }},
		{3, func(b *body, t *typ, n int) string {
			return fmt.Sprintf("%s(toInt(%s))", t.name, bare(b.condition(n-1)))
		}},
	}
}

// integer returns an expression of an integer type.
func (b *body) integer(t *typ, n int) string {
	if n <= 0 {
		return b.leaf(t, 0)
	}
	for {
		k := weighted(b.random, integerKinds(), func(k integerKind) int { return k.weight })
		if s := k.make(b, t, n); s != "" {
			return s
		}
	}
}

// leaf returns an operand without operators other than conversions.
func (b *body) leaf(t *typ, _ int) string {
	if s := b.place(t); s != "" && !b.percent(20) {
		return s
	}
	return b.converted(t, 0)
}

// converted returns an expression of another integer type, converted.
func (b *body) converted(t *typ, n int) string {
	if n > 0 {
		inner := b.integer(b.integerType(), n-1)
		if b.percent(30) {
			inner = pick(b.random, integerTypes...).name + "(" + bare(inner) + ")"
		}
		return t.name + "(" + bare(inner) + ")"
	}
	for range 4 {
		if s := b.place(pick(b.random, integerTypes...)); s != "" {
			return t.name + "(" + s + ")"
		}
	}
	return t.name + "(" + b.scalar() + ")"
}

// pair returns two operands, at most one of which is a constant.
func (b *body) pair(t *typ, n int) (x, y string) {
	x, y = b.expression(t, n-1), b.operand(t, n-1)
	for i := 0; i < 3 && x == y; i++ {
		y = b.operand(t, n-1)
	}
	if b.percent(30) {
		x, y = y, x
	}
	return x, y
}

// bitwise returns an expression with &, |, ^ or &^.
func (b *body) bitwise(t *typ, n int) string {
	x, y := b.pair(t, n)
	return "(" + x + pick(b.random, " & ", " & ", " & ", " | ", " ^ ", " &^ ") + y + ")"
}

func (b *body) arithmetic(t *typ, n int) string {
	x, y := b.pair(t, n)
	return "(" + x + pick(b.random, " + ", " - ", " * ") + y + ")"
}

// shift returns a shift. Its count may exceed the size of the operand; a signed one is
// seldom negative, because that is a run-time panic.
func (b *body) shift(t *typ, n int) string {
	op := pick(b.random, " << ", " >> ")
	constant := b.percent(15)
	x := t.name + "(" + b.literal(t) + ")"
	if !constant {
		x = b.expression(t, n-1)
	}
	switch {
	case b.percent(b.risk):
		return "(" + x + op + b.integer(pick(b.random, integerTypes...), n-1) + ")"
	case !constant && b.percent(25):
		return fmt.Sprintf("(%s%s%d)", x, op, b.n(t.bits+3))
	case b.percent(30):
		return fmt.Sprintf("(%s%s(%s & %d))", x, op, b.integer(pick(b.random, integerTypes...), n-1), pick(b.random, 7, 15, 31, 63, 127))
	}
	count := pick(b.random, integerTypes...)
	for count.kind != unsigned {
		count = pick(b.random, integerTypes...)
	}
	return "(" + x + op + b.integer(count, n-1) + ")"
}

// division returns a quotient or a remainder. The divisor is seldom 0, because that
// is a run-time panic.
func (b *body) division(t *typ, n int) string {
	x := b.expression(t, n-1)
	op := pick(b.random, " / ", " % ")
	if b.percent(b.risk) {
		return "(" + x + op + b.integer(t, n-1) + ")"
	}
	switch b.n(4) {
	case 0:
		return "(" + x + op + "(" + b.integer(t, n-1) + " | 1))"
	case 1:
		return fmt.Sprintf("(%s%snonzero(%s))", x, op, bare(b.integer(t, n-1)))
	case 2: // a constant dividend
		return fmt.Sprintf("(%s%snonzero(%s))", b.literal(t), op, bare(b.integer(t, n-1)))
	}
	for {
		if s, v := b.integerLiteral(t); v.Sign() != 0 {
			return "(" + x + op + s + ")"
		}
	}
}

func (b *body) negated(t *typ, n int) string {
	return pick(b.random, "(-", "(^", "(+") + b.expression(t, n-1) + ")"
}

// fromFloat returns a float that is converted. Go does not define the result where it
// is out of range, so the operand is limited.
func (b *body) fromFloat(t *typ, n int) string {
	if t.parameter {
		return ""
	}
	low, high := "-1", ""
	switch {
	case t.kind == signed && t.bits == 64:
		low, high = "-9223372036854777856", "9223372036854775808"
	case t.kind == signed:
		high = fmt.Sprint(int64(1) << (t.bits - 1))
		low = fmt.Sprint(-1<<(t.bits-1) - 1)
	case t.bits == 64:
		high = "18446744073709551616"
	default:
		high = fmt.Sprint(int64(1) << t.bits)
	}
	from := pick(b.random, float64Type, float64Type, float32Type)
	return fmt.Sprintf("%s(within(%s, %s, %s))", t.name, bare(b.float(from, n-1)), low, high)
}

// counted returns a call of a function of package math/bits.
func (b *body) counted(t *typ, n int) string {
	size := pick(b.random, "8", "16", "32", "64", "")
	operand := "uint" + size + "(" + bare(b.integer(b.integerType(), n-1)) + ")"
	switch f := pick(b.random, "LeadingZeros", "TrailingZeros", "OnesCount", "Len", "Reverse", "ReverseBytes", "RotateLeft"); f {
	case "ReverseBytes":
		if size == "8" {
			return ""
		}
		return fmt.Sprintf("%s(bits.%s%s(%s))", t.name, f, size, operand)
	case "RotateLeft":
		return fmt.Sprintf("%s(bits.%s%s(%s, %s))", t.name, f, size, operand, bare(b.operand(intType, n-1)))
	default:
		return fmt.Sprintf("%s(bits.%s%s(%s))", t.name, f, size, operand)
	}
}

// wide returns a result of arithmetic with 128 bits.
func (b *body) wide(t *typ, n int) string {
	x, y := b.pair(uint64Type, n-1)
	switch f := pick(b.random, "mulHigh", "addCarry", "subBorrow", "divide", "floatBits"); f {
	case "divide":
		return fmt.Sprintf("%s(divide(%s, %s, %s))", t.name, bare(x), bare(y), bare(b.integer(uint64Type, n-1)))
	case "floatBits":
		return fmt.Sprintf("%s(floatBits(%s))", t.name, bare(b.float(float64Type, n-1)))
	default:
		return fmt.Sprintf("%s(%s(%s, %s))", t.name, f, bare(x), bare(y))
	}
}

// extreme returns the least or the greatest of some values.
func (b *body) extreme(t *typ, n int) string {
	x, y := b.pair(t, n)
	s := pick(b.random, "min(", "max(") + bare(x) + ", " + bare(y)
	if b.percent(20) {
		s += ", " + bare(b.operand(t, n-1))
	}
	return s + ")"
}

// length returns a length, or a byte of a string.
func (b *body) length(t *typ, n int) string {
	if b.percent(40) {
		s := bare(b.string(n - 1))
		if b.percent(b.risk) {
			return fmt.Sprintf("%s(%s[%s])", t.name, "("+s+")", b.scalar())
		}
		return fmt.Sprintf("%s(byteAt(%s, int(%s)))", t.name, s, bare(b.integer(b.integerType(), n-1)))
	}
	for _, v := range b.visible() {
		if (v.typ.kind == slice || v.typ.kind == mapping) && b.percent(50) {
			return fmt.Sprintf("%s(len(%s))", t.name, v.name)
		}
	}
	return fmt.Sprintf("%s(len(%s))", t.name, bare(b.string(n-1)))
}
