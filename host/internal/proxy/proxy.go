// Package proxy runs the calls of guests whose code runs on engines written in C. They import
// wazero's functions, which are called with a proxy in place of the guest: an instance of wazero
// whose memory is the guest's.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/instance"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/host/internal/wasi"
	"github.com/wasisock/wasisock/internal/wasm"
)

// proxyModule has only a memory:
//
//	(module (memory (export "memory") 0))
var proxyModule = []byte("\x00asm\x01\x00\x00\x00\x05\x03\x01\x00\x00\x07\x0a\x01\x06memory\x02\x00")

// A Module holds the state that the guests of one module share.
type Module struct {
	Imports *wasi.Functions // functions that guests can import

	proxy   wazero.CompiledModule
	runtime wazero.Runtime
}

// New makes a Module. The caller closes it.
func New(ctx context.Context) (*Module, error) {
	m := &Module{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())}
	var err error
	if m.proxy, err = m.runtime.CompileModule(ctx, proxyModule); err == nil {
		m.Imports, err = wasi.NewFunctions(ctx, m.runtime)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// Close frees the state that the guests shared.
func (m *Module) Close() { m.runtime.Close(context.Background()) }

// A Guest is one run of a module.
type Guest struct {
	*instance.Instance

	// Err is the reason why the guest ended in a call: wasi.ErrStopped, a *sys.ExitError, or an
	// error for a panic of the host.
	Err error

	proxy   api.Module
	memory  memory
	pages   atomic.Uint32 // size of the proxy's memory
	yielded int64         // when yield last yielded, by the guest's clock
}

// A memory is a guest's memory for wazero.
type memory struct{ bytes []byte }

func (m *memory) Allocate(_, _ uint64) experimental.LinearMemory { return m }
func (m *memory) Reallocate(size uint64) []byte                  { return m.bytes[:size:size] }
func (m *memory) Free()                                          {}

// NewGuest makes a guest with the settings of c. The caller must call either Start or Close.
func (m *Module) NewGuest(c *host.Cmd, streams sockets.Streams) (*Guest, error) {
	g := &Guest{memory: memory{bytes: []byte{}}}
	var err error
	if g.Instance, err = instance.New(m.Imports, c, g.size, streams); err != nil {
		return nil, err
	}
	ctx := experimental.WithMemoryAllocator(context.Background(), &g.memory)
	if g.proxy, err = m.runtime.InstantiateModule(ctx, m.proxy, g.Config()); err != nil {
		g.Close()
		return nil, err
	}
	g.OnEnd(func() { g.proxy.Close(context.Background()) })
	return g, nil
}

// size returns the bytes of memory that the guest had at its last call.
func (g *Guest) size() uint64 { return uint64(g.pages.Load()) * wasm.PageSize }

// An Outcome is how a call of the host ended.
type Outcome int

const (
	Returned Outcome = iota
	Ends             // the guest ends by the call
	Failed           // the host panicked
)

// HostCall calls a function for the guest. stack has the parameters and gets the result. memory is
// the whole memory of the guest. If the call does not return to the guest, Err is the reason.
func (g *Guest) HostCall(ctx context.Context, f wasi.Function, stack []uint64, memory []byte) (outcome Outcome) {
	defer func() {
		switch v := recover().(type) {
		case nil:
			return
		case error:
			var exit *sys.ExitError
			if errors.Is(v, wasi.ErrStopped) || errors.As(v, &exit) {
				g.Err, outcome = v, Ends
				return
			}
			g.Err, outcome = hostPanic(v), Failed
		default:
			g.Err, outcome = hostPanic(v), Failed
		}
	}()
	g.resize(memory)
	g.yield()
	f.Call(ctx, g.Guest, g.proxy, stack)
	return Returned
}

func hostPanic(v any) error { return fmt.Errorf("the host panicked: %v\n%s", v, debug.Stack()) }

// yield lets Go schedule other goroutines, before this one has been in C and in calls of the host
// for 10 ms. After that, Go's monitor would take away its processor every 20 us, which it would
// have to get back for the next call.
func (g *Guest) yield() {
	if now := g.Nanotime(); now-g.yielded > int64(8*time.Millisecond) {
		g.yielded = now
		runtime.Gosched()
	}
}

// resize makes the proxy's memory that of the guest. A guest's memory only grows, and never moves,
// since engines reserve addresses for its largest size.
func (g *Guest) resize(memory []byte) {
	had := g.memory.bytes
	if len(memory) == len(had) && (len(had) == 0 || &memory[0] == &had[0]) {
		return
	}
	if len(had) > 0 && &memory[0] != &had[0] {
		panic(errors.New("the engine has moved the guest's memory, where wasisock cannot follow"))
	}
	g.memory.bytes = memory
	pages := uint32(len(memory) / wasm.PageSize)
	g.proxy.Memory().Grow(pages - g.pages.Swap(pages))
}
