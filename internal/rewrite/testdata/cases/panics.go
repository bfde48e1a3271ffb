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
	for name, f := range map[int]func(){
		0:  func() { fmt.Println(wide.last) },
		1:  func() { wide.list[3] = 4 },
		2:  func() { fmt.Println(small.last) },
		3:  func() { holder.sum(1) },
		4:  func() { method.sum(1) },
		5:  func() { none["x"]++ },
		6:  func() { fmt.Println(list[index]) },
		7:  func() { fmt.Println(list[index-5]) },
		8:  func() { fmt.Println(list[1:index+1], list[index:2]) },
		9:  func() { fmt.Println(1 / none["x"]) },
		10: func() { fmt.Println(any(list).(fmt.Stringer)) },
		11: func() { _ = [2]int(list[:1]) },
		12: func() { panic(fmt.Errorf("wrapped: %w", errors.ErrUnsupported)) },
		13: func() { fmt.Println(any(list) == any(list)) },
		14: func() { var f func(); f() },
		15: func() { close((chan int)(nil)) },
		16: func() { fmt.Println(unsafe.Slice((*int)(nil), index)) },
		17: func() { method = base; method.sum(1) },
		18: func() { method = holder; f := method.sum; f(1) },
		19: func() { fmt.Println(make([]int, index-5)) },
		20: func() { runtime.Gosched(); panic(index) },
		21: func() { defer func() { runtime.Gosched(); panic(recover()) }(); panic("again") },
	} {
		recovered[name] = try(f)
	}
	for name := range len(recovered) {
		fmt.Println(name, recovered[name])
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

var recovered = map[int]string{}

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
