// Package goexec runs programs that the go command has built. They have all files and the
// environment, as if they ran natively, but of the network only loopback.
package goexec

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
)

// Options holds the flags of a command that runs such a program.
type Options struct {
	Allow    []string
	AllowAll bool
}

// Flags returns the flags that set o.
func (o *Options) Flags() []cli.Flag {
	return []cli.Flag{
		{Name: "allow", Value: "RULE", Many: true, Short: "allow what RULE says too; see wasisock help rules",
			Long: "WASISOCK_ALLOW can hold more rules, separated by commas.",
			Set: func(rule string) error {
				o.Allow = append(o.Allow, rule)
				_, err := host.ParsePolicy(rule)
				return err
			}},
		{Name: "allow-all", Short: "allow every use of the network", Set: cli.Switch(&o.AllowAll)},
	}
}

// Main runs the command name, which has only the flags of Options, and returns the exit code.
func Main(name string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o Options
	line, err := cli.Parse(name, o.Flags(), args)
	switch {
	case errors.Is(err, pflag.ErrHelp) || err == nil && len(line.Args) == 0:
		fmt.Fprintf(stderr, "usage: %s [--allow RULE]... [--allow-all] GUEST.wasm [ARGUMENTS]\n\n"+
			"The go command calls this for GOOS=wasip1 GOARCH=wasm go run and go test.\n", name)
		return supervisor.ExitFailed
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return supervisor.ExitFailed
	}
	return Run(name, o, line.Args, stdin, stdout, stderr)
}

// Run runs the guest that the first of args names, and returns the exit code. Messages begin with
// name.
func Run(name string, o Options, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	messages := report.NewOutput(stderr, name)
	defer messages.Close()
	failed := func(format string, args ...any) int {
		fmt.Fprintf(messages, name+": "+format+"\n", args...)
		return supervisor.ExitFailed
	}
	variable := split(os.Getenv("WASISOCK_ALLOW"))
	if _, err := host.ParsePolicy(variable...); err != nil {
		return failed("WASISOCK_ALLOW: %v", err)
	}
	policy, err := host.ParsePolicy(slices.Concat(Loopback(os.TempDir()), variable, o.Allow)...)
	if err != nil {
		return failed("%v", err)
	}
	if o.AllowAll {
		policy = host.AllowAll
	}
	env, err := environment()
	if err != nil {
		return failed("%v", err)
	}
	return supervisor.Command{
		File: args[0],
		Guest: host.Cmd{
			Args:   args,
			Env:    env,
			Stdin:  stdin,
			Stdout: stdout,
			Stderr: stderr,
			Dirs:   []host.Dir{{Host: "/", Guest: "/"}},
			Policy: policy,
		},
		Grace:  10 * time.Second,
		Abrupt: true,
		Log:    report.NewLog(messages, name, "plain", slog.LevelInfo),
		Remedy: func(rule string) string {
			return "allow it with --allow '" + rule + "' or WASISOCK_ALLOW='" + rule + "'"
		},
	}.Run()
}

// Loopback returns the rules that every program gets. UNIX sockets must be below the directory
// temp. Port 0 at all addresses is allowed for tests that listen at ":0".
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

// environment returns the environment of this process, without entries that have no name. It sets
// PWD, from which Go programs for wasip1 learn their working directory, and SSL_CERT_FILE, the
// only place where they look for certificates.
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
