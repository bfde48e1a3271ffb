package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/wasisock/wasisock/internal/rewrite"
)

const rewriteHelp = `usage: wasisock rewrite [-v] IN OUT

Gives the functions of a module that Go's compiler made bodies in structured control
flow, which run faster on every engine. The module behaves as before. wasisock build
does this itself; use rewrite for modules that plain go build, Bazel or others made,
after all other tools.

  wasisock rewrite plain.wasm server.wasm
  wasisock rewrite -v server.wasm server.wasm

  -v   print how many functions have new bodies, and why others have not

Exit code: 0, or 125 on an error.
`

func rewriteModule(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	verbose := len(args) > 0 && args[0] == "-v"
	if verbose {
		args = args[1:]
	}
	if len(args) > 0 && isHelp(args[0]) {
		fmt.Fprint(stdout, rewriteHelp)
		return 0
	}
	if len(args) != 2 {
		return failed(stderr, "rewrite takes the paths of a module and of the one to make; see wasisock rewrite --help")
	}
	return rewriteFile(args[0], args[1], verbose, stderr)
}

// rewriteFile rewrites a module into a file, which may be the same. A module that is
// rewritten already is copied.
func rewriteFile(from, to string, verbose bool, stderr io.Writer) int {
	module, err := os.ReadFile(from)
	if err != nil {
		return failed(stderr, "%v", err)
	}
	made, report, err := rewrite.Module(module)
	switch {
	case errors.Is(err, rewrite.ErrRewritten):
		made = module
	case err != nil:
		return failed(stderr, "cannot rewrite %s: %v", from, err)
	}
	if err := os.WriteFile(to, made, 0o777); err != nil {
		return failed(stderr, "%v", err)
	}
	if verbose && report != nil {
		printReport(stderr, to, report, len(module), len(made))
	}
	return 0
}

// printReport prints what a rewriting has done, for -v.
func printReport(w io.Writer, file string, r *rewrite.Report, before, after int) {
	fmt.Fprintf(w, "%s: %d functions, %d structured (%d with their old bodies too), %d without a dispatcher; %d bytes, before %d\n",
		file, r.Functions, r.Structured, r.Kept, r.Straight, after, before)
	for _, why := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(w, "%s: %d as before: %s\n", file, r.Left[why], why)
	}
}
