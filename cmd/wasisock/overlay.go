package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/gocmd"
)

func overlayCommand(s streams) *cli.Command {
	env := false
	return &cli.Command{
		Name: "overlay", Args: "[--env]", Short: "print the overlay for other build tools",
		Long: "Prints the path of the overlay with which the go command, an IDE or another build tool builds for GOOS=wasip1 as `wasisock build` does. " +
			"It is made for the Go that the current directory's go.mod chooses. It does not change builds for other systems.",
		Examples: "wasisock overlay\n" +
			"GOFLAGS=-overlay=$(wasisock overlay) GOOS=wasip1 GOARCH=wasm go vet ./...\n" +
			`eval "$(wasisock overlay --env)"    # and then plain go build, for any system`,
		Flags: []cli.Flag{{Name: "env", Set: cli.Switch(&env), Short: "print lines for a shell that set GOFLAGS and what else is needed",
			Long: "More than GOFLAGS is needed for a Go that the go command has downloaded itself: files of such a Go can only be replaced in a GOROOT of links."}},
		Words: true,
		Run: func(l cli.Line) int {
			if len(l.Args) > 0 {
				return failed(s.stderr, "overlay takes no arguments; it is the same for all packages")
			}
			return overlay(env, s.stdout, s.stderr)
		},
	}
}

func overlay(env bool, stdout, stderr io.Writer) int {
	g, err := gocmd.New(context.Background(), "", "")
	if err != nil {
		return failed(stderr, "%v", err)
	}
	defer g.Close()
	if !env {
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

// forShell returns lines for a shell that set the variables for builds with the overlay. Builds
// for other systems work with them too.
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
