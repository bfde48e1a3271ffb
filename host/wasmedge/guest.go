//go:build wasmedge && cgo

package wasmedge

// #include <stdlib.h>
// #include "engine.h"
import "C"

import (
	"context"
	"fmt"
	"runtime/cgo"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/second-state/WasmEdge-go/wasmedge"
	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/cengine"
	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/proxy"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/host/internal/wasi"
	"github.com/wasisock/wasisock/internal/wasm"
	"github.com/wasisock/wasisock/sockabi"
)

const pageSize = wasm.PageSize

// A guest is one run of a module.
type guest struct {
	*proxy.Guest
	*code
	module *Module
	ctx    context.Context
	inC    *C.wasisock_guest

	executor *C.WasmEdge_ExecutorContext
	instance *C.WasmEdge_ModuleInstanceContext

	limit uint64 // of its memory, in bytes; 0 means none
}

// Start prepares the guest here, and runs it on a goroutine of its own.
func (m *Module) Start(ctx context.Context, c *host.Cmd) (host.Guest, error) {
	limit, err := inspect.MemoryLimit(c.Limits.Memory, m.elements, element)
	if err != nil {
		return nil, err
	}
	g := &guest{module: m, code: m.code.Load(), limit: limit}
	if g.limit > 0 && m.least > g.limit { // WasmEdge would give it less than its least
		return nil, inspect.Unusable("it needs %d bytes of memory and may have %d; raise the limit", m.least, g.limit)
	}
	streams, free := g.makeStreams()
	if g.Guest, err = m.proxy.NewGuest(c, streams); err != nil {
		free()
		return nil, err
	}
	g.OnEnd(free)
	if m.cfg.Library {
		g.Library()
	}
	if !g.compiled || m.cfg.Interruptible {
		g.Interruptible()
	}
	if g.compiled {
		g.OnThread(func(run func()) error {
			return cengine.Thread(C.wasisock_stack_size, C.wasisock_stack_guard, run)
		})
	}
	if err := g.Instance.Start(ctx, g.run); err != nil {
		return nil, err
	}
	return g, nil
}

// Stop waits for a moment for a guest that is not sure to be interrupted.
func (g *guest) Stop() error {
	const patience = 100 * time.Millisecond
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		if err := g.Instance.Stop(); err == nil || time.Since(began) > patience {
			return err
		}
	}
}

// run has WasmEdge run the guest, with an executor and instances of its own.
func (g *guest) run(ctx context.Context) error {
	g.ctx = ctx
	config := g.configure()
	defer config.Release()
	executor := wasmedge.NewExecutorWithConfig(config)
	defer executor.Release()
	g.executor = (*C.WasmEdge_ExecutorContext)(inner(executor))
	store := wasmedge.NewStore()
	defer store.Release()

	handle := cgo.NewHandle(g)
	defer handle.Delete()
	g.inC.handle = C.uintptr_t(handle)
	g.inC.plane.epoch = C.wasisock_monotonic()
	g.inC.plane.epoch -= C.int64_t(g.Nanotime())
	g.inC.stack_limit = C.uint64_t(g.startLimit())
	C.wasisock_running(g.inC)
	defer C.wasisock_running(nil)
	imports, free := g.makeImports()
	defer free()
	if err := executor.RegisterImport(store, imports); err != nil {
		return fmt.Errorf("the guest's imports: %w", err)
	}
	defer g.cancelWith(ctx)()

	result, err := g.instantiate((*C.WasmEdge_StoreContext)(inner(store)))
	if g.instance != nil {
		defer C.WasmEdge_ModuleInstanceDelete(g.instance)
	}
	g.inC.stack_limit = C.uint64_t(g.stackLimit())
	switch {
	case g.Err != nil:
		return g.Err
	case err != nil, ctx.Err() != nil:
		return wasi.ErrStopped
	case !bool(C.WasmEdge_ResultOK(result)):
		return inspect.Unusable("it does not start: %s; ask whoever built it", message(result))
	}
	if !g.module.cfg.Library {
		_, err := g.call("_start", nil)
		return err
	}
	if _, err := g.call("_initialize", nil); err != nil {
		return err
	}
	return g.Serve(func(name string, params int) (func([]uint64) ([]uint64, error), error) {
		f, ok := g.exports[name]
		switch {
		case !ok || name == "_initialize":
			return nil, fmt.Errorf("the guest exports no function %q", name)
		case len(f.params) != params:
			return nil, fmt.Errorf("the guest's %s is %s, and cannot take %d arguments", name, inspect.NewSignature(f.params, f.results), params)
		case slices.ContainsFunc(slices.Concat(f.params, f.results), isNoNumber):
			return nil, fmt.Errorf("the guest's %s takes or returns other values than numbers, which cannot be passed", name)
		}
		return func(args []uint64) ([]uint64, error) { return g.call(name, args) }, nil
	})
}

// isNoNumber is of a type of values that Cmd.Call cannot pass.
func isNoNumber(t api.ValueType) bool { return t < api.ValueTypeF64 }

// instantiate runs the module's start function, if it has one.
func (g *guest) instantiate(store *C.WasmEdge_StoreContext) (result C.WasmEdge_Result, err error) {
	instantiate := func() error {
		result = C.wasisock_instantiate(g.executor, &g.instance, store, (*C.WasmEdge_ASTModuleContext)(inner(g.ast)))
		return nil
	}
	if g.module.start {
		err = g.Compute(instantiate)
	} else {
		instantiate()
	}
	return result, err
}

// call calls a function that the module exports. An error is the guest's end.
func (g *guest) call(name string, args []uint64) ([]uint64, error) {
	f := g.exports[name]
	types := append(slices.Concat(f.params, f.results), 0)
	stack := make([]uint64, max(len(f.params), len(f.results))+1)
	copy(stack, args)
	cName := C.CString(name)
	defer C.free(unsafe.Pointer(cName))
	function := C.WasmEdge_ModuleInstanceFindFunction(g.instance, C.WasmEdge_StringWrap(cName, C.uint32_t(len(name))))
	var result C.WasmEdge_Result
	err := g.Compute(func() error {
		result = C.wasisock_invoke(g.executor, function, (*C.uint8_t)(&types[0]), (*C.uint64_t)(&stack[0]), C.uint32_t(len(f.params)), C.uint32_t(len(f.results)))
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case g.Err != nil:
		return nil, g.Err
	case bool(C.WasmEdge_ResultOK(result)):
		return stack[:len(f.results)], nil
	case g.ctx.Err() != nil && (g.inC.interrupted != 0 || C.WasmEdge_ResultGetCode(result) == interrupted):
		return nil, wasi.ErrStopped
	}
	return nil, inspect.Trap(message(result))
}

// cancelWith stops what the guest runs when ctx ends, until release is called. A guest
// that is in a call then ends there, and stopping the executor has no effect.
func (g *guest) cancelWith(ctx context.Context) (release func()) {
	var mu sync.Mutex
	released := false
	g.inC.canceller = C.wasisock_canceller(g.executor)
	thread, handle := g.inC.thread, g.inC.handle
	stop := context.AfterFunc(ctx, func() {
		g.Instance.Stop() // once it computes no more, it does not again
		mu.Lock()
		if !released {
			C.WasmEdge_AsyncCancel(g.inC.canceller)
		}
		mu.Unlock()
		for g.compiled && g.Computes() {
			C.wasisock_interrupt(thread, handle)
			time.Sleep(100 * time.Microsecond) // it can be in WasmEdge's code
		}
	})
	return func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		C.WasmEdge_AsyncDelete(g.inC.canceller)
		released = true
	}
}

// interrupted is WasmEdge's code for what AsyncCancel stopped: ErrCode Interrupted in
// enum.inc.
const interrupted = 0x07

func message(r C.WasmEdge_Result) string {
	if r.Code == C.wasisock_stack_overflow {
		return "stack overflow"
	}
	return fmt.Sprintf("%s (WasmEdge's code %#x)", C.GoString(C.WasmEdge_ResultGetMessage(r)), uint32(C.WasmEdge_ResultGetCode(r)))
}

func (g *guest) configure() *wasmedge.Configure {
	config := wasmedge.NewConfigure()
	config.SetMaxMemoryPage(wasm.MaxPages)
	if g.limit > 0 {
		config.SetMaxMemoryPage(uint(min(g.limit/pageSize, wasm.MaxPages)))
	}
	if g.compiled {
		C.wasisock_ahead_of_time((*C.WasmEdge_ConfigureContext)(inner(config)))
	}
	return config
}

// makeStreams makes what C knows of the guest, and of its first sockets.
func (g *guest) makeStreams() (streams sockets.Streams, free func()) {
	const count = host.DefaultMaxSockets
	g.inC = (*C.wasisock_guest)(C.malloc(C.sizeof_wasisock_guest)) // which is never NULL in Go
	*g.inC = C.wasisock_guest{plane: C.wasisock_plane{
		first_stream: sockets.FirstSocket,
		stream_count: count,
		streams:      (*C.wasisock_stream)(C.calloc(count, C.sizeof_wasisock_stream)),
		errnos:       errnos(),
	}}
	plane := &g.inC.plane
	if plane.streams == nil {
		plane.stream_count = 0
	}
	return sockets.Streams{
			Of:       unsafe.Slice((*sockets.Stream)(unsafe.Pointer(plane.streams)), plane.stream_count),
			Received: (*uint64)(&plane.received),
			Sent:     (*uint64)(&plane.sent),
		}, func() {
			C.free(unsafe.Pointer(plane.streams))
			C.free(unsafe.Pointer(g.inC))
		}
}

// What C and Go have in common is the same in both.
var (
	_ [C.sizeof_wasisock_stream]byte = [unsafe.Sizeof(sockets.Stream{})]byte{}
	_                                = [1]byte{C.wasisock_clock ^ uint32(cengine.Clock): 0}
	_                                = [1]byte{C.wasisock_receives ^ uint32(cengine.Receives): 0}
	_                                = [1]byte{C.wasisock_sends ^ uint32(cengine.Sends): 0}
)

// errnos returns the guest's errnos by the system's, for C, where they stay.
var errnos = sync.OnceValue(func() *C.uint16_t {
	all := (*C.uint16_t)(C.calloc(C.wasisock_errno_count, C.sizeof_uint16_t))
	for e := range unsafe.Slice(all, C.wasisock_errno_count) {
		unsafe.Slice(all, C.wasisock_errno_count)[e] = C.uint16_t(sockets.Errno(unix.Errno(e)))
	}
	return all
})

// makeImports is the module that the guest imports from. free also frees what the
// functions of it know, and is for when none is called any more.
func (g *guest) makeImports() (imports *wasmedge.Module, free func()) {
	imports = wasmedge.NewModule(sockabi.Module)
	module := (*C.WasmEdge_ModuleInstanceContext)(inner(imports))
	array := (*C.wasisock_import)(C.calloc(C.size_t(len(g.functions)+1), C.sizeof_wasisock_import))
	all := unsafe.Slice(array, len(g.functions))
	for i, f := range g.functions {
		all[i] = C.wasisock_import{
			guest:    g.inC,
			function: C.uint32_t(i),
			params:   C.uint32_t(len(f.Params)),
			results:  C.uint32_t(len(f.Results)),
			kind:     uint32(cengine.KindOf(g.names[i])),
		}
		for k, t := range f.Params {
			all[i].types[k] = C.uint8_t(t)
		}
		name := C.CString(g.names[i])
		C.WasmEdge_ModuleInstanceAddFunction(module, C.WasmEdge_StringWrap(name, C.uint32_t(len(g.names[i]))), C.wasisock_function(g.types[i], &all[i]))
		C.free(unsafe.Pointer(name))
	}
	return imports, func() {
		imports.Release()
		C.free(unsafe.Pointer(array))
	}
}

// codes are the results of a host function for WasmEdge: Success, Terminated and RuntimeError of
// enum.inc's ErrCode.
var codes = [...]C.uint32_t{proxy.Returned: 0, proxy.Ends: 1, proxy.Failed: 2}

//export wasisockCall
func wasisockCall(handle C.uintptr_t, function C.uint32_t, stack *C.uint64_t, base *C.uint8_t, pages C.uint32_t) C.uint32_t {
	g := cgo.Handle(handle).Value().(*guest)
	memory := unsafe.Slice((*byte)(base), int(pages)*pageSize)
	return codes[g.HostCall(g.ctx, g.functions[function], unsafe.Slice((*uint64)(stack), 16), memory)]
}
