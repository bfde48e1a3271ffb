package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/gocmd"
)

const overlayHelp = `usage: wasisock overlay [--env]

Prints the path of the overlay with which the go command, an IDE or another build
tool builds for GOOS=wasip1 as wasisock build does. It is made for the Go that the
current folder's go.mod chooses. Builds for other systems with it are what they
were without.

  wasisock overlay
  GOFLAGS=-overlay=$(wasisock overlay) GOOS=wasip1 GOARCH=wasm go vet ./...
  eval "$(wasisock overlay --env)"    # and then plain go build, for any system

  --env   print lines for a shell that set GOFLAGS, and for a Go that the go
          command has downloaded itself what else is needed: files of such a Go
          can be replaced in a GOROOT of links alone
`

func overlay(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("overlay", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	env := flags.Bool("env", false, "")
	if err := flags.Parse(args); err != nil {
		return failed(stderr, "%v; see wasisock overlay --help", err)
	}
	if flags.NArg() > 0 {
		return failed(stderr, "overlay takes no arguments; it is the same for all packages")
	}
	g, err := gocmd.New(context.Background(), "", "")
	if err != nil {
		return failed(stderr, "%v", err)
	}
	defer g.Close()
	if !*env {
		if g.Linked {
			fmt.Fprintf(stderr, "wasisock: %s was downloaded by the go command, so this overlay also needs GOROOT=%s GOTOOLCHAIN=local and its go in PATH; wasisock overlay --env prints all of that for a shell\n", g.Version, g.GOROOT)
		}
		fmt.Fprintln(stdout, g.File)
		return 0
	}
	text, err := forShell(g)
	if err != nil {
		return failed(stderr, "%v", err)
	}
	fmt.Fprint(stdout, text)
	return 0
}

// forShell sets what builds with the overlay need, for any system.
func forShell(g *gocmd.Go) (string, error) {
	flags, err := g.Flags()
	if err != nil {
		return "", err
	}
	var words []string
	for _, flag := range append(flags, "-overlay="+g.File) {
		if gocmd.IsOverlay(flag) && flag != "-overlay="+g.File {
			continue
		}
		if strings.ContainsAny(flag, " \t'") {
			flag = `"` + flag + `"`
		}
		words = append(words, flag)
	}
	var b strings.Builder
	export := func(name, value string) {
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	if g.Linked {
		export("GOROOT", g.GOROOT)
		export("GOTOOLCHAIN", "local")
		export("PATH", filepath.Join(g.GOROOT, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	export("GOFLAGS", strings.Join(words, " "))
	return b.String(), nil
}
