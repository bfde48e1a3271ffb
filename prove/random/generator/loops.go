package generator

import "fmt"

// Go does not show how often a loop runs, so each loop that a condition ends also
// counts down a variable.

// trips returns how often a loop may run, or 0 if no loop is possible.
func (b *body) trips(most int) int {
	n := b.between(1, most)
	if !b.affordable(n * 6) {
		return 0
	}
	return n
}

// loopBody writes the block of a loop that runs n times at most. variables are those
// that the header declares; first precedes the other statements.
func (b *body) loopBody(header string, n int, first string, variables ...*variable) {
	b.labelled(&loop{}, func() {
		b.line("%s {", header)
		b.repeated(n, func() {
			b.scoped(func() {
				for _, v := range variables {
					b.declare(v)
				}
				if first != "" {
					b.line("%s", first)
				}
				b.statements(b.between(1, 4))
			})
		})
		b.line("}")
	})
}

// countingLoop writes a loop with all three parts.
func (b *body) countingLoop() bool {
	n := b.trips(9)
	if n == 0 {
		return false
	}
	t := pick(b.random, integerTypes...)
	i := &variable{name: b.newName("i"), typ: t, fixed: true, used: b.percent(70) || b.checkless()}
	step := b.between(1, 7)
	header, k := "", 0
	switch b.n(7) {
	case 0, 1:
		header, k = "for $i := $t(0); $i < $k; $i++", n
	case 2:
		header, k = "for $i := $t($k); $i > 0; $i--", n
	case 3:
		header, k = "for $i := $t(0); $i <= $k; $i += $step", (n-1)*step
	case 4:
		header, k = "for $i := $t($k); $i != 0; $i -= $step", n*step
	case 5:
		j := &variable{name: b.newName("j"), typ: t, fixed: true, used: true}
		header = b.fill("for $i, $j := $t(0), $t($k); $i < $j; $i, $j = $i+1, $j-1", "i", i, "j", j, "t", t, "k", 2*n)
		b.loopBody(header, n, "", i, j)
		return true
	default: // a bit that moves
		n = (t.bits + step - 1) / step
		if !b.affordable(n * 6) {
			return false
		}
		if t.kind == signed || b.percent(50) {
			header = "for $i := $t(1); $i != 0; $i <<= $step"
		} else {
			header = "for $i := $t($start); $i > 0; $i >>= $step"
		}
	}
	header = b.fill(header, "i", i, "t", t, "k", k, "step", step, "start", b.integer(t, 2))
	b.loopBody(header, n, "", i)
	return true
}

// conditionLoop writes a loop that a condition ends.
func (b *body) conditionLoop() bool {
	n := b.trips(8)
	if n == 0 {
		return false
	}
	left := &variable{name: b.newName("n"), typ: intType, fixed: true, used: true}
	t := b.localInteger()
	x := &variable{name: b.newName("x"), typ: t}
	mask := b.operand(t, 1)
	test := fmt.Sprintf("%s%s%s", x.name, pick(b.random, " & ", " & ", " &^ ", " ^ ", " | ", " - "), mask)
	if b.percent(35) {
		test = "0" + b.relation() + test
	} else {
		test += b.relation() + "0"
	}
	header := func(template string) string {
		return b.fill(template, "x", x, "left", left, "n", n, "test", test)
	}
	start := header("$x, $left := ") + b.typed(t, b.integer(t, 2)) + header(", $n")
	switch b.n(5) {
	case 0: // the condition alone decides, and the statement after it counts
		b.loopBody("for "+start+header("; $test && $left > 0; $left--"), n, "", x, left)
	case 1:
		b.scoped(func() {
			b.line("%s", start)
			b.declare(x)
			b.declare(left)
			b.loopBody("for "+test, n, header("if $left--; $left < 0 {\nbreak\n}"))
		})
	case 2:
		b.scoped(func() {
			b.line("%s", start)
			b.declare(x)
			b.declare(left)
			b.loopBody("for", n, header("if $left--; $left < 0 || !($test) {\nbreak\n}"))
		})
	case 3:
		b.loopBody(header("for $left := $n; $left > 0 && ")+b.condition(b.size())+header("; $left--"), n, "", left)
	default:
		b.scoped(func() {
			b.line("%s", header("$left := $n"))
			b.declare(left)
			b.loopBody("for "+b.condition(b.size())+header(" && $left > 0"), n, header("$left--"))
		})
	}
	return true
}
