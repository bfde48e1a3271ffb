// Program prints its own stack at some places, before it calls probe there.
package main

import (
	"fmt"
	"runtime"
	"sort"
	"sync"
)

//go:noinline
func probe([]uintptr) { calls++ }

var calls int

// callers returns the stack of its caller.
//
//go:noinline
func callers() []uintptr {
	pcs := make([]uintptr, 100)
	pcs = pcs[:runtime.Callers(2, pcs)]
	frames := runtime.CallersFrames(pcs)
	fmt.Println("stack")
	for {
		f, more := frames.Next()
		fmt.Printf("%s %s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return pcs
		}
	}
}

func inlined() { inlinedTwice() }

func inlinedTwice() {
	probe(callers())
}

type shape interface{ draw(depth int) }

type square[T any] struct{ side T }

func (s *square[T]) draw(depth int) {
	var room [300]byte // so that the stack grows
	room[depth] = 1
	if depth > 0 {
		s.draw(depth - 1)
		return
	}
	probe(callers())
}

func deferred() {
	defer func() { recover() }()
	defer func() { probe(callers()) }()
	panic("deferred")
}

func main() {
	inlined()
	func() { inlined() }()
	shape(&square[string]{"x"}).draw(50)
	deferred()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		sort.Slice([]int{2, 1}, func(i, j int) bool { inlined(); return i < j })
	}()
	wg.Wait()
}
