package hosttest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/internal/wasm"
)

// aboutModules tests which modules are rejected, and how those that break the rules of wasm end.
var aboutModules = []sentence{
	{
		says: "Compile rejects a module that cannot run, and says what to do",
		test: rejectsModules,
	},
	{
		says: "a module of wasm 2.0 runs, and one of a later proposal is rejected",
		test: oneVerdict,
	},
	{
		says: "the signature of an import chooses its version",
		test: versionsBySignature,
	},
	{
		says:  "a guest that breaks a rule of wasm ends with a TrapError",
		needs: Interruptible,
		test:  traps,
	},
	{
		says:    "errors about a module and its traps are short, and steer no terminal",
		promise: promiseTexts,
		needs:   Interruptible,
		test:    safeErrors,
	},
	{
		says:  "a TrapError has the guest's stack",
		needs: TrapStacks | Interruptible,
		test:  trapStacks,
	},
	{
		says:    "a module that takes too long to compile is an error at the limit of time",
		promise: promiseLimits,
		needs:   Compiled,
		test:    compileTimeout,
	},
	{
		says:    "a module that takes too much memory to compile is an error at the limit of memory",
		promise: promiseLimits,
		needs:   Compiled,
		test:    compileMemory,
	},
	{
		says:  "a program of Go's calls 250,000 functions deep",
		needs: Compiled,
		test:  deepCalls,
	},
	{
		says:    "a guest that recurses without end ends with a TrapError",
		promise: promiseLimits,
		needs:   BoundedRecursion | Interruptible,
		test:    recursionTraps,
	},
	{
		says:    "a guest that recurses without end in its start function does not start",
		promise: promiseLimits,
		needs:   BoundedRecursion,
		test:    recursionInStart,
	},
	{
		says:    "guests that recurse without end at the same time all end with a TrapError",
		promise: promiseLimits,
		needs:   BoundedRecursion,
		test:    recursionAtOnce,
	},
}

func rejectsModules(t *testing.T, b *bench) {
	importing := func(f ...asm.Func) []byte { return asm.Module{Imports: f, Pages: 1}.Bytes() }
	whole := asm.Exit(asm.ConstI32(0)).Bytes()
	native, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		native = []byte("\x7fELF...")
	}
	for _, test := range []struct {
		name string
		wasm []byte
		cmd  host.Cmd
		want string
	}{
		{"an empty file", nil, host.Cmd{}, "it is empty; build one with GOOS=wasip1"},
		{"a native program", native, host.Cmd{}, `it begins with "\x7fELF", which no wasm file does; build one`},
		{"a text", []byte("#!/bin/sh\n"), host.Cmd{}, "no wasm file does"},
		{"one byte", []byte{0}, host.Cmd{}, "no wasm file does"},
		{"a cut header", whole[:6], host.Cmd{}, "ends after 6 bytes"},
		{"a component", []byte("\x00asm\x0d\x00\x01\x00"), host.Cmd{}, "it is a component, and only core modules"},
		{"a later version", []byte("\x00asm\x02\x00\x00\x00"), host.Cmd{}, "its wasm version is 0x2"},
		{"a header and nothing else", whole[:8], host.Cmd{}, "exports no _start"},
		{"a cut module", whole[:len(whole)-3], host.Cmd{}, "it is not a module that can run here"},
		{"a function of a type that is not there", []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x03\x02\x00\x63\x0a\x09\x02\x04\x00\x10\x01\x0b\x02\x00\x0b"), host.Cmd{}, "type 99 of 1"},
		{"a module with a type error", asm.Module{Pages: 1, Code: asm.Drop}.Bytes(), host.Cmd{}, "it is not a module that can run here"},
		{"a name for terminals", importing(asm.Func{Name: "\x1b[2J\n\x00"}), host.Cmd{}, `it imports \x1b[2J\n\x00, which`},
		{"a module without _start", asm.Module{Start: "main"}.Bytes(), host.Cmd{}, "exports no _start"},
		{"a library", asm.Module{Start: "_initialize"}.Bytes(), host.Cmd{}, "without -buildmode=c-shared"},
		{"a _start with parameters", asm.Module{Params: "i"}.Bytes(), host.Cmd{}, "its _start is (i32) and must take and return nothing"},
		{"no memory", asm.Module{NoMemory: true, Imports: []asm.Func{{Name: "fd_close", Params: "i", Results: "i"}}}.Bytes(), host.Cmd{}, `no memory named "memory"`},
		{"data outside of memory", asm.Module{Pages: 0, Data: "x"}.Bytes(), host.Cmd{}, "it does not start: "},
		{"a start function that traps", asm.Module{Pages: 1, IsStart: true, Code: asm.Unreachable}.Bytes(), host.Cmd{}, "it does not start: "},
		{"more memory than it may have", asm.Module{Pages: 17}.Bytes(), host.Cmd{Limits: host.Limits{Memory: 1 << 20}}, "raise the limit"},

		{"an import that nobody provides", importing(asm.Func{Name: "sock_bogus", Params: "i", Results: "i"}), host.Cmd{}, "it imports sock_bogus, which neither"},
		{"another module's import", importing(asm.Func{Module: "env", Name: "log"}), host.Cmd{}, `it imports log of "env", which nobody provides; build it without`},
		{"GOOS=js", importing(asm.Func{Module: "gojs", Name: "runtime.wasmExit", Params: "i"}), host.Cmd{}, "it was built for GOOS=js: build one with GOOS=wasip1"},
		{"old WASI", importing(asm.Func{Module: "wasi_unstable", Name: "fd_close", Params: "i", Results: "i"}), host.Cmd{}, "with a newer compiler"},
		{"threads", importing(asm.Func{Module: "wasi", Name: "thread-spawn", Params: "i", Results: "i"}), host.Cmd{}, "threads cannot run here"},
		{"WASI preview 2", importing(asm.Func{Module: "wasi:cli/environment@0.2.0", Name: "get-environment", Params: "i"}), host.Cmd{}, "WASI preview 2"},
		{"a wrong signature of a socket's", importing(asm.Func{Name: "sock_open", Params: "iI", Results: "i"}), host.Cmd{},
			"it imports sock_open as (i32 i64) i32; correct that to sock_open(af type fd*), (i32 i32 i32) i32"},
		{"a wrong result", importing(asm.Func{Name: "sock_open", Params: "iii"}), host.Cmd{}, "it imports sock_open as (i32 i32 i32); correct that"},
		{"neither of two versions", importing(asm.Func{Name: "sock_accept", Params: "iiii", Results: "i"}), host.Cmd{},
			"correct that to sock_accept(fd newfd*), (i32 i32) i32, or sock_accept(fd flags newfd*), (i32 i32 i32) i32"},
		{"a wrong signature of wazero's", importing(asm.Func{Name: "fd_seek", Params: "iiii", Results: "i"}), host.Cmd{},
			"it imports fd_seek as (i32 i32 i32 i32) i32; correct that to fd_seek("},
		{"two versions of one name", importing(
			asm.Func{Name: "sock_accept", Params: "ii", Results: "i"},
			asm.Func{Name: "sock_accept", Params: "iii", Results: "i"}), host.Cmd{},
			"it imports sock_accept as both (i32 i32) i32 and (i32 i32 i32) i32; build it with one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, err := b.run(t.Context(), test.wasm, &test.cmd)
			var module *host.ModuleError
			switch {
			case !errors.As(err, &module):
				t.Errorf("%d, %v; want a ModuleError", code, err)
			case code != -1 || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n"):
				t.Errorf("%d, %v; want one line with %q", code, err, test.want)
			}
		})
	}
}

// versionsBySignature calls each version of a name that has two, with null pointers: the
// errno distinguishes the versions.
func versionsBySignature(t *testing.T, b *bench) {
	for _, test := range []struct {
		name string
		n    int
	}{
		{"sock_accept", 2}, {"sock_accept", 3}, {"sock_accept_v2", 3},
		{"sock_recv_from", 7}, {"sock_recv_from", 8}, {"sock_recv_from_v2", 8},
		{"sock_getlocaladdr", 4}, {"sock_getlocaladdr", 3}, {"sock_getpeeraddr", 4}, {"sock_getpeeraddr_v2", 3},
	} {
		f := asm.Func{Name: test.name, Params: strings.Repeat("i", test.n), Results: "i"}
		var code []byte
		for range test.n {
			code = append(code, asm.ConstI32(0)...)
		}
		m := asm.Module{
			Imports: []asm.Func{f, {Name: "proc_exit", Params: "i"}},
			Pages:   1,
			Code:    asm.Join(code, asm.Call(0), asm.Call(1)),
		}
		var traced []string
		code2, err := b.run(t.Context(), m.Bytes(), &host.Cmd{Trace: func(c host.Call) { traced = append(traced, c.Name) }})
		if err != nil || code2 == 0 || !slices.Equal(traced, []string{test.name}) {
			t.Errorf("%s with %d parameters: errno %d, %v, traced %q", test.name, test.n, code2, err, traced)
		}
	}
}

// broken are guests that break rules of wasm, and what their traps say.
var broken = []struct {
	name   string
	module asm.Module
	want   string
}{
	{"unreachable", asm.Module{Pages: 1, Code: asm.Unreachable}, "unreachable"},
	{"memory that is not there", asm.Module{Pages: 1, Code: asm.Join(asm.ConstI32(65533), asm.LoadI32, asm.Drop)}, "out of bounds memory access"},
	{"division by zero", asm.Module{Pages: 1, Code: asm.Join(asm.ConstI32(1), asm.ConstI32(0), asm.DivideI32, asm.Drop)}, "integer divide by zero"},
}

// trapOf runs a guest that is to end with a trap, and returns its report.
func (b *bench) trapOf(t *testing.T, m asm.Module, interruptible bool, want string) string {
	t.Helper()
	code, err := b.runAs(t.Context(), m.Bytes(), Config{Interruptible: interruptible}, &host.Cmd{})
	var trap *host.TrapError
	if code != -1 || !errors.As(err, &trap) || !strings.Contains(err.Error(), want) {
		t.Errorf("%d, %v; want %q", code, err, want)
		return ""
	}
	return trap.Text
}

func traps(t *testing.T, b *bench) {
	for _, test := range broken {
		for _, interruptible := range []bool{false, true} {
			b.trapOf(t, test.module, interruptible, test.want)
		}
	}
}

// terminal matches bytes that a terminal, or a reader of lines, would interpret.
const terminal = "\x1b[2J\r\u009b31m\u0085\u202e\u2028\nwasisock: refused: nothing"

// named returns a module that traps, and whose function has a name.
func named(name string) []byte {
	symbol := func(s string) []byte { return append(wasm.AppendUint32(nil, uint32(len(s))), s...) }
	functions := append([]byte{1, 0}, symbol(name)...)
	content := append(symbol("name"), 1)
	content = append(wasm.AppendUint32(content, uint32(len(functions))), functions...)
	section := append([]byte{0}, wasm.AppendUint32(nil, uint32(len(content)))...)
	return asm.Join(asm.Module{Pages: 1, Code: asm.Unreachable}.Bytes(), section, content)
}

func safeErrors(t *testing.T, b *bench) {
	const most = 20_000
	for _, test := range []struct {
		about string
		wasm  []byte
	}{
		{"an import", asm.Module{Imports: []asm.Func{{Name: terminal}}, Pages: 1}.Bytes()},
		{"another module's import", asm.Module{Imports: []asm.Func{{Module: terminal, Name: terminal}}, Pages: 1}.Bytes()},
		{"a long import", asm.Module{Imports: []asm.Func{{Name: strings.Repeat("a", 20<<20)}}, Pages: 1}.Bytes()},
		{"a function", named(terminal)},
		{"a long function", named(strings.Repeat("a", 20<<20))},
	} {
		_, err := b.run(t.Context(), test.wasm, &host.Cmd{})
		if err == nil || len(err.Error()) > most {
			t.Errorf("%s: %.100v, of %d bytes", test.about, err, len(fmt.Sprint(err)))
			continue
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if strings.HasPrefix(line, "wasisock:") || strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && !strconv.IsPrint(r) }) {
				t.Errorf("%s: the line %q", test.about, line)
			}
		}
	}
}

func trapStacks(t *testing.T, b *bench) {
	for _, test := range broken {
		for _, interruptible := range []bool{false, true} {
			if text := b.trapOf(t, test.module, interruptible, test.want); !strings.Contains(text, "wasm stack trace:\n\t.$0()") {
				t.Errorf("%s: no stack in %q", test.name, text)
			}
		}
	}
}

// deep is a function that calls itself and then works, so that no compiler makes a loop of it.
var deep = asm.Join(
	asm.Call(0),
	asm.ConstI32(0), asm.ConstI32(0), asm.LoadI32, asm.ConstI32(1), asm.AddI32, asm.StoreI32,
)

// recursionTraps runs functions that call themselves: with little in a frame and with much, and
// one that may become a loop, and then ends at its limit.
func recursionTraps(t *testing.T, b *bench) {
	for _, interruptible := range []bool{false, true} {
		b.trapOf(t, asm.Module{Pages: 1, Code: deep}, interruptible, "stack overflow")
	}
	// keeps has as many values on the operand stack while it calls itself.
	keeps := func(n int) []byte {
		return asm.Join(bytes.Repeat(asm.Join(asm.ConstI32(0), asm.LoadI32), n), deep, bytes.Repeat(asm.Drop, n))
	}
	nested := deep
	for range 250 {
		nested = asm.Block(nested)
	}
	for _, m := range []asm.Module{
		{Pages: 1, Locals: 50_000, Code: deep},
		{Pages: 1, Code: keeps(1000)},
		{Pages: 1, Code: nested},
		{Pages: 1, Tables: []uint64{0}, Code: asm.Join(asm.GrowTable(0, 1000), asm.Drop, deep)},
	} {
		b.trapOf(t, m, false, "stack overflow")
	}
	code, err := b.runAs(t.Context(), asm.Module{Pages: 1, Code: asm.Call(0)}.Bytes(), Config{Interruptible: true},
		&host.Cmd{Limits: host.Limits{WallTime: 2 * time.Second}})
	if code != -1 || !atLimit(err) && !trapped("stack overflow")(err) {
		t.Errorf("a call as the last instruction: %d, %v", code, err)
	}
}

func deepCalls(t *testing.T, b *bench) {
	const depth = "250000"
	var out strings.Builder
	cmd := command(t, "deep", depth)
	cmd.Stdout = &out
	if code, err := b.runProgram(t, t.Context(), Config{}, cmd); code != 0 || err != nil || out.String() != depth+"\n" {
		t.Errorf("%d, %v, %q", code, err, out.String())
	}
}

func recursionInStart(t *testing.T, b *bench) {
	code, err := b.run(t.Context(), asm.Module{Pages: 1, IsStart: true, Code: deep}.Bytes(), &host.Cmd{})
	var module *host.ModuleError
	if code != -1 || !errors.As(err, &module) || !strings.Contains(err.Error(), "stack overflow") {
		t.Errorf("%d, %v", code, err)
	}
}

// recursionAtOnce runs four guests of one module, and four after them.
func recursionAtOnce(t *testing.T, b *bench) {
	m, err := b.compile(t.Context(), asm.Module{Pages: 1, Code: deep}.Bytes(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range 2 {
		var guests sync.WaitGroup
		for range 4 {
			guests.Go(func() {
				if err := host.Command(m, "recurses").Run(t.Context()); !trapped("stack overflow")(err) {
					t.Error(err)
				}
			})
		}
		guests.Wait()
	}
}

// compileTimeout compiles 100,000 loops within each other, 300 KB, which take minutes and more.
func compileTimeout(t *testing.T, b *bench) {
	const n = 100_000
	loop := asm.Loop()
	end := len(loop) - 1
	nested := slices.Concat(bytes.Repeat(loop[:end], n), bytes.Repeat(loop[end:], n))
	b.refusesToCompile(t, nested, Config{CompileTimeout: time.Second}, "takes longer than 1s")
}

// compileMemory compiles a million loops, one after the other.
func compileMemory(t *testing.T, b *bench) {
	loops := bytes.Repeat(asm.Loop(), 1_000_000)
	b.refusesToCompile(t, loops, Config{CompileMemory: 256 << 20}, "takes more than 256 MB of memory")
}

func (b *bench) refusesToCompile(t *testing.T, code []byte, cfg Config, want string) {
	t.Helper()
	m, err := b.compile(t.Context(), asm.Module{Pages: 1, Code: code}.Bytes(), cfg)
	var module *host.ModuleError
	if !errors.As(err, &module) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	if err == nil {
		m.Close()
	}
}
