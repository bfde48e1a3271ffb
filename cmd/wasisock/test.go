package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/gocmd"
	"github.com/wasisock/wasisock/cmd/internal/goexec"
	"github.com/wasisock/wasisock/host"
)

const testHelp = `usage: wasisock test [--allow RULE]... [--allow-all] [GO TEST FLAGS] [PACKAGES]

Runs go test for GOOS=wasip1 GOARCH=wasm, with Go's own package net made real as
wasisock build does it, on the built-in host. Flags are those of go test.

  wasisock test ./...
  wasisock test -v -run TestServer ./cmd/server
  wasisock test --allow 'dial tcp 10.0.0.0/8:5432' ./store
  wasisock test -exec scripts/wasmedge-exec.sh ./...   # on another engine

Tests run in their package's folder with all files, the environment, and loopback:
they can dial, listen at and send to 127.0.0.0/8 and [::1], listen everywhere at a
port that the system chooses, resolve localhost, and use UNIX sockets below the
folder for temporary files. What is refused is told with the rule that permits it.

  --allow RULE    permit more; see wasisock run --help for rules. WASISOCK_ALLOW
                  can hold some too, separated by commas
  --allow-all     permit every use of the network

SSL_CERT_FILE is set to the system's certificates where it is not set.

SIGINT, SIGQUIT, SIGHUP and SIGTERM reach the tests, from the terminal or, where there
is none, from wasisock, which ends after them.

Exit code: that of go test; 125 if wasisock failed.
`

func test(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	line, err := gocmd.Parse(args, "C overlay exec allow", "h help allow-all")
	switch {
	case err != nil:
		return failed(stderr, "%v; see wasisock test --help", err)
	case line.Value("h") != "" || line.Value("help") != "":
		fmt.Fprint(stdout, testHelp)
		return 0
	}
	rules, all, runs := line.Taken["allow"], line.Value("allow-all") != "", line.Value("exec")
	if _, err := host.ParsePolicy(rules...); err != nil {
		return failed(stderr, "--allow: %v", err)
	}
	switch {
	case all && len(rules) > 0:
		return failed(stderr, "--allow-all leaves nothing for --allow %q to permit; leave out one of them", rules[0])
	case runs != "" && (all || len(rules) > 0):
		return failed(stderr, "-exec %s decides itself what it permits; leave out -exec or --allow", runs)
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

// execSelf is the value of go test's -exec that runs tests here.
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

const execHelp = `usage: wasisock exec [--allow RULE]... [--allow-all] GUEST.wasm [ARGUMENTS]

Runs what the go command has built, as wasisock test does: with all files, the
environment, and loopback (see wasisock test --help). It is for -exec of go test
and go run:

  GOOS=wasip1 GOARCH=wasm go test -exec 'wasisock exec' ./...
  wasisock exec --allow 'dial tcp *:443' server.test.wasm -test.v

Exit codes are those of wasisock run.
`

func execGuest(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return goexec.Run("wasisock exec", args, stdin, stdout, stderr)
}
