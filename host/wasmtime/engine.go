//go:build wasmtime && cgo

package wasmtime

// #include <stdlib.h>
// #include "engine.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	_ "github.com/bytecodealliance/wasmtime-go/v44" // the library, which cgo links

	"github.com/wasisock/wasisock/host/internal/cengine"
)

var _ = cengine.Header // which C includes

// Version returns the version of wasmtime, or "" in a program built without it.
func Version() string { return C.WASMTIME_VERSION }

// engine returns the engine of this process, for this CPU. It is never freed.
var engine = sync.OnceValues(func() (*C.wasm_engine_t, error) {
	var failed *C.wasmtime_error_t
	e := C.wasisock_wasmtime_engine(StackSize, nil, &failed)
	if failed != nil {
		return nil, takeError(failed)
	}
	return e, nil
})

// baseline returns the engine that compiles for every CPU of this architecture.
var baseline = sync.OnceValues(func() (*C.wasm_engine_t, error) {
	name, ok := targets[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("no baseline is known for %s/%s; compile for this CPU: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
	}
	if _, err := engine(); err != nil { // which has the handlers of signals
		return nil, err
	}
	target := C.CString(name)
	defer C.free(unsafe.Pointer(target))
	var failed *C.wasmtime_error_t
	e := C.wasisock_wasmtime_engine(StackSize, target, &failed)
	if failed != nil {
		return nil, takeError(failed)
	}
	return e, nil
})

// targets are wasmtime's names of what it compiles for. What is named has no features but those
// that every CPU has.
var targets = map[string]string{
	"linux/amd64":  "x86_64-unknown-linux-gnu",
	"linux/arm64":  "aarch64-unknown-linux-gnu",
	"darwin/amd64": "x86_64-apple-darwin",
	"darwin/arm64": "aarch64-apple-darwin",
}

// takeError returns an error of wasmtime's, and frees it.
func takeError(e *C.wasmtime_error_t) error {
	var text C.wasm_byte_vec_t
	C.wasmtime_error_message(e, &text)
	C.wasmtime_error_delete(e)
	return errors.New(takeText(&text))
}

func takeText(text *C.wasm_byte_vec_t) string {
	defer C.wasm_byte_vec_delete(text)
	return C.GoStringN(text.data, C.int(text.size))
}

// serialized returns the code of a module, as a file has it.
func serialized(engine func() (*C.wasm_engine_t, error), wasm []byte) (*C.wasm_byte_vec_t, error) {
	e, err := engine()
	if err != nil {
		return nil, err
	}
	var module *C.wasmtime_module_t
	if failed := C.wasmtime_module_new(e, (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(wasm))), C.size_t(len(wasm)), &module); failed != nil {
		return nil, takeError(failed)
	}
	defer C.wasmtime_module_delete(module)
	text := new(C.wasm_byte_vec_t)
	if failed := C.wasmtime_module_serialize(module, text); failed != nil {
		return nil, takeError(failed)
	}
	return text, nil
}

// deserialized maps the code that a file has.
func deserialized(file string) (*C.wasmtime_module_t, error) {
	e, err := engine()
	if err != nil {
		return nil, err
	}
	path := C.CString(file)
	defer C.free(unsafe.Pointer(path))
	var module *C.wasmtime_module_t
	if failed := C.wasmtime_module_deserialize_file(e, path, &module); failed != nil {
		return nil, fmt.Errorf("load %s: %w", file, takeError(failed))
	}
	return module, nil
}
