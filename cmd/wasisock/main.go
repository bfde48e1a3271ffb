// Command wasisock builds ordinary Go programs to WebAssembly guests that have a real
// network, and runs guests in a sandbox.
//
//	wasisock build ./cmd/server
//	wasisock run --allow 'listen tcp 127.0.0.1:1234' server.wasm
//
// Run wasisock help for all of it.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/host/wasmtime"
)

func main() {
	engine.ServeCompiler()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// A command is what the first argument names.
type command struct {
	name, does, help string
	run              func(args []string, stdin io.Reader, stdout, stderr io.Writer) int
}

func commands() []command {
	return []command{
		{"run", "run a guest, or a Go program as one", runHelp, runGuest},
		{"build", "build Go programs, with a real package net", buildHelp, build},
		{"test", "run Go tests as guests", testHelp, test},
		{"exec", "run what the go command built", execHelp, execGuest},
		{"compile", "compile a guest into a cache, for other machines too", compileHelp, compile},
		{"rewrite", "make the code of a built module faster", rewriteHelp, rewriteModule},
		{"overlay", "print the overlay for other build tools", overlayHelp, overlay},
		{"doctor", "find out what is missing here", doctorHelp, doctor},
		{"version", "print the version", versionHelp, version},
		{"help", "explain a command", helpHelp, help},
	}
}

// run is main; its result is the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, overview())
		return supervisor.ExitFailed
	}
	name, rest := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		if c.name != "run" && len(rest) > 0 && isHelp(rest[0]) {
			fmt.Fprint(stdout, c.help)
			return 0
		}
		return c.run(rest, stdin, stdout, stderr)
	}
	if strings.HasSuffix(name, ".wasm") {
		return failed(stderr, "%s is no command; write wasisock run %s", name, name)
	}
	return failed(stderr, "%q is no command; there are %s", name, commandNames())
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func failed(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "wasisock: "+format+"\n", args...)
	return supervisor.ExitFailed
}

func commandNames() string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

func overview() string {
	var b strings.Builder
	b.WriteString("wasisock builds ordinary Go programs to WebAssembly guests that have a real\nnetwork, and runs guests in a sandbox.\n\nusage: wasisock COMMAND [ARGUMENTS]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-9s %s\n", c.name, c.does)
	}
	b.WriteString("\nwasisock COMMAND --help explains a command, with examples.\n")
	return b.String()
}

const helpHelp = `usage: wasisock help [COMMAND]

Explains a command, or lists all of them.

  wasisock help
  wasisock help run
`

func help(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stdout, overview())
		return 0
	}
	for _, c := range commands() {
		if c.name == args[0] {
			fmt.Fprint(stdout, c.help)
			return 0
		}
	}
	return failed(stderr, "%q is no command; there are %s", args[0], commandNames())
}

const versionHelp = `usage: wasisock version

Prints the versions of wasisock, of the engines in it and of Go, and the platform.

  wasisock version
`

func version(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		return failed(stderr, "version takes no arguments; write wasisock version")
	}
	own := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		own = info.Main.Version
	}
	engines := []string{versionOf(engine.Wazero)}
	if wasmtime.Version() != "" {
		engines = append(engines, versionOf(engine.Wasmtime))
	}
	if wasmedge.Version() != "" {
		engines = append(engines, versionOf(engine.WasmEdge))
	}
	fmt.Fprintf(stdout, "wasisock %s (%s, %s, %s/%s)\n", own, strings.Join(engines, ", "), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return 0
}

// versionOf returns an engine's name and version.
func versionOf(kind engine.Kind) string {
	version := ""
	switch kind {
	case engine.Wazero:
		version = engineVersion()
	case engine.Wasmtime:
		version = wasmtime.Version()
	case engine.WasmEdge:
		version = wasmedge.Version()
	}
	return strings.TrimSpace(string(kind) + " " + version)
}

// engineVersion is that of the wazero within.
func engineVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/tetratelabs/wazero" {
				return m.Version
			}
		}
	}
	return "of an unknown version"
}
