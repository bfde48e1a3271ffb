package main

import (
	"fmt"
	"runtime"
)

type node struct {
	left, right *node
	values      [6]int
}

//go:noinline
func build(depth int) *node {
	n := &node{values: [6]int{depth + 1}}
	if depth > 0 {
		n.left, n.right = build(depth-1), build(depth-1)
	}
	return n
}

func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return n.values[0] + n.left.sum() + n.right.sum()
}

// shrink allocates in goroutines whose stacks have been large, so that the garbage
// collector makes them small: on Go 1.24 and 1.25 also while they help it.
func shrink() {
	keep := make([]*node, 8)
	for i := range keep {
		keep[i] = build(12)
	}
	done := make(chan int)
	for range 4 {
		go func() {
			total := 0
			for round := range 30 {
				total += grow(3000) + allocate(round)
			}
			done <- total
		}()
	}
	for range 4 {
		fmt.Println(<-done)
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println(stats.NumGC > 0, keep[3].sum())
}

//go:noinline
func allocate(n int) int {
	var local [16]int
	for i := range local {
		local[i] = i * n
	}
	sum := build(12).sum()
	for i := range local {
		sum += local[i]
	}
	return sum
}
