package generator

import "fmt"

// float returns an expression of a float type. Products are converted, which keeps Go
// from fusing them with sums on CPUs that have an instruction for that.
func (b *body) float(t *typ, n int) string {
	if n <= 0 {
		if s := b.place(t); s != "" && b.percent(75) {
			return s
		}
		return t.name + "(" + b.scalar() + ")"
	}
	x, y := b.pair(t, n)
	switch b.n(16) {
	case 0, 1:
		return "(" + x + pick(b.random, " + ", " - ") + y + ")"
	case 2:
		return t.name + "(" + x + " * " + y + ")"
	case 3:
		return "(" + x + " / " + b.float(t, n-1) + ")"
	case 4:
		return "(-" + b.float(t, n-1) + ")"
	case 5, 6:
		return t.name + "(" + bare(b.integer(b.integerType(), n-1)) + ")"
	case 7:
		other := float32Type
		if t == other {
			other = float64Type
		}
		return t.name + "(" + bare(b.float(other, n-1)) + ")"
	case 8:
		return pick(b.random, "min(", "max(") + x + ", " + bare(y) + ")"
	case 9:
		return b.chosen(t, n)
	case 10, 11:
		return t.name + "(" + b.mathCall(n) + ")"
	case 12:
		if t == float32Type {
			return "math.Float32frombits(uint32(" + bare(b.integer(b.integerType(), n-1)) + "))"
		}
		return "math.Float64frombits(" + bare(b.integer(uint64Type, n-1)) + ")"
	case 13:
		if s := b.call(t, n); s != "" {
			return s
		}
	}
	return b.float(t, 0)
}

// mathCall returns a call of a function of package math that is exact. Go computes
// those with one instruction where the CPU has it.
func (b *body) mathCall(n int) string {
	x := bare(b.float(float64Type, n-1))
	switch f := pick(b.random, "Sqrt", "Floor", "Ceil", "Trunc", "RoundToEven", "Round", "Abs", "Copysign", "FMA", "Ldexp"); f {
	case "Copysign":
		// The sign of a NaN differs between engines.
		return fmt.Sprintf("math.Copysign(%s, within(%s, -1e300, 1e300))", x, bare(b.float(float64Type, n-1)))
	case "FMA":
		return fmt.Sprintf("math.FMA(%s, %s, %s)", x, bare(b.float(float64Type, n-1)), bare(b.float(float64Type, n-1)))
	case "Ldexp":
		return fmt.Sprintf("math.Ldexp(%s, int(%s)%%1100)", x, b.scalar())
	default:
		return fmt.Sprintf("math.%s(%s)", f, x)
	}
}

// string returns an expression of type string.
func (b *body) string(n int) string {
	if n <= 0 {
		if s := b.place(stringType); s != "" && b.percent(75) {
			return s
		}
		return fmt.Sprintf("string(rune(%s))", b.scalar())
	}
	switch b.n(12) {
	case 0, 1, 2:
		x, y := b.pair(stringType, n)
		return "(" + x + " + " + y + ")"
	case 3, 4:
		return fmt.Sprintf("part(%s, int(%s), int(%s))", bare(b.string(n-1)), bare(b.integer(b.integerType(), n-1)), bare(b.integer(b.integerType(), 0)))
	case 5:
		return b.chosen(stringType, n)
	case 6:
		return fmt.Sprintf("string(rune(%s))", bare(b.integer(b.integerType(), n-1)))
	case 7:
		return fmt.Sprintf("strconv.Itoa(int(%s))", bare(b.integer(b.integerType(), n-1)))
	case 8:
		return fmt.Sprintf("string([]byte{%s, %s})", bare(b.operand(uint8Type, n-1)), bare(b.operand(uint8Type, n-1)))
	case 9:
		if b.percent(b.risk) {
			return fmt.Sprintf("(%s)[%s:%s]", bare(b.string(n-1)), b.scalar(), b.scalar())
		}
		return fmt.Sprintf("string([]rune(%s))", bare(b.string(n-1)))
	case 10:
		if s := b.call(stringType, n); s != "" {
			return s
		}
	}
	return b.string(0)
}
