// Package wasmedge compiles guests with WasmEdge, ahead of time to machine code or for
// its interpreter.
//
// WasmEdge only computes. What guests import is wasisock's, as with package
// host/wazero: the same sockets, policy, limits, files and errors. WasmEdge's own WASI
// is not there.
//
// It needs the build tag wasmedge, cgo and libwasmedge 0.14 or 0.17, built against the
// headers of 0.14. Without the tag the package compiles, and Compile answers
// errors.ErrUnsupported. scripts/get-wasmedge.sh --cgo-env prints an environment for
// the build.
//
// The first guest of compiled code takes over SIGSEGV, SIGBUS and SIGFPE for the rest
// of the process's life, so that faults of Go's are still panics while guests run, and
// after: WasmEdge takes them over itself, and does not give them back. It keeps one
// thread for that. A guest that is stopped while it computes is sent a SIGSEGV.
package wasmedge

import (
	"io"
	"time"

	"github.com/wasisock/wasisock/internal/codecache"
)

// CacheOff as Config.CacheDir keeps no compiled code on disk.
const CacheOff = codecache.Off

// Config is how a module is compiled, and what holds for all its guests.
type Config struct {
	// AOT is when the module is compiled ahead of time, and so whether its guests are.
	AOT AOT

	// Interruptible is for untrusted code: a guest of compiled code then stops at
	// once, whatever it computes. Without it one that does little but have WasmEdge fill,
	// copy or grow memory or tables may go on until its next call of the host; others
	// stop within milliseconds, on x86-64 and arm64. It costs work on every iteration of
	// every loop: HTTP serving needs 10 times the CPU. Interpreted guests always stop.
	Interruptible bool

	// Library is for a module such as go build -buildmode=c-shared makes: Cmd.Call calls
	// the functions that its guests export, once Cmd.Start has begun to initialize them.
	Library bool

	// AsIs compiles Go's code as Go's compiler made it. Otherwise the functions of a module that
	// says that Go made it, and that wasisock build has not rewritten already, get bodies of which
	// WasmEdge makes faster code; they do the same. Guests that are interpreted run as they are.
	AsIs bool

	// Compiler is the path of a wasisock program of this version with the same WasmEdge in it,
	// or of another that calls ServeCompiler. Compile starts it to read, validate and compile
	// the module ahead of time, and loads what it passed or made.
	//
	// "" does that in this process, which is unsafe for untrusted modules: there are small ones
	// that take hours and gigabytes, and WasmEdge aborts the process at some.
	Compiler string

	// CompileMemory is how many bytes Compiler may use; 0 is 2 GiB and 512 times the size of
	// the module. CompileTimeout is how long it may take; 0 is 5 minutes, and 2 minutes for each
	// MB of the module. A module that takes more is a *host.ModuleError.
	CompileMemory  uint64
	CompileTimeout time.Duration

	// Name is the module's name in messages of Progress.
	Name string

	// Progress receives a line when compiling takes more than two seconds, and more
	// until it ends. Nil is silent.
	Progress io.Writer

	// OnCompiled is called once, with AOTAuto: with nil when guests that start from now
	// on run compiled code, else with why they do not. It may be nil.
	OnCompiled func(error)

	// CacheDir is the directory for compiled code. "" is wasisock/aot in the user's cache
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

	//lint:ignore U1000 the build with WasmEdge inside uses it
	// unoptimized has LLVM compile in a fifteenth of the time, for tests.
	unoptimized bool
}

// AOT says when a module is compiled ahead of time. That takes about a minute for a
// program with net/http, once: the code is kept on disk.
//
// A guest that recurses without end traps in each way. Interpreted, it takes up to 128 MB for its
// calls first, which Limits.Memory does not count, and two to four times as much as its tables can
// have, if that is more. Compile returns errors.ErrUnsupported where the interpreter does not
// heed that, as in a program with an operator new of its own, in C++.
type AOT int

const (
	AOTWait AOT = iota // before Compile returns
	AOTAuto            // beside guests that start meanwhile and are interpreted, if not before
	AOTOff             // never
)
