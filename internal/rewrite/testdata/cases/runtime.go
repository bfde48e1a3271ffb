package main

import (
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// callers prints what the runtime says of frames: PCs included.
func callers() {
	var down func(n int)
	down = func(n int) {
		if n > 0 {
			down(n - 1)
			return
		}
		pcs := make([]uintptr, 20)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
		for {
			f, more := frames.Next()
			fmt.Println(f.Function, f.Line, f.PC&0xffff)
			if !more {
				break
			}
		}
		for line := range strings.Lines(string(debug.Stack())) {
			if strings.HasPrefix(line, "main.") {
				fmt.Println(line[:strings.IndexByte(line, '(')])
			}
		}
		runtime.Gosched()
		_, _, line, ok := runtime.Caller(1)
		fmt.Println(line, ok)
	}
	down(3)
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.Gosched()
		down(2)
	}()
	<-done
}

// ofRuntime calls by reflection, and has the garbage collector run.
func ofRuntime() {
	made := reflect.MakeFunc(reflect.TypeFor[func(int, string, [40]int) (int, string)](), func(args []reflect.Value) []reflect.Value {
		runtime.Gosched()
		return []reflect.Value{reflect.ValueOf(args[2].Len() + int(args[0].Int())), args[1]}
	}).Interface().(func(int, string, [40]int) (int, string))
	fmt.Println(made(3, "x", [40]int{}))
	fmt.Println(reflect.ValueOf(made).Call([]reflect.Value{reflect.ValueOf(1), reflect.ValueOf("y"), reflect.ValueOf([40]int{1})})[0])
	fmt.Println(reflect.ValueOf(base{1, 2}).Type().NumMethod(), reflect.ValueOf(descend).Kind())
	finalized := make(chan int, 1)
	func() {
		x := &base{3, 4}
		runtime.SetFinalizer(x, func(b *base) { finalized <- b.a })
	}()
	for range 5 {
		runtime.GC()
	}
	select {
	case n := <-finalized:
		fmt.Println("finalized", n)
	case <-time.After(5 * time.Second):
		fmt.Println("not finalized")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	var all group
	for i := range 50 {
		all.start(func() {
			var list []*node
			for j := range 20 {
				list = append(list, build(j%4))
				grow(i)
			}
			if list[i%20].sum() == 0 {
				panic("sum")
			}
		})
	}
	all.Wait()
}
