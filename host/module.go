// Package host runs WebAssembly guests with real sockets, and configures what a guest gets,
// and what it may do. It makes no system calls; package host/wazero runs guests.
//
// A guest is a WASI command module, such as GOOS=wasip1 go build makes. An engine
// compiles it to a Module, once, and each Cmd runs it once:
//
//	module, err := wazero.Compile(ctx, wasm, wazero.Config{})
//	…
//	defer module.Close()
//	cmd := host.Command(module, "server", "-addr", "127.0.0.1:8080")
//	cmd.Policy, err = host.ParsePolicy("listen tcp 127.0.0.1:8080")
//	…
//	err = cmd.Run(ctx)
//
// Where an engine can be told that a module is a library, as go build -buildmode=c-shared
// makes them, its functions are called, and what the guest holds lives from call to call:
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
	// Start begins to run a guest as the Cmd says, until ctx ends. It is for Cmd to
	// call, and for engines to write.
	Start(ctx context.Context, c *Cmd) (Guest, error)

	// Close frees the code. No guest may run it any more.
	Close() error
}

// A Guest is how a Cmd sees the guest that it started. All but Wait can be called from
// any goroutine at any time.
type Guest interface {
	// Wait waits for its end, once. It returns the errors of Cmd.Wait, without ExitError.
	Wait() (exitCode int, err error)
	Addrs() []net.Addr
	Done() <-chan struct{} // closed when it has ended

	// Drain begins what Cmd.Shutdown asks for. In a hurry, no connection is waited for.
	Drain(hurry bool)

	// Signal delivers a signal of WASI's number, and reports whether the guest handles or
	// ignores it.
	Signal(number int) bool

	// Release does what Cmd.Release is for.
	Release(net.Listener)
	Stats() Stats

	// Stop is called when its context has ended. It does not wait for the guest, and
	// answers as Cmd.Stop does.
	Stop() error

	// Call is as Cmd.Call says.
	Call(ctx context.Context, name string, args []uint64) ([]uint64, error)
}

// A ModuleError says why a file cannot be a guest, in one line: what is wrong with
// it and what to do.
type ModuleError struct{ Text string }

func (e *ModuleError) Error() string { return e.Text }

// A TrapError is the end of a guest that did what wasm forbids, such as reaching
// memory that it does not have. Text is the engine's report, with the guest's stack
// when the engine knows it: several lines.
type TrapError struct{ Text string }

func (e *TrapError) Error() string { return e.Text }
