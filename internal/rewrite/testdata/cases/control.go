package main

import (
	"fmt"
	"runtime"
)

// control has jumps of all kinds, and parks within them.
func control() {
	for n := range 30 {
		fmt.Print(jumps(n), switches(n), " ")
	}
	fmt.Println(selects(50), iterators(7))
	for i := range func(yield func(int) bool) {
		for i := range 5 {
			runtime.Gosched()
			if !yield(i) {
				return
			}
		}
	} {
		defer fmt.Println("deferred", i)
		if i == 3 {
			break
		}
	}
}

//go:noinline
func jumps(n int) (sum int) {
	i := 0
outer:
	if i > n {
		goto end
	}
	for j := 0; ; j++ {
		switch {
		case j > i:
			i += 2
			goto outer
		case j*i%5 == 3:
			runtime.Gosched()
			continue
		case sum > 400:
			goto end
		}
		for k := range 4 {
			if k == j {
				continue
			}
			if k*j == 6 {
				i++
				goto outer
			}
			sum += k ^ j
		}
	}
end:
	return sum
}

//go:noinline
func switches(n int) int {
	sum := 0
	for i := range n {
		switch i % 11 {
		case 0, 5:
			sum++
			fallthrough
		case 1:
			sum += 10
		case 2:
			if sum&1 == 0 {
				break
			}
			sum += 100
		case 3, 4, 6:
			runtime.Gosched()
		case 7:
			continue
		default:
			sum ^= i
		}
		switch text := fmt.Sprint(i); text {
		case "3", "13":
			sum -= 7
		case "20":
			return sum
		}
	}
	return sum
}

//go:noinline
func selects(n int) (sum int) {
	in, out, done := make(chan int, 3), make(chan int), make(chan bool)
	go func() {
		defer close(done)
		for i := range out {
			sum += i
		}
	}()
	for i := 0; i < n; {
		select {
		case in <- i:
			i++
		case v := <-in:
			select {
			case out <- v:
			case <-done:
				return -1
			}
		}
	}
	close(in)
	for v := range in {
		out <- v
	}
	close(out)
	<-done
	return sum
}

//go:noinline
func iterators(n int) (sum int) {
	count := func(yield func(int, int) bool) {
		for i := range n {
			if !yield(i, i*i) {
				return
			}
			runtime.Gosched()
		}
	}
outer:
	for i, square := range count {
		for j := range count {
			if j == 2 {
				continue outer
			}
			if square > 30 {
				break outer
			}
			defer func() { sum += j }()
		}
		sum += i * square
	}
	return sum
}
