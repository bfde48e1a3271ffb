// Package host runs WebAssembly guests with real sockets. A [Cmd] configures what a guest gets
// and what it may do. The engines are packages of their own: host/wazero, host/wasmtime and
// host/wasmedge.
//
// A guest is a WASI command module, as go build makes for GOOS=wasip1. An engine compiles it
// once to a Module, and each Cmd runs that once:
//
//	module, err := wazero.Compile(ctx, wasm, wazero.Config{})
//	…
//	defer module.Close()
//	cmd := host.Command(module, "server", "-addr", "127.0.0.1:8080")
//	cmd.Policy, err = host.ParsePolicy("listen tcp 127.0.0.1:8080")
//	…
//	err = cmd.Run(ctx)
//
// If the engine's Config has Library, the module is a library, as go build -buildmode=c-shared
// makes it. Its functions are called, and the guest keeps its state from call to call:
//
//	err = cmd.Start(ctx)
//	results, err := cmd.Call(ctx, "handle", 1, 2)
//	…
//	cmd.Stop()
//	err = cmd.Wait() // ErrStopped
package host

import (
	"context"
	"net"
)

// A Module is a guest's code, compiled by an engine. Any number of guests can run it,
// one after the other and at once; they share the code and nothing else.
type Module interface {
	// Start begins to run a guest as the Cmd says, until ctx ends. Cmd calls it, and engines
	// implement it.
	Start(ctx context.Context, c *Cmd) (Guest, error)

	// Close frees the code. No guest may run it any more.
	Close() error
}

// A Guest is a running guest, for the Cmd that started it. All methods but Wait may be called
// from any goroutine at any time.
type Guest interface {
	// Wait waits for its end, once. It returns the errors of Cmd.Wait, without ExitError.
	Wait() (exitCode int, err error)
	Addrs() []net.Addr
	Done() <-chan struct{} // closed when it has ended

	// Drain begins the shutdown of Cmd.Shutdown. If hurry, it waits for no connection.
	Drain(hurry bool)

	// Signal delivers a signal of WASI's number, and reports whether the guest handles or
	// ignores it.
	Signal(number int) bool

	// Release implements Cmd.Release.
	Release(net.Listener)
	Stats() Stats

	// Stop is called when its context has ended. It does not wait for the guest, and returns
	// the errors of Cmd.Stop.
	Stop() error

	// Call implements Cmd.Call.
	Call(ctx context.Context, name string, args []uint64) ([]uint64, error)
}

// A ModuleError is returned for a file that cannot be a guest. Text is one line: what is wrong,
// and the remedy.
type ModuleError struct{ Text string }

func (e *ModuleError) Error() string { return e.Text }

// A TrapError reports that the guest did what wasm forbids, such as an access beyond its
// memory. Text is the engine's report of several lines, with the guest's stack if the engine
// knows it.
type TrapError struct{ Text string }

func (e *TrapError) Error() string { return e.Text }
