// Package wasmedge compiles guests with WasmEdge, ahead of time to machine code or for
// its interpreter.
//
// WasmEdge only computes. What guests import is wasisock's, as with package
// host/wazero: the same sockets, policy, limits, files and errors. WasmEdge's own WASI
// is not there.
//
// It needs the build tag wasmedge, cgo and libwasmedge 0.14 or 0.17, built against the headers
// of 0.14. Without the tag the package compiles, and Compile returns errors.ErrUnsupported.
// scripts/get-wasmedge.sh --cgo-env prints an environment for the build.
//
// The first guest of compiled code takes over SIGSEGV, SIGBUS and SIGFPE for the rest of the
// process's life, and keeps one thread for that. So faults in Go code are still panics:
// WasmEdge takes these signals over too, and does not restore them. Stopping a guest that
// computes sends it a SIGSEGV.
package wasmedge

import (
	"io"
	"time"

	"github.com/wasisock/wasisock/internal/codecache"
)

// CacheOff as Config.CacheDir keeps no compiled code on disk.
const CacheOff = codecache.Off

// A Config says how to compile a module, and holds the settings of all its guests. The zero
// Config is valid.
type Config struct {
	// AOT says when the module is compiled ahead of time, and so whether its guests run
	// compiled code.
	AOT AOT

	// Interruptible is for untrusted code: a guest of compiled code then stops at once,
	// whatever it computes. Without it a guest that only fills, copies or grows memory or
	// tables may run on until its next call of the host; other guests stop within milliseconds,
	// on x86-64 and arm64. It costs work on every iteration of every loop: HTTP serving needs
	// 10 times the CPU. Interpreted guests always stop.
	Interruptible bool

	// Library is for a module that exports functions, as go build -buildmode=c-shared makes:
	// Cmd.Start initializes the guest, and Cmd.Call calls its functions.
	Library bool

	// AsIs compiles a module without rewriting it. Otherwise each function of a module built by
	// Go gets a second body, which does the same and which WasmEdge compiles to faster code.
	// Modules that wasisock build has rewritten are not rewritten again. Interpreted guests are
	// never rewritten.
	AsIs bool

	// Compiler is the path of the command wasisock of this version, built with the same
	// WasmEdge, or of another program that calls ServeCompiler. Compile starts it to validate
	// the module and compile it ahead of time, and loads the result.
	//
	// "" does that in this process, which is unsafe for untrusted modules: a small one can take
	// hours and gigabytes, and some make WasmEdge abort the process.
	Compiler string

	// CompileMemory is the number of bytes that Compiler may use; 0 means 2 GiB and 512 times
	// the size of the module. CompileTimeout is the time that it may take; 0 means 5 minutes,
	// and 2 minutes for each MB of the module. Compile returns a *host.ModuleError for a module
	// that needs more.
	CompileMemory  uint64
	CompileTimeout time.Duration

	// Name is the module's name in messages of Progress.
	Name string

	// Progress receives a line when compiling takes more than two seconds, and further lines
	// until it ends. Nil means none.
	Progress io.Writer

	// OnCompiled is called once with AOTAuto: with nil as soon as guests that start run
	// compiled code, or with the error because of which they do not. It may be nil.
	OnCompiled func(error)

	// CacheDir is the directory for compiled code. "" means wasisock/aot in the user's cache
	// directory, and CacheOff no cache. If the directory cannot be made or written to, each
	// Compile compiles, and Progress receives a line if CacheDir is not "".
	//
	// Whoever can write to the directory can change the code that runs. If it is neither
	// root's nor this user's, or its group or others can write to it, Compile returns an
	// error; with "" it writes a line to Progress, once in a process, and uses no cache.
	CacheDir string

	// CacheSize is the number of bytes that CacheDir may hold: the least recently used code is
	// deleted for new code. 0 means 1 GiB.
	CacheSize int64

	//lint:ignore U1000 the build with WasmEdge inside uses it
	// unoptimized has LLVM compile in a fifteenth of the time, for tests.
	unoptimized bool
}

// AOT says when a module is compiled ahead of time. That takes about a minute for a program
// with net/http; the code is cached on disk.
//
// A guest that recurses without end traps, compiled or interpreted. The interpreter first uses
// up to 128 MB for its calls, which Limits.Memory does not count, or two to four times the
// limit of its tables if that is more. Compile returns errors.ErrUnsupported if that limit has
// no effect, as in a C++ program with an operator new of its own.
type AOT int

const (
	AOTWait AOT = iota // before Compile returns
	AOTAuto            // beside guests that start meanwhile and are interpreted, if not before
	AOTOff             // never
)
