//go:build linux

// Bench measures HTTP servers side by side in one session: requests per second of
// server CPU above all, because it stays comparable on a machine that others use
// too. See README.md; run.sh prepares what it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A plan lists what to measure.
type plan struct {
	servers      []Server
	interpreters []Server // by name, what a server of that name must outrun
	jobs         []job
	levels       []int // idle connections
	conns        []int // active connections
	rounds       int
	window       time.Duration
	rest         time.Duration
	requests     int    // from memory
	out          string // directory for the results
}

func parse(args []string) (plan, error) {
	var p plan
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Func("server", "`NAME=COMMAND` of a server, run by sh; {port} in it is the port to listen on at 127.0.0.1. The first is the yardstick. May be repeated",
		addServer(&p.servers))
	set.Func("interpreter", "`NAME=COMMAND`: server NAME must do at least twice as much per CPU second as this command, which interprets the same program, or else it does not run compiled code",
		addServer(&p.interpreters))
	set.Func("compile", "`NAME=COMMAND` that compiles a program, run by sh; {out} in it is an empty directory. May be repeated",
		addJob(&p.jobs, "compile"))
	set.Func("memory", "`NAME=COMMAND` that answers {requests} requests from memory and ends, run by sh. The first is the yardstick. May be repeated",
		addJob(&p.jobs, "memory"))
	set.IntVar(&p.requests, "requests", 100_000, "how many requests -memory means")
	levels := set.String("idle", "0,1000,5000", "idle keep-alive connections, a list")
	conns := set.String("conns", "1,64", "active connections, a list")
	set.IntVar(&p.rounds, "rounds", 3, "how often everything is measured")
	set.DurationVar(&p.window, "window", 4*time.Second, "length of one measurement, in whole seconds")
	set.DurationVar(&p.rest, "rest", 3*time.Second, "how long to watch the servers at rest")
	set.StringVar(&p.out, "out", ".", "directory for results.md, results.tsv and the plots")
	if err := set.Parse(args); err != nil {
		if err == flag.ErrHelp {
			set.SetOutput(os.Stdout)
			set.PrintDefaults()
		}
		return p, err
	}
	var err1, err2 error
	p.levels, err1 = numbers(*levels, 0)
	p.conns, err2 = numbers(*conns, 1)
	switch {
	case set.NArg() > 0:
		return p, fmt.Errorf("unknown argument %q", set.Arg(0))
	case len(p.servers) == 0:
		return p, errors.New("-server is missing")
	case err1 != nil || err2 != nil:
		return p, errors.Join(err1, err2)
	case p.rounds < 1:
		return p, fmt.Errorf("-rounds %d is less than 1", p.rounds)
	case p.window < time.Second || p.window%time.Second != 0:
		return p, fmt.Errorf("-window %v is not whole seconds", p.window)
	case p.requests < 1:
		return p, fmt.Errorf("-requests %d is less than 1", p.requests)
	case p.rest <= 0:
		return p, fmt.Errorf("-rest %v is not more than 0", p.rest)
	}
	return p, nil
}

func addServer(to *[]Server) func(string) error {
	return func(s string) error {
		name, command, ok := strings.Cut(s, "=")
		if !ok || name == "" || command == "" {
			return errors.New("not NAME=COMMAND")
		}
		*to = append(*to, Server{name, command})
		return nil
	}
}

func addJob(to *[]job, load string) func(string) error {
	return func(s string) error {
		var one []Server
		err := addServer(&one)(s)
		for _, named := range one {
			*to = append(*to, job{named.Name, named.Command, load})
		}
		return err
	}
}

func numbers(list string, least int) ([]int, error) {
	var out []int
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < least {
			return nil, fmt.Errorf("%q is not a list of numbers of at least %d", list, least)
		}
		out = append(out, n)
	}
	return out, nil
}

func main() {
	raiseFileLimit()
	if len(os.Args) == 4 && os.Args[1] == "idle" {
		if err := idleMain(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 4 && os.Args[1] == "soak" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := soakMain(ctx, os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	p, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, p)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// raiseFileLimit lets this process and its children have as many descriptors as
// the system allows them.
func raiseFileLimit() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}
