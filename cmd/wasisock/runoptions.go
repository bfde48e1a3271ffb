package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/cli"
	"github.com/wasisock/wasisock/cmd/internal/options"
	"github.com/wasisock/wasisock/cmd/internal/supervisor"
	"github.com/wasisock/wasisock/host"
)

// A runOptions is what the command line of wasisock run says.
type runOptions struct {
	args    []string           // the guest, or what it is built from, and its arguments
	given   cli.Given          // the flags
	raw     []string           // the command line
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

// newRunOptions returns those of a command line without flags.
func newRunOptions() *runOptions {
	o := &runOptions{}
	o.command.Grace = 10 * time.Second
	return o
}

func (o *runOptions) readPolicy(file string) error {
	read, err := options.ReadPolicy(file)
	o.filed = append(o.filed, read...)
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
