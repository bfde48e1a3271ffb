//go:build (wasmedge || wasmtime) && cgo

package cengine

// #include <stddef.h>
// #include <stdint.h>
// int wasisock_thread(size_t stack, size_t guard, uintptr_t handle);
import "C"

import (
	"fmt"
	"runtime/cgo"
	"syscall"
)

// Thread calls f on a new thread and returns at once. The stack has stack bytes. Below it lie
// guard bytes that cannot be accessed: code that overflows the stack by less faults. No other
// goroutine uses the thread, which ends when f returns. It gets no signals that are sent to the
// process. Thread returns an error if the thread cannot be created.
func Thread(stack, guard uint64, f func()) error {
	handle := cgo.NewHandle(f)
	if errno := C.wasisock_thread(C.size_t(stack), C.size_t(guard), C.uintptr_t(handle)); errno != 0 {
		handle.Delete()
		return fmt.Errorf("cannot start a thread with a stack of %d MB for the guest: %w; raise the limits of address space (ulimit -v) and of processes (ulimit -u)",
			stack>>20, syscall.Errno(errno))
	}
	return nil
}

//export wasisockThread
func wasisockThread(handle C.uintptr_t) {
	h := cgo.Handle(handle)
	f := h.Value().(func())
	h.Delete()
	f()
}
