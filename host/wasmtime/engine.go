//go:build wasmtime && cgo

package wasmtime

// #include <stdlib.h>
// #include "engine.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	_ "github.com/bytecodealliance/wasmtime-go/v44" // the library, which cgo links

	"github.com/wasisock/wasisock/host/internal/cengine"
)

var _ = cengine.Header // which C includes

// Version is that of wasmtime; "" is that this program was built without it.
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

// compileTo compiles a module to a file's bytes.
func serialized(wasm []byte) (*C.wasm_byte_vec_t, error) {
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
