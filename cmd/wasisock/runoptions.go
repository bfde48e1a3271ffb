package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
)

// A runOptions is what the command line of wasisock run says.
type runOptions struct {
	args    []string           // the guest, or what it is built from, and its arguments
	command supervisor.Command // with the guest's Cmd and the engine

	allow, deny, filed []string // rules
	allowAll           bool

	roots     tlsRoots
	listeners listenFlag
	faults    faults
	traced    tracing
	endpoints endpoints
	profile   string
	pidFile   string
	verbose   bool
	confined  confinement
}

func (o *runOptions) parse(args []string) error {
	o.command.Grace = 10 * time.Second
	guest := &o.command.Guest
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}

	flags.Func("allow", "", ruleFlag(&o.allow, ""))
	flags.Func("deny", "", ruleFlag(&o.deny, "deny "))
	flags.Func("policy", "", func(v string) error {
		read, err := options.ReadPolicy(v)
		o.filed = append(o.filed, read...)
		return err
	})
	flags.BoolVar(&o.allowAll, "allow-all", false, "")
	flags.BoolVar(&o.command.Learn, "learn", false, "")
	flags.BoolVar(&o.confined.off, "no-confine", false, "")
	flags.Func("dns", "", options.DNS(guest, &o.confined.dns))

	flags.Func("dir", "", func(v string) error {
		d, err := parseDir(v)
		guest.Dirs = append(guest.Dirs, d)
		return err
	})
	flags.Func("env", "", func(v string) error {
		v, err := parseEnv(v)
		guest.Env = append(guest.Env, v)
		return err
	})
	flags.Var(&o.roots, "tls-roots", "")
	options.Limits(flags, &guest.Limits)

	flags.Var(&o.listeners, "listen", "")
	flags.Func("publish", "", o.listeners.publish)
	flags.BoolVar(&guest.ListenFDs, "listen-fds", false, "")
	flags.Func("restart", "", options.Restart(&o.command.Restart))
	flags.BoolVar(&o.command.Watch, "watch", false, "")
	flags.Func("grace", "", options.Time(&o.command.Grace, 0))
	flags.Func("instances", "", options.Count(&o.command.Instances))
	flags.StringVar(&o.pidFile, "pid-file", "", "")

	o.traced.register(flags)
	flags.StringVar(&o.endpoints.metrics, "metrics", "", "")
	flags.StringVar(&o.endpoints.pprof, "pprof", "", "")
	flags.StringVar(&o.profile, "cpu-profile", "", "")
	flags.Var(&o.faults, "fault", "")

	flags.BoolVar(&o.verbose, "v", false, "")

	options.Engine(flags, &o.command.Engine)
	err := flags.Parse(args)
	o.args = flags.Args()
	return err
}

// ruleFlag collects rules that are preceded by a word.
func ruleFlag(rules *[]string, word string) func(string) error {
	return func(v string) error {
		*rules = append(*rules, word+v)
		_, err := host.ParsePolicy(word + v)
		return err
	}
}

// parseEnv reads NAME=VALUE, or NAME for one of this process.
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

// validate finds what does not go together, and makes the policy.
func (o *runOptions) validate() (err error) {
	switch {
	case o.allowAll && len(o.allow) > 0:
		return fmt.Errorf("--allow-all leaves nothing for --allow %q to permit; leave out one of them", o.allow[0])
	case o.command.Learn && (o.allowAll || len(o.allow) > 0):
		return errors.New("--learn permits everything; leave out --allow and --allow-all")
	case len(o.args) == 0:
		return errors.New("no guest was named; write wasisock run GUEST.wasm, or see wasisock run --help")
	case o.command.Guest.ListenFDs && len(o.listeners) == 0:
		return errors.New("--listen-fds needs --listen; name the address where the guest listens, as in --listen tcp:127.0.0.1:8080")
	}
	if err := needsListen(&o.command, o.listeners); err != nil {
		return err
	}
	if o.allowAll || o.command.Learn {
		o.allow = []string{"all"}
	}
	o.command.Guest.Policy, err = host.ParsePolicy(slices.Concat(o.allow, o.deny, o.filed)...)
	return err
}
