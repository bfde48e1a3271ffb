package main

import (
	"fmt"
	"runtime"
	"sync"
)

// parked stops goroutines at each depth of a recursion, with deferred calls, panics and
// pointers into the frames above and below, and lets them go on in another order, while
// stacks move.
func parked() {
	const depth = 20
	var wait group
	resume := make([]chan int, depth)
	results := make([]int, depth)
	for at := range resume {
		resume[at] = make(chan int)
		wait.start(func() { results[at] = descend(depth-1, at, resume[at], func(n int) int { return n ^ at }) })
	}
	for round := range 3 {
		runtime.GC()
		for at := len(resume) - 1; at >= 0; at-- {
			resume[(at*7+round)%depth] <- at + round
		}
	}
	wait.Wait()
	fmt.Println(results)
}

func descend(depth, at int, resume <-chan int, leaf func(int) int) (result int) {
	var local [5]int
	inner := &local[at%5]
	defer func() {
		if e := recover(); e != nil {
			result = e.(int)*2 + *inner
		}
	}()
	for i := 0; i < 3; i++ {
		local[i] += depth * i
		if depth == at {
			local[i] += <-resume
			runtime.Gosched()
			grow(depth * 40)
		}
	}
	if depth == 0 {
		if at%4 == 1 {
			panic(at)
		}
		return leaf(local[2])
	}
	result = descend(depth-1, at, resume, func(n int) int { return leaf(n) + *inner })
	if depth%6 == 5 && at%3 == 0 {
		panic(result + depth)
	}
	return result + local[1]
}

// grow needs a stack of some size.
//
//go:noinline
func grow(n int) int {
	var frame [40]int
	frame[n%40] = n
	if n == 0 {
		return frame[0]
	}
	return grow(n-1) + frame[(n+1)%40] + 1
}

// A group is a sync.WaitGroup with the method Go, which Go 1.24 has not.
type group struct{ sync.WaitGroup }

func (g *group) start(f func()) {
	g.Add(1)
	go func() {
		defer g.Done()
		f()
	}()
}
