package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// loops runs loops in frames that have parked and in others.
func loops() {
	fmt.Println(multiply(40, false) == multiply(40, true))
	t := base{1, 2}
	f := func(n int) int { t.b += n; return t.a }
	sum, x := 0, 5
	for i := range 12 {
		sum += pointers(i*300, &x) + f(i) + x + t.b
		if i == 6 {
			runtime.GC()
			runtime.Gosched()
		}
	}
	fmt.Println(sum)
	tick, end := time.NewTicker(time.Millisecond), make(chan int)
	ticks := 0
wait:
	for {
		select {
		case <-tick.C:
			if ticks++; ticks == 4 {
				go close(end)
			}
		case <-end:
			break wait
		}
	}
	fmt.Println(ticks >= 4)
	var all group
	var lock sync.Mutex
	lengths := map[int]int{}
	for i := range 100 {
		all.start(func() {
			texts := map[int]string{}
			for j := range 30 {
				texts[j] = fmt.Sprint(i, j)
				grow(j)
			}
			lock.Lock()
			defer lock.Unlock()
			lengths[len(texts[i%30])]++
		})
	}
	all.Wait()
	fmt.Println(lengths)
}

//go:noinline
func multiply(n int, park bool) float64 {
	var a, b, c [24][24]float64
	for i := range a {
		for j := range a[i] {
			a[i][j], b[i][j] = float64(i+j), float64(i-j)
		}
	}
	if park {
		runtime.Gosched()
	}
	for range n {
		for i := range a {
			for j := range b {
				t := 0.0
				for k := range c {
					t += a[i][k] * b[k][j]
				}
				c[i][j] += t
			}
		}
	}
	return c[3][5]
}

//go:noinline
func pointers(n int, p *int) int {
	var local [100]int
	local[n%100] = *p
	*p++
	if n == 0 {
		return local[0]
	}
	return pointers(n-1, &local[n%100]) + *p
}

// depth recurses, with small frames.
func depth() {
	x := 0
	fmt.Println(count(1_000_000, &x), x)
}

//go:noinline
func count(n int, p *int) int {
	*p++
	if n == 0 {
		return *p
	}
	return count(n-1, p) + n&1
}
