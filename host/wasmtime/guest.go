//go:build wasmtime && cgo

package wasmtime

// #include <stdlib.h>
// #include "engine.h"
import "C"

import (
	"context"
	"fmt"
	"math"
	"runtime/cgo"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/cengine"
	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/host/internal/proxy"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/host/internal/wasi"
	"github.com/wasisock/wasisock/internal/wasm"
)

const (
	// element is how many bytes wasmtime gives an element of a table.
	element = 8

	// goStack is added to StackSize for what Go does in a call.
	goStack = 1 << 20

	guard = 64 << 10
)

// A guest is one run of a module.
type guest struct {
	*proxy.Guest
	*module
	ctx   context.Context
	inC   *C.wasisock_guest
	limit uint64 // of its memory, in bytes; 0 means none
}

// Start prepares the guest here, and runs it on a thread of its own.
func (m *module) Start(ctx context.Context, c *host.Cmd) (host.Guest, error) {
	limit, err := inspect.MemoryLimit(c.Limits.Memory, m.Elements(), element)
	if err != nil {
		return nil, err
	}
	if least := uint64(m.MinPages) * wasm.PageSize; limit > 0 && least > limit {
		return nil, inspect.Unusable("it needs %d bytes of memory and may have %d; raise the limit", least, limit)
	}
	g := &guest{module: m, limit: limit}
	streams, free := g.makeStreams()
	if g.Guest, err = m.proxy.NewGuest(c, streams); err != nil {
		free()
		return nil, err
	}
	g.OnEnd(free)
	if m.library {
		g.Library()
	}
	g.Interruptible()
	g.OnThread(func(run func()) error { return cengine.Thread(StackSize+goStack, guard, run) })
	if err := g.Instance.Start(ctx, g.run); err != nil {
		return nil, err
	}
	return g, nil
}

// run has wasmtime run the guest, in a store of its own.
func (g *guest) run(ctx context.Context) error {
	g.ctx = ctx
	handle := cgo.NewHandle(g)
	defer handle.Delete()
	g.inC.handle = C.uintptr_t(handle)
	g.inC.plane.epoch = C.wasisock_wasmtime_monotonic()
	g.inC.plane.epoch -= C.int64_t(g.Nanotime())
	most := uint64(math.MaxInt64)
	if g.limit > 0 {
		most = g.limit
	}
	most = min(most, wasm.MaxPages*wasm.PageSize)
	C.wasisock_wasmtime_open(g.inC, C.int64_t(most), wasm.MaxElements, C.int64_t(len(g.Tables)))
	defer C.wasmtime_store_delete(g.inC.store)
	defer g.stopWith(ctx)()

	end, err := g.instantiate()
	switch {
	case err != nil || g.ends():
		end.drop()
		return g.reason(err)
	case end.failed():
		return end.startError()
	}
	if !g.library {
		_, err := g.call("_start", nil)
		return err
	}
	if _, err := g.call("_initialize", nil); err != nil {
		return err
	}
	return g.Serve(func(name string, params int) (func([]uint64) ([]uint64, error), error) {
		t, ok := g.exports[name]
		switch {
		case !ok || name == "_initialize":
			return nil, fmt.Errorf("the guest exports no function %q", name)
		case len(t.Params) != params:
			return nil, fmt.Errorf("the guest's %s is %s, and cannot take %d arguments", name, signature(t), params)
		case slices.ContainsFunc(slices.Concat(t.Params, t.Results), isNoNumber):
			return nil, fmt.Errorf("the guest's %s takes or returns other values than numbers, which cannot be passed", name)
		}
		return func(args []uint64) ([]uint64, error) { return g.call(name, args) }, nil
	})
}

// isNoNumber is of a type of values that Cmd.Call cannot pass.
func isNoNumber(t wasm.Type) bool { return t < wasm.F64 }

// ends reports whether the guest has ended in a call, or is to end.
func (g *guest) ends() bool { return g.Err != nil || g.ctx.Err() != nil }

// reason returns why a guest ended that did not trap.
func (g *guest) reason(err error) error {
	switch {
	case g.Err != nil:
		return g.Err
	case err != nil:
		return err
	}
	return wasi.ErrStopped
}

// instantiate runs the module's start function, if it has one.
func (g *guest) instantiate() (end ending, err error) {
	n := len(g.functions)
	imports := (*C.wasisock_import)(C.calloc(C.size_t(n+1), C.sizeof_wasisock_import))
	g.OnEnd(func() { C.free(unsafe.Pointer(imports)) }) // once the store is deleted
	for i, f := range g.functions {
		all := unsafe.Slice(imports, n)
		all[i] = C.wasisock_import{
			guest:    g.inC,
			function: C.uint32_t(i),
			params:   C.uint32_t(len(f.Params)),
			results:  C.uint32_t(len(f.Results)),
			kind:     uint32(cengine.KindOf(g.Imports[i].Name)),
		}
		for k, t := range f.Params {
			all[i].types[k] = C.uint8_t(t)
		}
	}
	types := append(slices.Clone(g.types), nil)
	instantiate := func() error {
		end = ending{C.wasisock_wasmtime_instantiate(g.inC, g.code, &types[0], imports, C.size_t(n)), g.module}
		return nil
	}
	if !g.Module.Start {
		return end, instantiate()
	}
	err = g.Compute(instantiate)
	return end, err
}

// call calls a function that the module exports. An error is the guest's end.
func (g *guest) call(name string, args []uint64) ([]uint64, error) {
	t := g.exports[name]
	stack := make([]uint64, max(len(t.Params), len(t.Results))+1)
	copy(stack, args)
	var end ending
	err := g.Compute(func() error {
		end = ending{C.wasisock_wasmtime_invoke(g.inC, (*C.char)(unsafe.Pointer(unsafe.StringData(name))), C.size_t(len(name)),
			(*C.uint64_t)(&stack[0]), C.size_t(len(stack)-1)), g.module}
		return nil
	})
	switch {
	case err == nil && g.Err == nil && !end.failed():
		for i, t := range t.Results {
			if t == wasm.I32 || t == wasm.F32 {
				stack[i] = uint64(uint32(stack[i]))
			}
		}
		return stack[:len(t.Results)], nil
	case err != nil, g.Err != nil, g.ctx.Err() != nil && end.stopped():
		end.drop()
		return nil, g.reason(err)
	}
	return nil, end.trap()
}

// stopWith stops what the guest runs when ctx ends, until release is called.
func (g *guest) stopWith(ctx context.Context) (release func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		g.Instance.Stop() // once it computes no more, it does not again
		for g.Computes() {
			C.wasisock_wasmtime_stop(g.inC)
			time.Sleep(time.Millisecond) // it may have looked just before, for another that is stopped
		}
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// makeStreams makes what C knows of the guest, and of its first sockets.
func (g *guest) makeStreams() (streams sockets.Streams, free func()) {
	const count = host.DefaultMaxSockets
	g.inC = (*C.wasisock_guest)(C.calloc(1, C.sizeof_wasisock_guest)) // which is never NULL in Go
	g.inC.engine, _ = engine()
	plane := &g.inC.plane
	*plane = C.wasisock_plane{
		first_stream: sockets.FirstSocket,
		stream_count: count,
		streams:      (*C.wasisock_stream)(C.calloc(count, C.sizeof_wasisock_stream)),
		errnos:       errnos(),
	}
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

//export wasisockWasmtimeCall
func wasisockWasmtimeCall(handle C.uintptr_t, function C.uint32_t, stack *C.uint64_t, base *C.uint8_t, size C.size_t) C.uint32_t {
	g := cgo.Handle(handle).Value().(*guest)
	return C.uint32_t(g.HostCall(g.ctx, g.functions[function], unsafe.Slice((*uint64)(stack), 16), unsafe.Slice((*byte)(base), int(size))))
}
