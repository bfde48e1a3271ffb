package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/wasisock/wasisock/cmd/internal/engine"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/wasmedge"
	"github.com/wasisock/wasisock/internal/codecache"
)

const compileHelp = `usage: wasisock compile [FLAGS] -o DIR GUEST.wasm|PACKAGE|FILE.go...

Compiles a guest into a directory, for wasisock run --cache DIR: of this user, of others
who trust it, and on a file system that cannot be written to. A package or files of Go are
built first, as by wasisock run. The guest must have the same bytes when it is run, and
wasisock the same version.

  wasisock compile -o /srv/code server.wasm
  wasisock compile --cpu baseline -o code server.wasm && docker build .
  wasisock run --cache /srv/code --allow 'listen tcp :8080' server.wasm

  -o DIR              the directory, which is made if it is not there. Everybody may
                      read it, and its owner alone may write to it
  --cpu KIND          native, for this CPU, or baseline, for every CPU of its
                      architecture; wasmtime has both (default native)
  --engine NAME, --interruptible, --rewrite=off, --compile-memory SIZE,
  --compile-timeout TIME
                      as for wasisock run, which has to be started with the same
                      --engine, --interruptible and --rewrite

Exit code: 0; 126 if the file is no guest; 125 on another error.
`

func compile(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	messages := report.NewOutput(stderr, "wasisock")
	defer messages.Close()
	e := engine.Engine{Progress: prefixed{messages}}
	flags := flag.NewFlagSet("compile", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	dir := flags.String("o", "", "")
	flags.Func("cpu", "", func(v string) error {
		if v != "native" && v != "baseline" {
			return errors.New("write native or baseline")
		}
		e.Baseline = v == "baseline"
		return nil
	})
	options.Engine(flags, &e)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, compileHelp)
		return 0
	case err == nil && (*dir == "" || flags.NArg() == 0):
		err = errors.New("name a directory with -o, and a guest")
	case err == nil && e.CacheDir != "":
		err = errors.New("--cache is -o here")
	}
	if err != nil {
		return failed(messages, "%v; see wasisock compile --help", err)
	}
	e.CacheDir = *dir
	err = compileInto(&e, flags.Args(), stdin, stderr)
	var module *host.ModuleError
	var failure *buildError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failure):
		return failure.code
	case errors.As(err, &module):
		failed(messages, "%s: %v", flags.Arg(0), err)
		return supervisor.ExitUnusable
	}
	return failed(messages, "%v", err)
}

// compileInto compiles a guest, which is built of the arguments if they are no module.
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
