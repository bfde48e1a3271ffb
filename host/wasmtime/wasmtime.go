// Package wasmtime compiles guests with wasmtime, in seconds, to machine code that is faster than
// that of package host/wazero.
//
// wasmtime only computes. What guests import is wasisock's, as with package host/wazero: the
// same sockets, policy, limits, files and errors. wasmtime's own WASI is not there.
//
// It needs the build tag wasmtime and cgo, on Linux or macOS. The library is part of the Go module
// github.com/bytecodealliance/wasmtime-go. Without the tag the package compiles, and Compile
// returns errors.ErrUnsupported.
//
// A guest can be stopped whatever it computes: it stops at its next loop or call. One
// instruction is not interrupted, such as filling its memory. Each guest has a
// thread of its own, with a stack of StackSize bytes: one that recurses without end traps when that
// is full. Limits.Memory does not count it.
//
// The first Compile takes over SIGSEGV, SIGILL and SIGFPE for the rest of the process's life.
// Faults of Go's are still panics.
package wasmtime

import (
	"io"
	"time"

	"github.com/wasisock/wasisock/internal/codecache"
)

// CacheOff as Config.CacheDir keeps no compiled code on disk.
const CacheOff = codecache.Off

// StackSize is how many bytes the calls of a guest may take: about a million of the simplest function
// of Go's.
const StackSize = 32 << 20

// Config is how a module is compiled, and what holds for all its guests.
type Config struct {
	// Library is for a module such as go build -buildmode=c-shared makes: Cmd.Call calls
	// the functions that its guests export, once Cmd.Start has begun to initialize them.
	Library bool

	// AsIs compiles Go's code as Go's compiler made it. Otherwise the functions of a module that
	// says that Go made it, and that wasisock build has not rewritten already, get bodies of which
	// wasmtime makes faster code; they do the same.
	AsIs bool

	// Baseline compiles for every CPU of this architecture, and not for this one alone: for a cache
	// that other machines use. They take such code where the cache has none for their CPU.
	Baseline bool

	// Compiler is the path of a wasisock program of this version with wasmtime in it, or of another
	// that calls ServeCompiler. Compile starts it to read and compile the module, and loads what it
	// made.
	//
	// "" compiles in this process, which is unsafe for untrusted modules: there are small ones
	// that take minutes and gigabytes, and what ends the compiler ends the process.
	Compiler string

	// CompileMemory is how many bytes Compiler may use; 0 is 1 GiB and 128 times the size of the
	// module. CompileTimeout is how long it may take; 0 is a minute, and 20 s for each MB of the
	// module. A module that takes more is a *host.ModuleError.
	CompileMemory  uint64
	CompileTimeout time.Duration

	// Name is the module's name in messages of Progress.
	Name string

	// Progress receives a line when compiling takes more than two seconds, and more
	// until it ends. Nil is silent.
	Progress io.Writer

	// CacheDir is the directory for compiled code. "" is wasisock/wasmtime in the user's cache
	// directory, and CacheOff means no cache. A module is compiled every time where the
	// directory cannot be made or written to; Progress receives a line if the directory was named.
	//
	// Whoever can write to the directory can change the code that runs. If it is neither
	// root's nor this user's, or its group or others can write to it, Compile returns an
	// error; with "" it writes a line to Progress, once in a process, and uses no cache.
	CacheDir string

	// CacheSize is how many bytes CacheDir may have: the code that was not used for longest
	// is deleted for new code. 0 is 1 GiB.
	CacheSize int64
}
