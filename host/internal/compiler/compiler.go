// Package compiler reads and compiles a module in a process of its own.
//
// Engines need unlimited time and memory for some small modules, and crash at others. So a child
// process does that work, within limits of time and memory, and its parent loads the result. The
// child is a program that calls Serve:
//
//	PROGRAM internal-compile ENGINE MEMORY DIR [ARGUMENT]...
//
// DIR is a directory for the job only, with the module in the file module.wasm. The child writes
// its results there. It ends at once when its standard input ends, and so with its parent. It
// prints an error to its standard output, and exits with code 126 if the module is at fault.
package compiler

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/inspect"
)

// word is the first argument of a process that is a compiler.
const word = "internal-compile"

// Exit codes of a compiler.
const (
	exitSignal   = -1
	exitPanic    = 2 // of Go's
	exitFailed   = 125
	exitUnusable = 126
)

// variable is set in the environment of a compiler, which then starts no compiler itself.
// Otherwise a program that does not call Serve would start itself again and again.
const variable = "WASISOCK_IS_COMPILER"

const moduleFile = "module.wasm"

// A Job describes the work of a child.
type Job struct {
	Program string // calls Serve
	Engine  string
	Args    []string // for the engine's function
	Dir     string   // a directory of the job alone
	Module  []byte
	Memory  uint64        // bytes that the child may have, beyond its code and stacks
	Timeout time.Duration // of wall time
}

// Run does the job. The error is a *host.ModuleError if the module is at fault: if it is invalid,
// if compiling it takes too much time or memory, or if the compiler crashes. It is the cause of
// ctx if ctx is done before.
func (j Job) Run(ctx context.Context) error {
	if os.Getenv(variable) != "" {
		return fmt.Errorf("the compiler %s was started and compiles nothing; name a wasisock program, or call ServeCompiler in main", j.Program)
	}
	if err := os.WriteFile(filepath.Join(j.Dir, moduleFile), j.Module, 0o600); err != nil {
		return err
	}
	inTime, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	args := append([]string{word, j.Engine, strconv.FormatUint(j.Memory, 10), j.Dir}, j.Args...)
	cmd := exec.CommandContext(inTime, j.Program, args...)
	cmd.Env = append(cmd.Environ(), variable+"=1", "GOTRACEBACK=none")
	cmd.WaitDelay = time.Second
	var stdout, stderr capped
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case inTime.Err() != nil:
		return inspect.Unusable("compiling it takes longer than %v; raise the limit by --compile-timeout or Config.CompileTimeout", j.Timeout)
	case !errors.As(err, &exit):
		return fmt.Errorf("the compiler does not start: %w; name a wasisock program", err)
	case exit.ExitCode() == exitUnusable:
		return inspect.Unusable("%s", firstLine(stdout.String()))
	case outOfMemory(stderr.String()):
		return inspect.Unusable("compiling it takes more than %d MB of memory; raise the limit by --compile-memory or Config.CompileMemory", j.Memory>>20)
	case exit.ExitCode() != exitSignal && exit.ExitCode() != exitPanic:
		return fmt.Errorf("the compiler %s failed: %s; name a wasisock program of this version, with %s in it",
			j.Program, cmp.Or(firstLine(stdout.String()+stderr.String()), err.Error()), j.Engine)
	}
	return inspect.Unusable("the compiler crashes at it: %v: %s; ask whoever built it", err, firstLine(stderr.String()))
}

// Await calls prepare and returns its error. If ctx is done before, Await returns the cause of ctx
// at once, and prepare goes on. drop is called when prepare has returned, if it failed or was too
// late.
func Await(ctx context.Context, prepare func(context.Context) error, drop func()) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	done := make(chan error, 1)
	go func() { done <- prepare(ctx) }()
	select {
	case err := <-done:
		if err != nil {
			drop()
		}
		return err
	case <-ctx.Done():
		go func() {
			<-done
			drop()
		}()
		return context.Cause(ctx)
	}
}

// outOfMemory reports whether the output of a program means that it got no more memory, or none
// for a thread: of a Go program, also with the race detector, of C++ or of LLVM.
func outOfMemory(stderr string) bool {
	for _, text := range []string{
		"out of memory", "Out of memory", "cannot allocate", "failed to allocate", "bad_alloc", "memory allocation of",
		"failed to create new OS thread", "pthread_create failed",
	} {
		if strings.Contains(stderr, text) {
			return true
		}
	}
	return false
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	const most = 1000
	return line[:min(most, len(line))]
}

// capped keeps the beginning of the bytes that are written to it.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	const most = 64 << 10
	c.Buffer.Write(p[:min(len(p), max(0, most-c.Len()))])
	return len(p), nil
}

// Serve calls compile and exits, if this process was started as the compiler of an engine. compile
// gets the module, the directory for its results, and the arguments of the Job.
func Serve(engine string, compile func(wasm []byte, dir string, args []string) error) {
	const fixed = 5
	if len(os.Args) < fixed || os.Args[1] != word || os.Args[2] != engine {
		return
	}
	os.Exit(serve(os.Args[3], os.Args[4], os.Args[fixed:], compile))
}

func serve(memory, dir string, args []string, compile func([]byte, string, []string) error) int {
	signal.Ignore(os.Interrupt, syscall.SIGHUP) // from a terminal: the parent decides
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(exitFailed)
	}()
	limit, err := strconv.ParseUint(memory, 10, 63)
	if err == nil {
		err = limitMemory(limit)
	}
	if err != nil {
		fmt.Println(err)
		return exitFailed
	}
	debug.SetMemoryLimit(int64(limit / 4 * 3))
	wasm, err := os.ReadFile(filepath.Join(dir, moduleFile))
	if err == nil {
		err = compile(wasm, dir, args)
	}
	var module *host.ModuleError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &module):
		fmt.Println(module.Text)
		return exitUnusable
	}
	fmt.Println(err)
	return exitFailed
}
