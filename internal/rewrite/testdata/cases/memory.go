package main

import (
	"fmt"
	"unsafe"
)

// memory reads at addresses whose parts are outside of what they point to.
func memory() {
	list := make([]int, 100)
	for i := range list {
		list[i] = i * 11
	}
	fmt.Println(around(list, 50), far(list, 7-1000000), fixed(4))
	at := unsafe.Pointer(&list[7])
	fmt.Println(below(at, -24), below(at, -16), sum(^uintptr(23), uintptr(at)), sum(uintptr(at), ^uintptr(23)))
	fmt.Println(sum(-uintptr(at)-24, 2*uintptr(at)))
	fmt.Println(try(func() { around(list[:2], 1) }), try(func() { far(list, -1000001) }))
	var hold [][]byte // to the end of memory
	for i := range 20 {
		hold = append(hold, make([]byte, 1<<20))
		hold[i][1<<20-1] = byte(i)
	}
	total := 0
	for _, b := range hold {
		total += int(b[len(b)-1])
	}
	fmt.Println(total, global[3], global[len(global)-1])
	global[2], other = total, "set"
	fmt.Println(global, other)
}

var (
	global = [5]int{1, 2, 3, 4, 5}
	other  = "constant"
)

//go:noinline
func around(list []int, i int) int { return list[i-1] + list[i+1] + list[i+1000-1000] }

//go:noinline
func far(list []int, i int) int { return list[i+1000000] }

//go:noinline
func below(p unsafe.Pointer, n int) int64 {
	return *(*int64)(unsafe.Add(unsafe.Add(p, n), 16)) + *(*int64)(unsafe.Add(p, -8))
}

//go:noinline
func sum(a, b uintptr) byte { return *(*byte)(unsafe.Pointer(a + b + 24)) }

//go:noinline
func fixed(n int) int {
	var a [8]int
	for i := range a {
		a[i] = i * n
	}
	p := &a[n%8]
	*p += 5
	return a[n-4] + a[n+3] + a[(n+2)%8]*10 + *p
}
