package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/gocmd"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/cmd/internal/terminal"
	"github.com/wasisock/wasisock/cmd/internal/wasmedge"
	"github.com/wasisock/wasisock/internal/progress"
	"github.com/wasisock/wasisock/internal/rewrite"
)

func goBuildCommand(s streams) *cli.Command {
	var o buildOptions
	return &cli.Command{
		Name: "build", Args: "[--aot VERSION]... [--rewrite=off] [GO BUILD FLAGS] [PACKAGES]", Go: asksForHelp,
		Short: "build Go programs with a real package net",
		Long: "Builds programs for GOOS=wasip1 GOARCH=wasm as `go build` does, and makes Go's own package net real in them: net/http, database drivers and " +
			"everything else that uses net have sockets. The programs run on WasmEdge and in `wasisock run`. Sources stay as they are, and all other flags are those of `go build`. " +
			"If wasip1 lacks something, wasisock prints everything that is missing, with the modules that need it.",
		Examples: "wasisock build ./cmd/server                      # makes server.wasm\n" +
			"wasisock build -o app.wasm -ldflags '-s -w' .\n" +
			"wasisock build -o build/ ./cmd/...               # build/NAME.wasm for each\n" +
			"wasisock build example.com/cmd/tool@v1.2.3       # as go install: tool.wasm\n" +
			"wasisock build --aot=0.14 --aot=0.17 ./cmd/server",
		Page:  "The exit code is that of `go build`, or 125 if wasisock or wasmedge failed.",
		Flags: o.flags(), Complete: []string{"go"},
		Run: func(l cli.Line) int { return build(l.Args, s.stdin, s.stdout, s.stderr) },
	}
}

// A buildOptions holds the flags of wasisock build that go build does not have.
type buildOptions struct {
	versions []string // --aot
	asIs     bool
}

func (o *buildOptions) flags() []cli.Flag {
	return []cli.Flag{
		{Name: "aot", Value: "VERSION", Many: true, Words: wasmedge.Minors, Short: "also compile to NAME.aot-VERSION.wasm, for WasmEdge 0.14 or 0.17",
			Set: func(v string) error { o.versions = append(o.versions, v); return nil },
			Long: "The file is machine code for this kind of CPU, about 90 times as fast as WasmEdge's interpreter. Compiling takes a minute or more, and its result is kept. Run it so:\n\n" +
				"    wasmedge server.aot-0.14.wasm\n" +
				"    wasmedge --run-mode aot server.aot-0.17.wasm\n\n" +
				"wasisock compiles with the wasmedge that WASISOCK_WASMEDGE_014 or WASISOCK_WASMEDGE_017 names, one in PATH, or what scripts/get-wasmedge.sh has unpacked."},
		{Name: "rewrite", Value: "on|off", Words: []string{"on", "off"}, Default: "on", Short: "give functions bodies that run faster",
			Set: options.Choice([]string{"on", "off"}, func(i int) { o.asIs = i == 1 }),
			Long: "Functions get bodies in structured control flow, with which guests take less time on every engine. Modules are a third larger. " +
				"`off` leaves the code as Go's compiler made it. `-v` prints how many functions have new bodies, and why others have none."},
	}
}

func build(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o buildOptions
	line, err := goLine("build", args, o.flags(), "C o overlay")
	if err != nil {
		return failed(stderr, "%v", err)
	}
	b := builder{line: line, dir: line.Value("C"), output: line.Value("o"), rewrite: !o.asIs, stdin: stdin, stdout: stdout, stderr: stderr}
	for _, version := range o.versions {
		program, err := wasmedge.Find(context.Background(), version)
		if err != nil {
			return failed(stderr, "--aot: %v", err)
		}
		b.aot = append(b.aot, target{version, program})
	}
	if b.tool, err = gocmd.New(context.Background(), b.dir, line.Value("overlay")); err != nil {
		return failed(stderr, "%v", err)
	}
	defer b.tool.Close()
	return b.run()
}

// asksForHelp reports whether arguments of the go command have a flag for help.
func asksForHelp(args []string) bool {
	line, err := gocmd.Parse(args, "", "h help")
	return err == nil && len(line.Taken) > 0
}

// goLine parses arguments of the go command, and sets those of flags that are among them. valued
// names flags of the go command, separated by spaces, that it takes out too. It returns an error
// for an invalid value.
func goLine(command string, args []string, flags []cli.Flag, valued string) (gocmd.Line, error) {
	switches := ""
	for _, f := range flags {
		if f.Value == "" {
			switches += " " + f.Name
		} else {
			valued += " " + f.Name
		}
	}
	line, err := gocmd.Parse(args, valued, switches)
	for _, f := range flags {
		for _, v := range line.Taken[f.Name] {
			if bad := f.Set(v); bad != nil && err == nil {
				err = fmt.Errorf("--%s: %w", f.Name, bad)
			}
		}
	}
	if err != nil {
		return line, fmt.Errorf("%w; see wasisock %s --help", err, command)
	}
	return line, nil
}

// A target is a version of WasmEdge to compile for.
type target struct {
	version string
	program wasmedge.Program
}

type builder struct {
	line           gocmd.Line
	tool           *gocmd.Go
	dir, output    string
	aot            []target
	rewrite        bool
	stdin          io.Reader
	stdout, stderr io.Writer
}

func (b *builder) run() int {
	if b.line.Versioned() {
		return b.install()
	}
	programs, err := b.tool.Programs(b.line)
	if err != nil {
		programs = nil // go build will print the same error
	}
	var made []string // the files that are built
	args, directory := b.line.Rest, b.isDirectory()
	switch {
	case b.output != "" && !directory:
		args = append([]string{"-o", b.output}, args...)
		made = []string{b.output}
	case directory:
		args = append([]string{"-o", b.output}, args...)
	case len(programs) == 1 && programs[0].Main:
		made = []string{programs[0].Name + ".wasm"}
		args = append([]string{"-o", made[0]}, args...)
	}
	if err := b.renew(made); err != nil {
		return failed(b.stderr, "%v", err)
	}
	code, err := goBuild(b.tool, b.stdin, b.stdout, b.stderr, args)
	if err != nil {
		return failed(b.stderr, "%v", err)
	}
	if code != 0 || b.line.Has("n") {
		return code
	}
	if directory {
		for _, p := range programs {
			if !p.Main {
				continue
			}
			plain := filepath.Join(b.output, p.Name)
			if err := os.Rename(b.path(plain), b.path(plain+".wasm")); err != nil {
				return failed(b.stderr, "%v", err)
			}
			made = append(made, plain+".wasm")
		}
	}
	return b.finish(made)
}

// install builds packages with versions, and returns the exit code.
func (b *builder) install() int {
	temp, err := os.MkdirTemp("", "wasisock-build-")
	if err != nil {
		return failed(b.stderr, "%v", err)
	}
	defer os.RemoveAll(temp)
	files, code, err := goInstall(b.tool, temp, b.stdin, b.stdout, b.stderr, b.line.Rest)
	switch {
	case err != nil:
		return failed(b.stderr, "%v", err)
	case code != 0:
		return code
	case len(files) > 1 && b.output != "" && !b.isDirectory():
		return failed(b.stderr, "-o %s is for one program, and there are %d; name a directory, with a slash at the end", b.output, len(files))
	}
	var made []string
	for _, from := range files {
		to := filepath.Base(from) + ".wasm"
		switch {
		case b.isDirectory():
			to = filepath.Join(b.output, to)
		case b.output != "":
			to = b.output
		}
		if err := copyProgram(b.path(to), from); err != nil {
			return failed(b.stderr, "%v", err)
		}
		made = append(made, to)
	}
	return b.finish(made)
}

func copyProgram(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o777)
}

// finish rewrites the built files and compiles them for every target. It returns the exit code.
func (b *builder) finish(made []string) int {
	if len(b.aot) > 0 && len(made) == 0 {
		return failed(b.stderr, "--aot has nothing to compile; name one program, or a directory with -o")
	}
	for _, file := range made {
		if module, _ := isModule(b.path(file)); module && b.rewrite {
			if err := rewriteFile(b.path(file), b.path(file), b.line.Has("v"), b.stderr); err != nil {
				return failed(b.stderr, "%v; --rewrite=off leaves it as it is", err)
			}
		}
		for _, t := range b.aot {
			code, err := t.program.Compile(b.path(file), b.path(wasmedge.Output(file, t.version)), prefixed{b.stderr})
			switch {
			case err != nil:
				return failed(b.stderr, "--aot: %v", err)
			case code != 0:
				return code
			}
		}
	}
	return 0
}

// renew removes files of an earlier build that were rewritten in another way than this build
// asks for. go build would keep them, since it takes them for up to date.
func (b *builder) renew(files []string) error {
	want := ""
	if b.rewrite {
		want = rewrite.Version
	}
	for _, file := range files {
		if _, version := isModule(b.path(file)); version != "" && version != want {
			if err := os.Remove(b.path(file)); err != nil {
				return err
			}
		}
	}
	return nil
}

// goBuild runs go build and returns its exit code. On a terminal it reports progress: the first
// build also compiles Go's own packages, and go build prints nothing meanwhile. If the build
// fails for names that wasip1 lacks, goBuild prints all of them.
func goBuild(g *gocmd.Go, stdin io.Reader, stdout, stderr io.Writer, args []string) (code int, err error) {
	progress.Compiling(ifTerminal(stderr), "for wasip1", func() error {
		if code, err = g.Run(stdin, stdout, stderr, "build", args...); code != 0 {
			return errFailed
		}
		return err
	})
	if code == 1 && err == nil {
		line, _ := gocmd.Parse(args, "o", "")
		if missing, err := g.Missing(line); err == nil && len(missing) > 0 {
			fmt.Fprintf(stderr, "wasisock: this cannot be built for wasip1, which lacks:\n%s", gocmd.Report(missing))
		}
	}
	return code, err
}

// goInstall installs packages with versions in dir, and returns their files and the exit code of
// go install. On a terminal it reports progress.
func goInstall(g *gocmd.Go, dir string, stdin io.Reader, stdout, stderr io.Writer, args []string) (files []string, code int, err error) {
	progress.Compiling(ifTerminal(stderr), "for wasip1", func() error {
		if files, code, err = g.Install(dir, stdin, stdout, stderr, args...); code != 0 {
			return errFailed
		}
		return err
	})
	return files, code, err
}

var errFailed = errors.New("go build has failed")

// ifTerminal returns a writer to stderr for progress, or nil if stderr is not a terminal.
func ifTerminal(stderr io.Writer) io.Writer {
	if terminal.Is(stderr) {
		return prefixed{stderr}
	}
	return nil
}

// path returns the path of file, which is relative to the directory of -C.
func (b *builder) path(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(b.dir, file)
}

// isDirectory reports whether go build will take the output for a directory.
func (b *builder) isDirectory() bool {
	if b.output == "" {
		return false
	}
	if os.IsPathSeparator(b.output[len(b.output)-1]) {
		return true
	}
	info, err := os.Stat(b.path(b.output))
	return err == nil && info.IsDir()
}

// buildTo builds the program that go run would run, writes it to file, and returns the exit code
// for wasisock run: 0 if it is built.
func buildTo(file string, packages []string, stdin io.Reader, stderr io.Writer) int {
	g, err := gocmd.New(context.Background(), "", "")
	if err != nil {
		return failed(stderr, "%v", err)
	}
	defer g.Close()
	var code int
	if line, _ := gocmd.Parse(packages, "", ""); line.Versioned() {
		var files []string
		files, code, err = goInstall(g, filepath.Dir(file), stdin, stderr, stderr, packages)
		switch {
		case err != nil || code != 0:
		case len(files) != 1:
			return failed(stderr, "%s is %d programs; name one", packages[0], len(files))
		default:
			err = os.Rename(files[0], file)
		}
	} else {
		code, err = goBuild(g, stdin, stderr, stderr, append([]string{"-o", file}, packages...))
	}
	switch {
	case err != nil:
		return failed(stderr, "%v", err)
	case code > 0 && code < supervisor.ExitSignal:
		return supervisor.ExitFailed
	}
	return code
}
