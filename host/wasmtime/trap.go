//go:build wasmtime && cgo

package wasmtime

// #include "engine.h"
import "C"

import (
	"cmp"
	"fmt"
	"strings"
	"unsafe"

	"github.com/wasisock/wasisock/host/internal/inspect"
)

// An ending is how wasmtime's code ended. Unless it has not failed, one of its methods that
// return an error is called once, or drop.
type ending struct {
	c      C.wasisock_end
	module *module
}

func (e ending) failed() bool { return e.c.error != nil || e.c.trap != nil }

func (e ending) drop() {
	if e.c.error != nil {
		C.wasmtime_error_delete(e.c.error)
	}
	if e.c.trap != nil {
		C.wasm_trap_delete(e.c.trap)
	}
}

// stopped reports whether it may have ended by wasisock_wasmtime_stop, which is not a trap of
// wasm's.
func (e ending) stopped() bool {
	var code C.uint8_t
	return e.c.error != nil || !bool(C.wasmtime_trap_code(e.c.trap, &code))
}

// trapNames are the names of traps, by wasmtime's code, in the words of wazero.
var trapNames = []string{
	"stack overflow", "out of bounds memory access", "unaligned atomic", "invalid table access", "invalid table access",
	"indirect call type mismatch", "integer overflow", "integer divide by zero", "invalid conversion to integer", "unreachable",
}

// message returns what ended the code, in one line.
func (e ending) message() string {
	var text C.wasm_byte_vec_t
	if e.c.error != nil {
		C.wasmtime_error_message(e.c.error, &text)
		return firstLine(takeText(&text))
	}
	var code C.uint8_t
	if bool(C.wasmtime_trap_code(e.c.trap, &code)) && int(code) < len(trapNames) {
		return trapNames[code]
	}
	C.wasm_trap_message(e.c.trap, &text)
	return strings.TrimRight(firstLine(takeText(&text)), "\x00")
}

// trap returns the error of a guest that trapped, with its stack.
func (e ending) trap() error {
	defer e.drop()
	text := strings.Builder{}
	fmt.Fprintf(&text, "wasm error: %s\nwasm stack trace:", e.message())
	var frames C.wasm_frame_vec_t
	if e.c.error != nil {
		C.wasmtime_error_wasm_trace(e.c.error, &frames)
	} else {
		C.wasm_trap_trace(e.c.trap, &frames)
	}
	defer C.wasm_frame_vec_delete(&frames)
	for _, frame := range unsafe.Slice(frames.data, frames.size) {
		index := uint32(C.wasm_frame_func_index(frame))
		name := ""
		if n := C.wasmtime_frame_func_name(frame); n != nil {
			name = C.GoStringN(n.data, C.int(n.size))
		}
		fmt.Fprintf(&text, "\n\t.%s%s", cmp.Or(name, fmt.Sprintf("$%d", index)), signature(e.module.TypeOf(index)))
	}
	return inspect.Trap(text.String())
}

// startError returns the error of a guest that does not start. Only a trap is the module's fault.
func (e ending) startError() error {
	defer e.drop()
	if e.c.trap == nil {
		return fmt.Errorf("cannot start the guest: %s; wasmtime reserves 4.1 GiB of addresses for its memory: raise the limit of address space (ulimit -v), start fewer guests, or use wazero", e.message())
	}
	return inspect.Unusable("it does not start: %s; ask whoever built it", e.message())
}
