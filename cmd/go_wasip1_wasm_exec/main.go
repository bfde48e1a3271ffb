// Command go_wasip1_wasm_exec lets the go command run what it builds for wasip1.
// With it in PATH these just work:
//
//	GOOS=wasip1 GOARCH=wasm go run ./cmd/server
//	GOOS=wasip1 GOARCH=wasm go test ./...
//
// The program gets the whole file system, the environment, and loopback: it can dial,
// listen at and send to 127.0.0.0/8 and [::1], resolve localhost, and use UNIX sockets
// below the folder for temporary files. More rules, as of wasisock run --allow, come
// from WASISOCK_ALLOW, separated by commas or newlines:
//
//	WASISOCK_ALLOW='dial tcp *:443, resolve *' GOOS=wasip1 GOARCH=wasm go run .
//
// Exit codes are those of wasisock run.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/cmd/internal/runner"
	"github.com/wasisock/wasisock/host"
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)) }

const name = "go_wasip1_wasm_exec"

// run is main; its result is the exit code.
func run(args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprintf(stderr, "usage: %s GUEST.wasm [ARGUMENTS]\n\nThe go command calls this for GOOS=wasip1 GOARCH=wasm go run and go test.\n", name)
		return runner.ExitFailed
	}
	var allow string
	for _, v := range environ {
		if value, ok := strings.CutPrefix(v, "WASISOCK_ALLOW="); ok {
			allow = value
		}
	}
	policy, err := host.ParsePolicy(append(loopback(os.TempDir()), split(allow)...)...)
	if err != nil {
		fmt.Fprintf(stderr, "%s: WASISOCK_ALLOW: %v\n", name, err)
		return runner.ExitFailed
	}
	// Go's programs for wasip1 learn their working directory from PWD.
	wd, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return runner.ExitFailed
	}
	return runner.Command{
		Name: name,
		File: args[0],
		Config: host.Config{
			Args:   args,
			Env:    append(usable(environ), "PWD="+wd),
			Stdin:  stdin,
			Stdout: stdout,
			Stderr: stderr,
			Dirs:   []host.Dir{{Host: "/", Guest: "/"}},
			Policy: policy,
		},
		Stderr: stderr,
		Remedy: func(rule string) string { return "permit it with WASISOCK_ALLOW='" + rule + "'" },
	}.Run()
}

// loopback is the rules that every program gets.
func loopback(temp string) []string {
	rules := []string{"resolve localhost"}
	for _, op := range []string{"dial", "listen", "send"} {
		for _, network := range []string{"tcp", "udp"} {
			rules = append(rules, op+" "+network+" 127.0.0.0/8:*", op+" "+network+" [::1]:*")
		}
		for _, network := range []string{"unix", "unixgram"} {
			rules = append(rules, op+" "+network+" "+strconv.Quote(strings.TrimSuffix(filepath.Clean(temp), "/"))+"/*")
		}
	}
	return rules
}

func split(list string) []string {
	var rules []string
	for _, rule := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '\n' }) {
		if rule = strings.TrimSpace(rule); rule != "" {
			rules = append(rules, rule)
		}
	}
	return rules
}

// usable is environ without the entries that a shell can export but that have no name.
func usable(environ []string) []string {
	var env []string
	for _, v := range environ {
		if i := strings.IndexByte(v, '='); i > 0 {
			env = append(env, v)
		}
	}
	return env
}
