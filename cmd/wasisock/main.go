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
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/host/wasmtime"
)

func main() {
	engine.ServeCompiler()
	args := os.Args[1:]
	if filepath.Base(os.Args[0]) == ociName {
		args = append([]string{"oci"}, args...)
	}
	os.Exit(run(args, os.Stdin, os.Stdout, os.Stderr))
}

// streams holds the standard streams of a command.
type streams struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run runs the command line args, which begins after the program's name, and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newProgram(streams{stdin, stdout, stderr}).Run(args)
}

// newProgram returns the program with all its commands. It can run one command line.
func newProgram(s streams) *cli.Program {
	return &cli.Program{
		Name: "wasisock", Short: "build Go programs to WebAssembly with a real network, and run them in a sandbox",
		Long: "wasisock builds ordinary Go programs to WebAssembly guests that have a real network, and runs guests in a sandbox.",
		Commands: []*cli.Command{
			runCommand(newRunOptions(), s), goBuildCommand(s), goTestCommand(s), execCommand(s), compileCommand(s), imageCommand(s), ociCommand(s),
			rewriteCommand(s), overlayCommand(s), healthCommand(s), doctorCommand(s), versionCommand(s),
		},
		Topics: topics(), Version: versionLine, UsageCode: supervisor.ExitFailed,
		Stdin: s.stdin, Stdout: s.stdout, Stderr: s.stderr,
	}
}

// failed prints a message to stderr, and returns the exit code for an error of wasisock itself.
func failed(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "wasisock: "+format+"\n", args...)
	return supervisor.ExitFailed
}

func versionCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "version", Short: "print the version",
		Long: "Prints the versions of wasisock, of the engines in it and of Go, and the platform.", Examples: "wasisock version",
		Run: func(l cli.Line) int {
			if len(l.Args) > 0 {
				return failed(s.stderr, "version takes no arguments; write wasisock version")
			}
			fmt.Fprintln(s.stdout, versionLine())
			return 0
		},
	}
}

func versionLine() string {
	engines := []string{versionOf(engine.Wazero)}
	if wasmtime.Version() != "" {
		engines = append(engines, versionOf(engine.Wasmtime))
	}
	if wasmedge.Version() != "" {
		engines = append(engines, versionOf(engine.WasmEdge))
	}
	return fmt.Sprintf("wasisock %s (%s, %s, %s/%s)", ownVersion(), strings.Join(engines, ", "), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// ownVersion returns the version of this module.
func ownVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
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

// engineVersion returns the version of the built-in wazero.
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
