// Package wasmtime compiles guests with wasmtime, in seconds, to machine code that is faster than
// that of package host/wazero.
//
// wasmtime only computes. What guests import is wasisock's, as with package host/wazero: the
// same sockets, policy, limits, files and errors. wasmtime's own WASI is not there.
//
// It needs the build tag wasmtime and cgo, on Linux or macOS. The library is part of the Go
// module github.com/bytecodealliance/wasmtime-go. Without the tag the package compiles, and
// Compile returns errors.ErrUnsupported.
//
// A guest can be stopped whatever it computes: it stops at its next loop or call. One
// instruction is not interrupted, such as filling its memory. Each guest has a
// thread of its own, with a stack of StackSize bytes: one that recurses without end traps when that
// is full. Limits.Memory does not count it.
//
// The first Compile takes over SIGSEGV, SIGILL and SIGFPE for the rest of the process's life.
// Faults in Go code are still panics.
package wasmtime

import (
	"io"
	"time"

	"github.com/wasisock/wasisock/internal/codecache"
)

// CacheOff as Config.CacheDir keeps no compiled code on disk.
const CacheOff = codecache.Off

// StackSize is the number of bytes that the nested calls of a guest may take: about a million
// calls of Go's simplest function.
const StackSize = 32 << 20

// A Config says how to compile a module, and holds the settings of all its guests. The zero
// Config is valid.
type Config struct {
	// Library is for a module that exports functions, as go build -buildmode=c-shared makes:
	// Cmd.Start initializes the guest, and Cmd.Call calls its functions.
	Library bool

	// AsIs compiles a module without rewriting it. Otherwise each function of a module built by
	// Go gets a second body, which does the same and which wasmtime compiles to faster code.
	// Modules that wasisock build has rewritten are not rewritten again.
	AsIs bool

	// Baseline compiles for every CPU of this architecture, and not for this one alone: for a cache
	// that other machines use. They take such code where the cache has none for their CPU.
	Baseline bool

	// Compiler is the path of the command wasisock of this version, built with wasmtime, or of
	// another program that calls ServeCompiler. Compile starts it to read and compile the
	// module, and loads the result.
	//
	// "" compiles in this process, which is unsafe for untrusted modules: a small one can take
	// minutes and gigabytes, and a crash of the compiler ends the process.
	Compiler string

	// CompileMemory is the number of bytes that Compiler may use; 0 means 1 GiB and 128 times
	// the size of the module. CompileTimeout is the time that it may take; 0 means a minute,
	// and 20 s for each MB of the module. Compile returns a *host.ModuleError for a module that
	// needs more.
	CompileMemory  uint64
	CompileTimeout time.Duration

	// Name is the module's name in messages of Progress.
	Name string

	// Progress receives a line when compiling takes more than two seconds, and further lines
	// until it ends. Nil means none.
	Progress io.Writer

	// CacheDir is the directory for compiled code. "" means wasisock/wasmtime in the user's
	// cache directory, and CacheOff no cache. If the directory cannot be made or written to,
	// each Compile compiles, and Progress receives a line if CacheDir is not "".
	//
	// Whoever can write to the directory can change the code that runs. If it is neither
	// root's nor this user's, or its group or others can write to it, Compile returns an
	// error; with "" it writes a line to Progress, once in a process, and uses no cache.
	CacheDir string

	// CacheSize is the number of bytes that CacheDir may hold: the least recently used code is
	// deleted for new code. 0 means 1 GiB.
	CacheSize int64
}
