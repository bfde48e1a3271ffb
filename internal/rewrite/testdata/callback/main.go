// Command callback calls a host function that calls back, so that the stack grows while
// frames wait for a call of an import.
package main

import "fmt"

//go:wasmimport env callback
func callback(n int32) int32

//go:noinline
func grow(n int32) int32 {
	var frame [200]byte
	frame[n%200] = byte(n)
	if n == 0 {
		return int32(frame[0])
	}
	return grow(n-1) + 1 + int32(frame[(n+1)%200])
}

//go:wasmexport called
func called(n int32) int32 { return grow(n) }

//go:noinline
func outer(x, y, n int64) int64 {
	var local [8]int64
	for i := range local {
		local[i] = x*int64(i) + y
	}
	sum := int64(callback(int32(n)))
	for _, v := range local {
		sum += v
	}
	return sum + x + y + n
}

//go:wasmexport run
func run(n int32) int64 { return outer(3, 5, int64(n)) }

func main() { fmt.Println(outer(3, 5, 3000)) }
