package generator

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// A constant is an integer constant that the program declares.
type constant struct {
	name  string
	value *big.Int
	typ   *typ // nil if the constant has no type
}

// limits returns the least and the greatest value of an integer type.
func (t *typ) limits() (low, high *big.Int) {
	if t.parameter {
		return big.NewInt(0), big.NewInt(127)
	}
	one := big.NewInt(1)
	if t.kind == unsigned {
		high = new(big.Int).Lsh(one, uint(t.bits))
		return new(big.Int), high.Sub(high, one)
	}
	high = new(big.Int).Lsh(one, uint(t.bits-1))
	low = new(big.Int).Neg(high)
	return low, high.Sub(high, one)
}

// integerValue returns a value of t. It prefers those where programs and compilers
// make mistakes: 0, 1, -1, the limits, powers of two and their neighbours.
func (p *program) integerValue(t *typ) *big.Int {
	low, high := t.limits()
	v := new(big.Int)
	switch p.n(12) {
	case 0, 1:
	case 2:
		v.SetInt64(1)
	case 3:
		v.SetInt64(-1)
	case 4:
		v.Add(low, big.NewInt(int64(p.n(2))))
	case 5:
		v.Sub(high, big.NewInt(int64(p.n(2))))
	case 6, 7:
		v.Lsh(big.NewInt(1), uint(p.n(t.bits)))
		v.Add(v, big.NewInt(int64(p.n(3)-1)))
	case 8:
		v.Lsh(big.NewInt(-1), uint(p.n(t.bits)))
	case 9, 10:
		v.SetInt64(int64(p.n(100)))
	default:
		v.SetUint64(p.bits() >> (64 - t.bits))
	}
	if v.Cmp(low) < 0 || v.Cmp(high) > 0 {
		v.SetInt64(int64(p.n(128)))
	}
	return v
}

// integerLiteral returns a constant of t, and its value.
func (p *program) integerLiteral(t *typ) (string, *big.Int) {
	if p.percent(12) {
		if c := p.constantOf(t); c != nil {
			return c.name, c.value
		}
	}
	v := p.integerValue(t)
	return p.spelled(v), v
}

// constantOf returns a declared constant that can be used as a value of t, or nil.
func (p *program) constantOf(t *typ) *constant {
	low, high := t.limits()
	var fit []*constant
	for _, c := range p.constants {
		if (c.typ == nil || c.typ == t) && c.value.Cmp(low) >= 0 && c.value.Cmp(high) <= 0 {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return pick(p.random, fit...)
}

// spelled returns one of the ways in which Go writes a number.
func (p *program) spelled(v *big.Int) string {
	sign, v := v.Sign(), new(big.Int).Abs(v)
	var s string
	switch p.n(10) {
	case 0, 1:
		s = fmt.Sprintf("%#x", v)
	case 2:
		s = fmt.Sprintf("%#b", v)
	case 3:
		s = "0o" + v.Text(8)
	case 4:
		if v.IsInt64() && v.Int64() >= ' ' && v.Int64() < 127 {
			s = strconv.QuoteRune(rune(v.Int64()))
			break
		}
		s = v.String()
		if n := len(s); n > 3 {
			s = s[:n-3] + "_" + s[n-3:]
		}
	case 5:
		if n := v.BitLen(); n > 2 && v.TrailingZeroBits() == uint(n-1) {
			s = fmt.Sprintf("(1 << %d)", n-1)
			break
		}
		s = v.String()
	default:
		s = v.String()
	}
	if sign < 0 {
		s = "-" + s
	}
	return s
}

// floatLiteral returns a constant of a float type.
func (p *program) floatLiteral() string {
	switch p.n(6) {
	case 0:
		return "0"
	case 1:
		return pick(p.random, "0.5", "1.0", "-1.5", "1e-3", "0x1p-20", "0x1.8p+3", "3.4e38", "1e-40", "16777217", "2147483648.5", "-0.0078125")
	case 2:
		return pick(p.random, "1", "2", "-1", "10", "256", "4294967296", "9007199254740993")
	}
	return strconv.FormatFloat(float64(int64(p.bits()))/float64(int64(1)<<(20+p.n(40))), 'g', 1+p.n(12), 64)
}

// stringLiteral returns a constant of type string.
func (p *program) stringLiteral() string {
	if p.percent(10) {
		return pick(p.random, "\"\"", "`raw\\n`", `"\xff\x00\u00e9"`, `"\U0001F600"`, `"\t" + "tab"`)
	}
	var b strings.Builder
	for range p.n(9) {
		b.WriteRune(pick(p.random, 'a', 'b', 'c', 'd', 'z', 'A', '0', '9', ' ', '"', 'ä', 'ß', '世', '\U0001F680', '\x00'))
	}
	return strconv.Quote(b.String())
}

// literal returns a constant of a basic type.
func (p *program) literal(t *typ) string {
	switch t.kind {
	case boolean:
		return pick(p.random, "true", "false")
	case float:
		return p.floatLiteral()
	case text:
		return p.stringLiteral()
	}
	s, _ := p.integerLiteral(t)
	return s
}
