package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/otlp"
	"github.com/wasisock/wasisock/cmd/internal/report"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
)

// A runOptions holds the flags of wasisock run.
type runOptions struct {
	args    []string           // the guest's file or sources, and then its arguments
	given   cli.Given          // the flags
	raw     []string           // the command line
	command supervisor.Command // includes the guest's Cmd and the engine

	allow, deny, filed []string // rules; filed has those of --policy
	allowAll           bool

	roots     tlsRoots
	listeners listenFlag

	listenWhenReady bool

	faults    faults
	traced    tracing
	endpoints endpoints
	otlp      *url.URL // --otlp-endpoint, or nil
	profile   string
	pidFile   string
	monitor   supervisor.Monitor
	logs      logOptions
	verbose   bool

	config      string
	printConfig bool

	confined confinement
}

// A logOptions holds the values of the flags about messages.
type logOptions struct {
	format string // one of report.Formats
	level  slog.Level
	guest  bool // log what the guest prints
}

// newRunOptions returns the options of a command line without flags.
func newRunOptions() *runOptions {
	o := &runOptions{logs: logOptions{format: report.Formats[0]}}
	o.command.Grace, o.monitor.LiveAfter = 10*time.Second, 10*time.Second
	return o
}

// configured returns the options of the file that --config names. Options of the command line
// replace them, or are added to lists. Without --config, configured returns o.
func (o *runOptions) configured() (*runOptions, error) {
	if o.config == "" {
		o.given = o.withArgs(o.given, o.args)
		return o, nil
	}
	made := newRunOptions()
	var args []string
	keys := made.configKeys(&args)
	given, err := cli.Configure(o.config, keys)
	if err != nil {
		return nil, err
	}
	line, err := cli.Parse("wasisock run", made.flags(), o.raw)
	if err != nil {
		return nil, err
	}
	if len(line.Args) > 0 {
		args = line.Args
	}
	made.args, made.raw, made.given = args, o.raw, o.withArgs(given.Over(keys, line.Given), args)
	return made, nil
}

// withArgs returns a copy of given in which args are the guest and its arguments.
func (o *runOptions) withArgs(given cli.Given, args []string) cli.Given {
	given = maps.Clone(given)
	delete(given, "guest")
	delete(given, "args")
	if len(args) > 0 {
		given["guest"] = args[:1]
	}
	if len(args) > 1 {
		given["args"] = args[1:]
	}
	return given
}

func (o *runOptions) readPolicy(file string) error {
	read, err := options.ReadPolicy(file)
	o.filed = append(o.filed, read...)
	return err
}

func (o *runOptions) setOTLP(v string) (err error) {
	o.otlp, err = otlp.ParseEndpoint(v)
	return err
}

func (o *runOptions) addDir(v string) error {
	d, err := parseDir(v)
	o.command.Guest.Dirs = append(o.command.Guest.Dirs, d)
	return err
}

func (o *runOptions) addEnv(v string) error {
	v, err := parseEnv(v)
	o.command.Guest.Env = append(o.command.Guest.Env, v)
	return err
}

// ruleFlag returns a function that appends a flag's value to rules, with word in front. The
// function returns an error if the result is not a rule.
func ruleFlag(rules *[]string, word string) func(string) error {
	return func(v string) error {
		*rules = append(*rules, word+v)
		_, err := host.ParsePolicy(word + v)
		return err
	}
}

// parseEnv returns NAME=VALUE. For NAME alone, the value is that of this process's environment.
func parseEnv(v string) (string, error) {
	if strings.Contains(v, "=") {
		return v, nil
	}
	value, ok := os.LookupEnv(v)
	if !ok {
		return "", fmt.Errorf("%s is not set here; write %s=VALUE", v, v)
	}
	return v + "=" + value, nil
}

// parseDir reads HOST:GUEST or HOST:GUEST:ro. HOST may have colons.
func parseDir(v string) (host.Dir, error) {
	rest, readOnly := strings.CutSuffix(v, ":ro")
	colon := strings.LastIndexByte(rest, ':')
	if colon <= 0 || !strings.HasPrefix(rest[colon+1:], "/") {
		return host.Dir{}, fmt.Errorf("%q is not HOST:GUEST with an absolute GUEST; write %s:/ or %s:/data", v, rest, rest)
	}
	return host.Dir{Host: rest[:colon], Guest: rest[colon+1:], ReadOnly: readOnly}, nil
}

// validate sets the guest's policy, and its share of the memory. It returns an error for an
// invalid rule, and for options that exclude or need each other.
func (o *runOptions) validate() (err error) {
	switch {
	case o.allowAll && len(o.allow) > 0:
		return fmt.Errorf("--allow-all leaves nothing for --allow %q to allow; leave out one of them", o.allow[0])
	case o.command.Learn && (o.allowAll || len(o.allow) > 0):
		return errors.New("--learn allows everything; leave out --allow and --allow-all")
	case len(o.args) == 0 && !o.printConfig:
		return errors.New("no guest was named; write wasisock run GUEST.wasm, or see wasisock run --help")
	case o.logs.guest && o.logs.format == "plain":
		return errors.New("--log-guest has no fields in plain messages; add --log-format text or json")
	case o.command.Guest.ListenFDs && len(o.listeners) == 0:
		return errors.New("--listen-fds needs --listen; name the address where the guest listens, as in --listen tcp:127.0.0.1:8080")
	}
	if err := needsListen(&o.command, o.listeners); err != nil {
		return err
	}
	if o.allowAll || o.command.Learn {
		o.allow = []string{"all"}
	}
	if slices.Equal(o.given["max-memory"], []string{options.AutoMemory}) {
		o.command.Guest.Limits.Memory /= uint64(max(o.command.Instances, 1))
	}
	o.command.Guest.Policy, err = host.ParsePolicy(slices.Concat(o.allow, o.deny, o.filed)...)
	return err
}
