//go:build wasmedge && cgo

package wasmedge

// #include <stdlib.h>
// #include "engine.h"
import "C"

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"unsafe"

	"github.com/second-state/WasmEdge-go/wasmedge"

	"github.com/wasisock/wasisock/internal/aotcache"
)

// compile compiles the module ahead of time, or takes what was compiled before.
func (m *Module) compile(ctx context.Context) error {
	done := make(chan error, 1)
	m.filling.Go(func() { done <- m.fill() })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *Module) fill() error {
	if err := ownSignals(); err != nil {
		return err
	}
	what := fmt.Sprintf("%s for wasmedge %s", cmp.Or(m.cfg.Name, "the guest"), wasmedge.GetVersion())
	text, err := compiled(m.wasm, m.cfg, what)
	if err != nil {
		return err
	}
	code, err := m.load(text, true)
	if err == nil {
		m.code.Store(code)
	}
	return err
}

// compiled is wasm compiled ahead of time.
func compiled(wasm []byte, cfg Config, what string) ([]byte, error) {
	dir := cfg.CacheDir
	if dir == "" {
		var err error
		if dir, err = aotcache.Dir(); err != nil {
			return nil, err
		}
	}
	var options []string
	if cfg.Interruptible {
		options = append(options, "interruptible")
	}
	progress := cfg.Progress
	if progress == nil {
		progress = io.Discard
	}
	file, err := aotcache.File(dir, aotcache.Key(wasmedge.GetVersion(), wasm, options...), func(out string) error {
		return aotcache.Tell(progress, what, func() error { return compileTo(out, wasm, cfg.Interruptible) })
	})
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// compiling is one module at a time: LLVM takes over signals, and gives them back.
var compiling sync.Mutex

func compileTo(out string, wasm []byte, interruptible bool) error {
	compiling.Lock()
	defer compiling.Unlock()
	config := wasmedge.NewConfigure()
	defer config.Release()
	C.WasmEdge_ConfigureCompilerSetInterruptible((*C.WasmEdge_ConfigureContext)(inner(config)), C.bool(interruptible))
	compiler := wasmedge.NewCompilerWithConfig(config)
	if compiler == nil {
		return errors.New("this libwasmedge has no compiler; install one that was built with LLVM, or interpret")
	}
	defer compiler.Release()
	path := C.CString(out)
	defer C.free(unsafe.Pointer(path))
	bytes := C.WasmEdge_Bytes{Buf: (*C.uint8_t)(C.CBytes(wasm)), Length: C.uint32_t(len(wasm))}
	defer C.free(unsafe.Pointer(bytes.Buf))
	if result := C.wasisock_compile((*C.WasmEdge_CompilerContext)(inner(compiler)), bytes, path); !bool(C.WasmEdge_ResultOK(result)) {
		return fmt.Errorf("WasmEdge could not compile it: %s", message(result))
	}
	return nil
}

// parkModule calls what keeps a thread for ever:
//
//	(module (import "wasisock" "park" (func)) (func (export "park") (call 0)))
var parkModule = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02\x11\x01\x08wasisock\x04park\x00\x00" +
	"\x03\x02\x01\x00\x07\x08\x01\x04park\x00\x01\x0a\x06\x01\x04\x00\x10\x00\x0b")

// ownSignals gives SIGSEGV, SIGBUS and SIGFPE to wasisock, once: see engine.c. What it
// needs stays for ever.
var ownSignals = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "wasisock-park-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	text, err := compiled(parkModule, Config{CacheDir: dir}, "")
	if err != nil {
		return err
	}
	config := wasmedge.NewConfigure()
	C.wasisock_ahead_of_time((*C.WasmEdge_ConfigureContext)(inner(config)))
	loader := wasmedge.NewLoaderWithConfig(config)
	ast, err := loader.LoadBuffer(text)
	if err != nil {
		return err
	}
	if err := wasmedge.NewValidatorWithConfig(config).Validate(ast); err != nil {
		return err
	}
	if C.wasisock_own_signals(
		(*C.WasmEdge_ExecutorContext)(inner(wasmedge.NewExecutorWithConfig(config))),
		(*C.WasmEdge_StoreContext)(inner(wasmedge.NewStore())),
		(*C.WasmEdge_ASTModuleContext)(inner(ast))) == 0 {
		return errors.New("WasmEdge does not run compiled code as it should here; interpret, by AOTOff")
	}
	return nil
})
