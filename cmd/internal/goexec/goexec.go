// Package goexec runs what the go command has built, as it would run natively but for
// the network: with all files, the environment, and loopback.
package goexec

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
)

// Usage is the first line of the help for a command of this name.
func Usage(name string) string {
	return "usage: " + name + " [--allow RULE]... [--allow-all] GUEST.wasm [ARGUMENTS]\n"
}

// Run is the command's main; its result is the exit code.
func Run(name string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	messages := report.NewOutput(stderr, name)
	defer messages.Close()
	failed := func(format string, args ...any) int {
		fmt.Fprintf(messages, name+": "+format+"\n", args...)
		return supervisor.ExitFailed
	}
	rules := append(Loopback(os.TempDir()), split(os.Getenv("WASISOCK_ALLOW"))...)
	policy, err := host.ParsePolicy(rules...)
	if err != nil {
		return failed("WASISOCK_ALLOW: %v", err)
	}
	var allowAll bool
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&allowAll, "allow-all", false, "")
	flags.Func("allow", "", func(rule string) (err error) {
		rules = append(rules, rule)
		policy, err = host.ParsePolicy(rules...)
		return err
	})
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp) || err == nil && flags.NArg() == 0:
		fmt.Fprint(messages, Usage(name), "\nThe go command calls this for GOOS=wasip1 GOARCH=wasm go run and go test.\n")
		return supervisor.ExitFailed
	case err != nil:
		return failed("%v", err)
	}
	if allowAll {
		policy = host.AllowAll
	}
	env, err := environment()
	if err != nil {
		return failed("%v", err)
	}
	return supervisor.Command{
		Name: name,
		File: flags.Arg(0),
		Guest: host.Cmd{
			Args:   flags.Args(),
			Env:    env,
			Stdin:  stdin,
			Stdout: stdout,
			Stderr: stderr,
			Dirs:   []host.Dir{{Host: "/", Guest: "/"}},
			Policy: policy,
		},
		Grace:  10 * time.Second,
		Abrupt: true,
		Stderr: messages,
		Remedy: func(rule string) string {
			return "permit it with --allow '" + rule + "' or WASISOCK_ALLOW='" + rule + "'"
		},
	}.Run()
}

// Loopback is the rules that every program gets. A port that the system chooses at all
// addresses is what tests listen at that say ":0".
func Loopback(temp string) []string {
	if path, err := filepath.Abs(temp); err == nil { // TMPDIR can be relative
		temp = path
	}
	rules := []string{"resolve localhost"}
	for _, network := range []string{"tcp", "udp"} {
		for _, op := range []string{"dial", "listen", "send"} {
			rules = append(rules, op+" "+network+" 127.0.0.0/8:*", op+" "+network+" [::1]:*")
		}
		rules = append(rules, "listen "+network+" 0.0.0.0:0", "listen "+network+" [::]:0")
	}
	for _, network := range []string{"unix", "unixgram"} {
		for _, op := range []string{"dial", "listen", "send"} {
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

// environment is ours, without the entries that a shell can export but that have no
// name. Go's programs for wasip1 learn their working directory from PWD, and the
// certificates of authorities from SSL_CERT_FILE alone.
func environment() ([]string, error) {
	var env []string
	for _, v := range os.Environ() {
		if i := strings.IndexByte(v, '='); i > 0 {
			env = append(env, v)
		}
	}
	wd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	env = append(env, "PWD="+wd)
	if file, err := options.Bundle(); err == nil && os.Getenv("SSL_CERT_DIR") == "" {
		env = append(env, "SSL_CERT_FILE="+file)
	}
	return env, nil
}
