//lint:file-ignore U1000 programs that are generated use it

// Package support is the part that all generated programs have in common. The
// generator copies this file into each program and changes its package clause to
// "package main".
//
// A program that runs without arguments calls each function with each input and
// prints one line per call: the function, the number of the input, the checksum of
// all values that the call has folded, and the text of the panic that ended it, if
// one did. With the arguments "trace FUNCTION INPUT" it makes one call and prints each
// value that this call folds, after the number of the statement that folds it.
package support

import (
	"errors"
	"math"
	"math/bits"
	"os"
	"runtime"
	"strconv"
)

// A testFunction is a generated function.
type testFunction struct {
	name string
	call func(c *check, input int)
}

// runFunctions does what the arguments of the program ask for. It calls reset before
// each call, which sets the global variables to their first values. It reports
// whether all functions were called.
func runFunctions(functions []testFunction, inputs int, reset func()) bool {
	if len(os.Args) == 4 && os.Args[1] == "trace" {
		input, err := strconv.Atoi(os.Args[3])
		for _, f := range functions {
			if f.name == os.Args[2] && err == nil {
				reset()
				write(callFunction(f, &check{trace: true}, input))
			}
		}
		return false
	}
	for _, f := range functions {
		var lines []byte
		for input := range inputs {
			reset()
			lines = append(lines, callFunction(f, &check{}, input)...)
		}
		write(string(lines))
	}
	return true
}

// callFunction makes one call and returns its line.
func callFunction(f testFunction, c *check, input int) string {
	ending := ""
	func() {
		defer func() {
			if e := recover(); e != nil {
				ending = " panic: " + describe(e)
			}
		}()
		f.call(c, input)
	}()
	return f.name + " " + strconv.Itoa(input) + " " + strconv.FormatUint(c.sum, 16) + ending + "\n"
}

func write(text string) {
	if _, err := os.Stdout.WriteString(text); err != nil {
		os.Exit(125)
	}
}

// A check folds values into a checksum.
type check struct {
	sum   uint64
	trace bool
}

// park is how many values are folded from one time to the next that a goroutine gives way,
// 0 for never. folded counts them.
var park, _ = strconv.Atoi(os.Getenv("PARK"))
var folded int

// add folds an integer. site is the number of the statement that does so.
func (c *check) add(site int, v uint64) {
	if park > 0 {
		if folded++; folded%park == 0 {
			runtime.Gosched()
		}
	}
	c.sum = bits.RotateLeft64(c.sum^v, 23)*0x9e3779b97f4a7c15 + uint64(site)
	if c.trace {
		write("\t" + strconv.Itoa(site) + " " + strconv.FormatUint(v, 16) + "\n")
	}
}

func (c *check) bool(site int, v bool) { c.add(site, uint64(toInt(v))) }

func (c *check) float(site int, v float64) { c.add(site, floatBits(v)) }

func (c *check) string(site int, v string) {
	h := uint64(len(v)) + 14695981039346656037
	for i := 0; i < len(v); i++ {
		h = (h ^ uint64(v[i])) * 1099511628211
	}
	if c.trace {
		write("\t" + strconv.Quote(v) + "\n")
	}
	c.add(site, h)
}

// any folds the type of v, and its value if the type is a basic or a generated one.
func (c *check) any(site int, v any) {
	switch v := v.(type) {
	case nil:
		c.add(site, 0)
	case bool:
		c.bool(site, v)
	case int:
		c.add(site, uint64(v))
	case int8:
		c.add(site, uint64(v)+1)
	case int16:
		c.add(site, uint64(v)+2)
	case int32:
		c.add(site, uint64(v)+3)
	case int64:
		c.add(site, uint64(v)+4)
	case uint:
		c.add(site, uint64(v)+5)
	case uint8:
		c.add(site, uint64(v)+6)
	case uint16:
		c.add(site, uint64(v)+7)
	case uint32:
		c.add(site, uint64(v)+8)
	case uint64:
		c.add(site, v+9)
	case uintptr:
		c.add(site, uint64(v)+10)
	case float32:
		c.float(site, float64(v))
	case float64:
		c.float(site, v)
	case string:
		c.string(site, v)
	case interface{ fold(c *check, site int) }:
		v.fold(c, site)
	case error:
		c.string(site, v.Error())
	default:
		c.add(site, 11)
	}
}

// recovered folds what recover has returned.
func (c *check) recovered(site int, v any) { c.string(site, describe(v)) }

// describe returns the text of a panic's value.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case runtime.Error:
		return v.Error()
	case error:
		return "error " + v.Error()
	case string:
		return "string " + v
	case int:
		return "int " + strconv.Itoa(v)
	}
	return "another value"
}

// A failure is an error that wraps another.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return "failure " + strconv.Itoa(f.code)
	}
	return "failure " + strconv.Itoa(f.code) + ": " + f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

var errPlain = errors.New("plain")

// codeOf returns the code of the first failure in the chain of err, or -1.
func codeOf(err error) int {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return -1
}

type signed interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~int
}

type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uint | ~uintptr
}

type integer interface{ signed | unsigned }

type float interface{ ~float32 | ~float64 }

// choose returns a if cond holds, otherwise b.
func choose[T any](cond bool, a, b T) T {
	if cond {
		return a
	}
	return b
}

// toInt returns 1 for true and 0 for false.
func toInt(v bool) int {
	if v {
		return 1
	}
	return 0
}

// at returns s[i], or the zero value if i is out of range.
func at[T any](s []T, i int) T {
	if uint(i) < uint(len(s)) {
		return s[i]
	}
	var zero T
	return zero
}

// byteAt returns s[i], or 0 if i is out of range.
func byteAt(s string, i int) byte {
	if i >= 0 && i < len(s) {
		return s[i]
	}
	return 0
}

// part returns s[low:high] with both bounds moved into range.
func part(s string, low, high int) string {
	high = min(max(high, 0), len(s))
	low = min(max(low, 0), high)
	return s[low:high]
}

// clip returns the first 40 bytes of s, so that strings do not grow without limit.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}

// nonzero returns x, or 1 if x is 0.
func nonzero[T integer](x T) T {
	if x != 0 {
		return x
	}
	return 1
}

// within returns x if it is between low and high, otherwise 0. Go does not define
// what the conversion of a float to an integer does when the value is out of range.
func within[T float](x, low, high T) T {
	if low < x && x < high {
		return x
	}
	return 0
}

// floatBits returns the bits of x. It has one result for all NaNs, because engines
// differ in the sign and the payload of the NaNs that they compute.
func floatBits(x float64) uint64 {
	if x != x {
		return 0x7ff8000000000001
	}
	return math.Float64bits(x)
}

// mulHigh returns the upper half of a product.
func mulHigh(x, y uint64) uint64 {
	high, _ := bits.Mul64(x, y)
	return high
}

// addCarry returns the sum and the carry of x, y and 1.
func addCarry(x, y uint64) uint64 {
	sum, carry := bits.Add64(x, y, 1)
	return sum ^ carry<<63
}

// subBorrow returns the difference and the borrow of x, y and 1.
func subBorrow(x, y uint64) uint64 {
	difference, borrow := bits.Sub64(x, y, 1)
	return difference ^ borrow<<62
}

// divide returns the quotient and the remainder of a number of 128 bits.
func divide(high, low, y uint64) uint64 {
	if y == 0 || y <= high {
		return low
	}
	quotient, remainder := bits.Div64(high, low, y)
	return quotient ^ bits.Reverse64(remainder)
}

// bound returns f, a method value for example.
//
//go:noinline
func bound[F any](f F) F { return f }
