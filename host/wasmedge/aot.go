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
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"github.com/second-state/WasmEdge-go/wasmedge"
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/internal/aotcache"
	"github.com/wasisock/wasisock/internal/codecache"
	"github.com/wasisock/wasisock/internal/progress"
	"github.com/wasisock/wasisock/internal/rewrite"
	"github.com/wasisock/wasisock/internal/wasm"
)

// fill compiles the module ahead of time, or takes what was compiled before.
func (m *Module) fill(ctx context.Context, wasm []byte) error {
	err := m.ownSignals(ctx)
	if err == nil {
		err = m.aheadOfTime(ctx, wasm, m.options, func(text []byte) error { return m.load(text, true) })
	}
	if m.cfg.AOT == AOTAuto && m.cfg.OnCompiled != nil {
		m.cfg.OnCompiled(err)
	}
	return err
}

// What a module is compiled with, besides the default.
const (
	interruptible = "interruptible"
	unoptimized   = "unoptimized"
	rewritten     = "rewritten by " + rewrite.Version
)

func (cfg *Config) options(m *wasm.Module) (options []string) {
	if cfg.Interruptible {
		options = append(options, interruptible)
	}
	if cfg.unoptimized {
		options = append(options, unoptimized)
	}
	if !cfg.AsIs && rewrite.IsFor(m) {
		options = append(options, rewritten)
	}
	return options
}

// kept reports whether the cache has what the module is compiled to.
func (m *Module) kept(wasm []byte) bool {
	return m.cache.Get(fileName(wasm, m.options)) != ""
}

// fileName is the name in the cache of what a module is compiled to.
func fileName(wasm []byte, options []string) string {
	return aotcache.Name(aotcache.Key(wasmedge.GetVersion(), wasm, options...))
}

// aheadOfTime has load read what wasm is compiled to, now or before. What was kept and is
// broken, as after a crash of the machine, is made anew.
func (m *Module) aheadOfTime(ctx context.Context, wasm []byte, options []string, load func(text []byte) error) error {
	name := fileName(wasm, options)
	if kept := m.cache.Get(name); kept != "" && mapped(kept, load) == nil {
		return nil
	}
	temp, err := m.cache.Temp()
	if err != nil {
		return err
	}
	defer codecache.Remove(temp)
	out := filepath.Join(temp, outFile)
	what := fmt.Sprintf("%s for wasmedge %s", cmp.Or(m.cfg.Name, "the guest"), wasmedge.GetVersion())
	err = progress.Compiling(m.cfg.Progress, what, func() error {
		if m.cfg.Compiler == "" {
			return compileTo(out, wasm, options)
		}
		return m.cfg.inChild(ctx, temp, wasm, append(options, ahead)...)
	})
	if err != nil {
		return err
	}
	return mapped(m.cache.Put(name, out), load)
}

// validate has the compiler read and validate a module that load is to read, if there is one.
func (m *Module) validate(ctx context.Context, wasm []byte) error {
	if m.cfg.Compiler == "" {
		return nil
	}
	temp, err := m.cache.Temp()
	if err != nil {
		return err
	}
	defer codecache.Remove(temp)
	return m.cfg.inChild(ctx, temp, wasm)
}

// mapped has load read a file where it is: tens of megabytes, which it does not keep.
func mapped(file string, load func(text []byte) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	text, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("map %s: %w", file, err)
	}
	defer unix.Munmap(text)
	return load(text)
}

// compiling is one module at a time: LLVM takes over signals, and gives them back.
var compiling sync.Mutex

func compileTo(out string, wasm []byte, options []string) error {
	if slices.Contains(options, rewritten) {
		made, _, err := rewrite.Module(wasm)
		if err != nil {
			return err
		}
		wasm = made
	}
	compiling.Lock()
	defer compiling.Unlock()
	config := wasmedge.NewConfigure()
	defer config.Release()
	context := (*C.WasmEdge_ConfigureContext)(inner(config))
	C.WasmEdge_ConfigureCompilerSetInterruptible(context, C.bool(slices.Contains(options, interruptible)))
	// As wasmedge compile does, with which the cache is shared; net/http is not faster at O3.
	var level C.enum_WasmEdge_CompilerOptimizationLevel = C.WasmEdge_CompilerOptimizationLevel_O2
	if slices.Contains(options, unoptimized) {
		level = C.WasmEdge_CompilerOptimizationLevel_O0
	}
	C.WasmEdge_ConfigureCompilerSetOptimizationLevel(context, level)
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
		return fmt.Errorf("WasmEdge could not compile it: %s; see whether %s has room", message(result), filepath.Dir(out))
	}
	return nil
}

// parkModule calls what keeps a thread forever:
//
//	(module (import "wasisock" "park" (func)) (func (export "park") (call 0)))
var parkModule = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02\x11\x01\x08wasisock\x04park\x00\x00" +
	"\x03\x02\x01\x00\x07\x08\x01\x04park\x00\x01\x0a\x06\x01\x04\x00\x10\x00\x0b")

var signals struct {
	sync.Mutex
	owned bool
}

// ownSignals gives SIGSEGV, SIGBUS and SIGFPE to wasisock, once: see signals.c. What it
// needs stays forever.
func (m *Module) ownSignals(ctx context.Context) error {
	signals.Lock()
	defer signals.Unlock()
	if signals.owned {
		return nil
	}
	var parked *code
	err := m.aheadOfTime(ctx, parkModule, nil, func(text []byte) (err error) {
		parked, err = newCode(text, true)
		return err
	})
	if err != nil {
		return err
	}
	if C.wasisock_own_signals(
		(*C.WasmEdge_ExecutorContext)(inner(wasmedge.NewExecutorWithConfig(parked.config))),
		(*C.WasmEdge_StoreContext)(inner(wasmedge.NewStore())),
		(*C.WasmEdge_ASTModuleContext)(inner(parked.ast))) == 0 {
		return errors.New("WasmEdge does not run compiled code as it should here; interpret, by AOTOff")
	}
	signals.owned = true
	return nil
}
