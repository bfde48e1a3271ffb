package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/internal/codecache"
)

func compileCommand(s streams) *cli.Command {
	e := &engine.Engine{}
	kinds := []string{"native", "baseline"}
	flags := []cli.Flag{
		{Name: "output", Letter: "o", Value: "DIR", Short: "compile into DIR, which is made if it does not exist", Set: cli.Text(&e.CacheDir),
			Long: "Everybody may read the directory, and its owner alone may write to it."},
		{Name: "cpu", Value: "KIND", Words: kinds, Default: "native", Short: "compile for this CPU, or with baseline for every one",
			Set:  options.Choice(kinds, func(i int) { e.Baseline = i == 1 }),
			Long: "`baseline` is every CPU of this architecture, which wasmtime can compile for."},
	}
	return &cli.Command{
		Name: "compile", Args: "[FLAGS] -o DIR GUEST.wasm|PACKAGE|FILE.go...",
		Short: "compile a guest into a cache, for other machines too",
		Long: "Compiles a guest into a directory, for `wasisock run --cache DIR`: of this user, of others who trust it, and on a file system that cannot be written to. " +
			"wasisock builds a package or Go files first, as `wasisock run` does.\n\n" +
			"`wasisock run` uses the code if it is the same version of wasisock, the guest has the same bytes, and `--engine`, `--interruptible` and `--rewrite` are the same.",
		Examples: "wasisock compile -o /srv/code server.wasm\n" +
			"wasisock compile --cpu baseline -o code server.wasm && docker build .\n" +
			"wasisock run --cache /srv/code --allow 'listen tcp :8080' server.wasm",
		Page:  "The exit code is 0, or 126 if the file is not a guest, or 125 after another error.",
		Flags: append(flags, options.Compile(e)...), Complete: []string{"wasm", "go"},
		Run: func(l cli.Line) int { return compile(e, l.Args, s.stdin, s.stderr) },
	}
}

func compile(e *engine.Engine, args []string, stdin io.Reader, stderr io.Writer) int {
	messages := report.NewOutput(stderr, "wasisock")
	defer messages.Close()
	if e.CacheDir == "" || len(args) == 0 {
		return failed(messages, "name a directory with -o, and a guest; see wasisock compile --help")
	}
	e.Progress = prefixed{messages}
	err := compileInto(e, args, stdin, stderr)
	var module *host.ModuleError
	var failure *buildError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failure):
		return failure.code
	case errors.As(err, &module):
		failed(messages, "%s: %v", args[0], err)
		return supervisor.ExitUnusable
	}
	return failed(messages, "%v", err)
}

// compileInto compiles the guest that args name into the engine's cache. It builds the guest
// first if args are sources.
func compileInto(e *engine.Engine, args []string, stdin io.Reader, stderr io.Writer) error {
	file := args[0]
	n := sources(args)
	if len(args) > max(n, 1) {
		return fmt.Errorf("%q is too much; name one guest", args[max(n, 1)])
	}
	if n > 0 {
		temp, err := os.MkdirTemp("", "wasisock-compile-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		file = filepath.Join(temp, programName(file)+".wasm")
		if code := buildTo(file, args, stdin, stderr); code != 0 {
			return &buildError{code}
		}
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	confined := confinement{file: file}
	defer confined.begin()()
	if err := confined.apply(new(host.Cmd), e); err != nil {
		return err
	}
	e.Name = filepath.Base(file)
	if kind, _ := e.Choose(); kind == engine.WasmEdge && e.AOT == nil {
		wait := wasmedge.AOTWait
		e.AOT = &wait
	}
	module, err := e.Compile(context.Background(), wasm, 1, func() {})
	if err != nil {
		return err
	}
	module.Close()
	return codecache.Share(e.CacheDir)
}
