package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/internal/rewrite"
	"github.com/wasisock/wasisock/internal/wasm"
)

func rewriteCommand(s streams) *cli.Command {
	verbose := false
	return &cli.Command{
		Name: "rewrite", Args: "[-v] IN OUT", Short: "make the code of a built module faster",
		Long: "Gives the functions of a module that Go's compiler made bodies in structured control flow, which run faster on every engine. The module does the same as before. " +
			"`wasisock build` does this itself: use rewrite for modules of plain `go build`, Bazel and others, after every other tool.",
		Examples: "wasisock rewrite plain.wasm server.wasm\nwasisock rewrite -v server.wasm server.wasm",
		Page:     "The exit code is 0, or 125 after an error.",
		Flags: []cli.Flag{{Name: "verbose", Letter: "v", Set: cli.Switch(&verbose),
			Short: "print how many functions have new bodies, and why others have none"}},
		Complete: []string{"wasm"},
		Run: func(l cli.Line) int {
			if len(l.Args) != 2 {
				return failed(s.stderr, "rewrite wants the paths of a module and of the one to make; see wasisock rewrite --help")
			}
			if err := rewriteFile(l.Args[0], l.Args[1], verbose, s.stderr); err != nil {
				return failed(s.stderr, "%v", err)
			}
			return 0
		},
	}
}

// rewriteFile rewrites the module in the file from, and writes the result to the file to, which
// may be the same. It copies a module that is rewritten already. With verbose, it prints a report
// to w.
func rewriteFile(from, to string, verbose bool, w io.Writer) error {
	module, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	made, report, err := rewrite.Module(module)
	switch {
	case errors.Is(err, rewrite.ErrRewritten):
		if made = module; verbose {
			fmt.Fprintf(w, "%s: rewritten already\n", from)
		}
	case err != nil:
		return fmt.Errorf("cannot rewrite %s: %w", from, err)
	case verbose:
		printReport(w, to, report, len(module), len(made))
	}
	mode := os.FileMode(0o777)
	if info, err := os.Stat(from); err == nil {
		mode = info.Mode().Perm()
	}
	// The file to never holds a part of the module.
	if err := os.WriteFile(to+".new", made, mode); err != nil {
		return err
	}
	return os.Rename(to+".new", to)
}

// printReport prints the report of a rewriting, and the sizes of the module in bytes.
func printReport(w io.Writer, file string, r *rewrite.Report, before, after int) {
	fmt.Fprintf(w, "%s: rewritten: %d bytes, before %d; of %d functions, %d have new bodies, and %d of these their old ones too; %d have only shorter code; in %d, SP has one value\n",
		file, after, before, r.Functions, r.Structured, r.Kept, r.Straight, r.Framed)
	for _, why := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(w, "%s: %d are left: %s\n", file, r.Left[why], why)
	}
}

// isModule reports whether a file is a module. version is that of the rewriting that made it, ""
// if it is not rewritten.
func isModule(file string) (module bool, version string) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return false, ""
	}
	data, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(data, []byte(wasm.Header)) {
		return false, ""
	}
	m, err := wasm.Parse(data)
	if err != nil {
		return true, ""
	}
	return true, rewrite.MadeBy(m)
}
