//go:build linux || darwin

package wazero

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

func TestModulesThatCannotRunSayWhatToDo(t *testing.T) {
	importing := func(f ...wasmFunc) []byte { return wasmModule{imports: f, pages: 1}.bytes() }
	whole := exitWith(constI32(0)).bytes()
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
		{"a cut module", whole[:len(whole)-3], host.Cmd{}, "it is no module that can run here"},
		{"a module with a type error", wasmModule{pages: 1, code: drop}.bytes(), host.Cmd{}, "it is no module that can run here"},
		{"a name for terminals", importing(wasmFunc{name: "\x1b[2J\n\x00"}), host.Cmd{}, "it imports \uFFFD[2J\uFFFD\uFFFD, which"},
		{"a module without _start", wasmModule{start: "main"}.bytes(), host.Cmd{}, "exports no _start"},
		{"a library", wasmModule{start: "_initialize"}.bytes(), host.Cmd{}, "without -buildmode=c-shared"},
		{"a _start with parameters", wasmModule{params: "i"}.bytes(), host.Cmd{}, "its _start is (i32) and must take and return nothing"},
		{"no memory", wasmModule{noMemory: true, imports: []wasmFunc{{name: "fd_close", params: "i", results: "i"}}}.bytes(), host.Cmd{}, `no memory named "memory"`},
		{"data outside of memory", wasmModule{pages: 0, data: "x"}.bytes(), host.Cmd{}, "it does not start: "},
		{"a start function that traps", wasmModule{pages: 1, isStarted: true, code: unreachable}.bytes(), host.Cmd{}, "it does not start: "},
		{"more memory than it may have", wasmModule{pages: 17}.bytes(), host.Cmd{Limits: host.Limits{Memory: 1 << 20}}, "raise the limit"},

		{"an import that nobody provides", importing(wasmFunc{name: "sock_bogus", params: "i", results: "i"}), host.Cmd{}, "it imports sock_bogus, which neither"},
		{"another module's import", importing(wasmFunc{module: "env", name: "log"}), host.Cmd{}, `it imports log of "env", which nobody provides; build it without`},
		{"GOOS=js", importing(wasmFunc{module: "gojs", name: "runtime.wasmExit", params: "i"}), host.Cmd{}, "it was built for GOOS=js: build one with GOOS=wasip1"},
		{"old WASI", importing(wasmFunc{module: "wasi_unstable", name: "fd_close", params: "i", results: "i"}), host.Cmd{}, "with a newer compiler"},
		{"threads", importing(wasmFunc{module: "wasi", name: "thread-spawn", params: "i", results: "i"}), host.Cmd{}, "threads cannot run here"},
		{"WASI preview 2", importing(wasmFunc{module: "wasi:cli/environment@0.2.0", name: "get-environment", params: "i"}), host.Cmd{}, "WASI preview 2"},
		{"a wrong signature of a socket's", importing(wasmFunc{name: "sock_open", params: "iI", results: "i"}), host.Cmd{},
			"it imports sock_open as (i32 i64) i32; correct that to sock_open(af type fd*), (i32 i32 i32) i32"},
		{"a wrong result", importing(wasmFunc{name: "sock_open", params: "iii"}), host.Cmd{}, "it imports sock_open as (i32 i32 i32); correct that"},
		{"neither of two versions", importing(wasmFunc{name: "sock_accept", params: "iiii", results: "i"}), host.Cmd{},
			"correct that to sock_accept(fd newfd*), (i32 i32) i32, or sock_accept(fd flags newfd*), (i32 i32 i32) i32"},
		{"a wrong signature of wazero's", importing(wasmFunc{name: "fd_seek", params: "iiii", results: "i"}), host.Cmd{},
			"it imports fd_seek as (i32 i32 i32 i32) i32; correct that to fd_seek("},
		{"two versions of one name", importing(
			wasmFunc{name: "sock_accept", params: "ii", results: "i"},
			wasmFunc{name: "sock_accept", params: "iii", results: "i"}), host.Cmd{},
			"it imports sock_accept as both (i32 i32) i32 and (i32 i32 i32) i32; build it with one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, err := run(t.Context(), test.wasm, &test.cmd)
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

// TestVersionsAreChosenBySignature calls each version of a name that has two, with
// pointers that tell them apart: the errno is that of the version.
func TestVersionsAreChosenBySignature(t *testing.T) {
	for _, test := range []struct {
		name string
		n    int
	}{
		{"sock_accept", 2}, {"sock_accept", 3}, {"sock_accept_v2", 3},
		{"sock_recv_from", 7}, {"sock_recv_from", 8}, {"sock_recv_from_v2", 8},
		{"sock_getlocaladdr", 4}, {"sock_getlocaladdr", 3}, {"sock_getpeeraddr", 4}, {"sock_getpeeraddr_v2", 3},
	} {
		f := wasmFunc{name: test.name, params: strings.Repeat("i", test.n), results: "i"}
		var code []byte
		for range test.n {
			code = append(code, constI32(0)...)
		}
		m := wasmModule{
			imports: []wasmFunc{f, {name: "proc_exit", params: "i"}},
			pages:   1,
			code:    instructions(code, callFunc(0), callFunc(1)),
		}
		var traced []string
		code2, err := run(t.Context(), m.bytes(), &host.Cmd{Trace: func(c host.Call) { traced = append(traced, c.Name) }})
		if err != nil || code2 == 0 || !slices.Equal(traced, []string{test.name}) {
			t.Errorf("%s with %d parameters: errno %d, %v, traced %q", test.name, test.n, code2, err, traced)
		}
	}
}
