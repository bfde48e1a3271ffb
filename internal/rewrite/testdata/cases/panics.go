package main

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// panics recovers from panics of all kinds, at all places, in functions that have parked
// and in others.
func panics() {
	for n := range 12 {
		fmt.Println(nested(n))
	}
	var wide *wide
	var base *base
	var small *small
	var holder holder
	var method interface{ sum(int) int }
	var none map[string]int
	list := make([]int, 4)
	index := len(list)
	for i, f := range []func(){
		func() { fmt.Println(wide.last) },
		func() { wide.list[3] = 4 },
		func() { fmt.Println(small.last) },
		func() { holder.sum(1) },
		func() { method.sum(1) },
		func() { none["x"]++ },
		func() { fmt.Println(list[index]) },
		func() { fmt.Println(list[index-5]) },
		func() { fmt.Println(list[1:index+1], list[index:2]) },
		func() { fmt.Println(1 / none["x"]) },
		func() { fmt.Println(any(list).(fmt.Stringer)) },
		func() { _ = [2]int(list[:1]) },
		func() { panic(fmt.Errorf("wrapped: %w", errors.ErrUnsupported)) },
		func() { fmt.Println(any(list) == any(list)) },
		func() { var f func(); f() },
		func() { close((chan int)(nil)) },
		func() { fmt.Println(unsafe.Slice((*int)(nil), index)) },
		func() { method = base; method.sum(1) },
		func() { method = holder; f := method.sum; f(1) },
		func() { fmt.Println(make([]int, index-5)) },
		func() { runtime.Gosched(); panic(index) },
		func() { defer func() { runtime.Gosched(); panic(recover()) }(); panic("again") },
	} {
		fmt.Println(i, try(f))
	}
	done := make(chan string)
	go func() {
		defer func() { done <- fmt.Sprint("goexit, ", recover()) }()
		defer runtime.Gosched()
		defer func() {
			recover()
			runtime.Goexit()
		}()
		panic("lost")
	}()
	fmt.Println(<-done)
}

func try(f func()) (text string) {
	defer func() {
		e := recover()
		text = fmt.Sprintf("%v (%T)", e, e)
	}()
	f()
	return "no panic"
}

// nested panics in iteration n, recovers, panics again and returns named results.
func nested(n int) (sum int, err error) {
	defer func() {
		defer func() {
			if e := recover(); e != nil {
				err = errors.Join(err, fmt.Errorf("then %v", e))
			}
		}()
		if e := recover(); e != nil {
			sum += 1000
			err = fmt.Errorf("first %v", e)
			panic(sum)
		}
	}()
	for i := range 10 {
		sum += i
		if i == n {
			panic(i)
		}
		func() {
			defer func() {
				sum++
				recover()
			}()
			if i%3 == 0 {
				runtime.Gosched()
			}
			if i%2 == 0 {
				var none []int
				none[i] = 1
			}
		}()
		defer func() { sum += i }()
	}
	return sum * 2, nil
}

type wide struct {
	pad  [1 << 21]byte
	list [4]int
	last int
}

type small struct {
	pad  [4000]byte
	last int
}

type base struct{ a, b int }

func (b base) sum(n int) int { return b.a + b.b + n }

type holder struct{ *base }
