//go:build wasmedge && cgo

package wasmedge

// #include "engine.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/second-state/WasmEdge-go/wasmedge"
)

const (
	// maxStack is the size of the block at which an interpreted guest overflows its stack. The
	// one before, of half the size, holds 2 million values or a million calls. Compiled code has
	// about half as many calls, in the stack of a thread.
	maxStack = 64 << 20

	// element is how many bytes WasmEdge gives an element of a table.
	element = 16
)

// stackLimit returns how many bytes a guest cannot ask for at once. It is more than a table asks
// for, which is at most twice what it can have. Compiled code has its calls on the thread's stack.
func (g *guest) stackLimit() uint64 {
	if g.compiled {
		return math.MaxUint64
	}
	return max(maxStack, 2*element*g.module.elements+1)
}

// startLimit is stackLimit while WasmEdge instantiates the module, and copies its functions and
// data.
func (g *guest) startLimit() uint64 {
	const perByte = 64 // above the size of an instruction, which can have one byte in the module
	if !g.module.start {
		return math.MaxUint64
	}
	return max(g.stackLimit(), perByte*g.module.size)
}

// recursing has a start function that calls itself 10,000 times:
//
//	(module
//	  (global $n (mut i32) (i32.const 10000))
//	  (func $f (if (global.get $n) (then
//	    (global.set $n (i32.sub (global.get $n) (i32.const 1)))
//	    (call $f))))
//	  (start $f))
var recursing = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x06\x08\x01\x7f\x01\x41\x90\xce\x00\x0b" +
	"\x08\x01\x00\x0a\x12\x01\x10\x00\x23\x00\x04\x40\x23\x00\x41\x01\x6b\x24\x00\x10\x00\x0b\x0b")

// prepareInterpreter is called before the first interpreted guest. It returns an error if one that
// recurses could take all memory here, as where new.c does not see what WasmEdge allocates.
var prepareInterpreter = sync.OnceValue(func() error {
	C.wasisock_return_large_memory()
	result := make(chan error)
	go func() { result <- tryRecursion() }() // not on the thread of a guest
	return <-result
})

func tryRecursion() error {
	const limit = 64 << 10
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := newCode(recursing, false)
	if err != nil {
		return err
	}
	defer c.free()
	executor := wasmedge.NewExecutorWithConfig(c.config)
	defer executor.Release()
	store := wasmedge.NewStore()
	defer store.Release()
	g := &guest{module: &Module{}, code: c, executor: (*C.WasmEdge_ExecutorContext)(inner(executor))}
	_, free := g.makeStreams()
	defer free()
	g.inC.stack_limit = limit
	g.inC.canceller = C.wasisock_canceller(g.executor)
	defer C.WasmEdge_AsyncDelete(g.inC.canceller)
	C.wasisock_running(g.inC)
	defer C.wasisock_running(nil)
	g.instantiate((*C.WasmEdge_StoreContext)(inner(store)))
	switch {
	case g.instance != nil:
		C.WasmEdge_ModuleInstanceDelete(g.instance)
	case bool(g.inC.overflowed):
		return nil
	}
	return fmt.Errorf("guests cannot be interpreted here, since nothing would limit the memory of one that recurses; compile it before, by --aot wait or AOTWait: %w", errors.ErrUnsupported)
}
