package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/gocmd"
	"github.com/wasisock/wasisock/cmd/internal/goexec"
)

func goTestCommand(s streams) *cli.Command {
	var o goexec.Options
	return &cli.Command{
		Name: "test", Args: "[--allow RULE]... [--allow-all] [GO TEST FLAGS] [PACKAGES]", Go: asksForHelp,
		Short: "run Go tests as guests",
		Long: "Runs `go test` for GOOS=wasip1 GOARCH=wasm, with Go's own package net made real as `wasisock build` does it, on the built-in host. All other flags are those of `go test`.\n\n" +
			"Tests run in the directory of their package with all files, the environment, and loopback: they can dial, listen at and send to 127.0.0.0/8 and [::1], " +
			"listen at all addresses at a port that the system chooses, resolve localhost, and use UNIX sockets below the directory for temporary files. " +
			"wasisock prints what it refuses, with the rule that allows it.",
		Examples: "wasisock test ./...\n" +
			"wasisock test -v -run TestServer ./cmd/server\n" +
			"wasisock test --allow 'dial tcp 10.0.0.0/8:5432' ./store\n" +
			"wasisock test -exec scripts/wasmedge-exec.sh ./...   # on another engine",
		Page: "SSL_CERT_FILE is set to the system's certificates where it is not set.\n\n" +
			"SIGINT, SIGQUIT, SIGHUP and SIGTERM reach the tests: from the terminal, or where there is none from wasisock, which ends after them.\n\n" +
			"The exit code is that of `go test`, or 125 if wasisock failed.",
		Flags: o.Flags(), Complete: []string{"go"},
		Run: func(l cli.Line) int { return test(l.Args, s.stdin, s.stdout, s.stderr) },
	}
}

func test(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o goexec.Options
	line, err := goLine("test", args, o.Flags(), "C overlay exec")
	if err != nil {
		return failed(stderr, "%v", err)
	}
	rules, all, runs := o.Allow, o.AllowAll, line.Value("exec")
	switch {
	case all && len(rules) > 0:
		return failed(stderr, "--allow-all leaves nothing for --allow %q to allow; leave out one of them", rules[0])
	case runs != "" && (all || len(rules) > 0):
		return failed(stderr, "-exec %s decides itself what it allows; leave out -exec or --allow", runs)
	case runs == "":
		if runs, err = execSelf(rules, all); err != nil {
			return failed(stderr, "%v", err)
		}
	}
	g, err := gocmd.New(context.Background(), line.Value("C"), line.Value("overlay"))
	if err != nil {
		return failed(stderr, "%v", err)
	}
	defer g.Close()
	code, err := g.Run(stdin, stdout, stderr, "test", append([]string{"-exec=" + runs}, line.Rest...)...)
	if err != nil {
		return failed(stderr, "%v", err)
	}
	return code
}

// execSelf returns the value of go test's -exec with which this program runs the tests. It
// returns an error for a rule that -exec cannot quote.
func execSelf(rules []string, all bool) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	words := []string{self, "exec"}
	if all {
		words = append(words, "--allow-all")
	}
	for _, rule := range rules {
		words = append(words, "--allow", rule)
	}
	for i, word := range words {
		switch {
		case !strings.ContainsAny(word, " \t\n\r'\""):
		case !strings.Contains(word, "'"):
			words[i] = "'" + word + "'"
		case !strings.Contains(word, `"`):
			words[i] = `"` + word + `"`
		default:
			return "", fmt.Errorf("%s has both kinds of quotes, which -exec of go test cannot take; write \\x27 for ' in a rule", word)
		}
	}
	return strings.Join(words, " "), nil
}

func execCommand(s streams) *cli.Command {
	var o goexec.Options
	return &cli.Command{
		Name: "exec", Args: "[--allow RULE]... [--allow-all] GUEST.wasm [ARGUMENTS]",
		Short: "run what the go command built",
		Long: "Runs what the go command has built, as `wasisock test` does: with all files, the environment, and loopback. " +
			"It is for the flag `-exec` of `go test` and `go run`.",
		Examples: "GOOS=wasip1 GOARCH=wasm go test -exec 'wasisock exec' ./...\n" +
			"wasisock exec --allow 'dial tcp *:443' server.test.wasm -test.v",
		Page:  "Exit codes are those of `wasisock run`.",
		Flags: o.Flags(), Complete: []string{"wasm"},
		Run: func(l cli.Line) int {
			if len(l.Args) == 0 {
				return failed(s.stderr, "no guest was named; write wasisock exec GUEST.wasm, or see wasisock exec --help")
			}
			return goexec.Run("wasisock exec", o, l.Args, s.stdin, s.stdout, s.stderr)
		},
	}
}
