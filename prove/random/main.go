// Command random compares what random Go programs do natively and on wasip1:
//
//	go run ./prove/random -for 2m
//	go run ./prove/random -seeds 1000 -v
//	go run ./prove/random -seed 17 -seeds 1 -engine wasmedge-0.14,wasmedge-0.17 -keep .
//
// It generates a program for each seed, builds it for this system and for wasip1, runs
// both, and compares what they print and their exit codes. A seed has the same program
// with every version of Go.
//
// The exit code is 0 if all programs do the same on all engines, 1 if one does not, and
// 2 if that could not be determined.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/prove/internal/engine"
	"github.com/wasisock/wasisock/prove/random/generator"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Options are the flags of the command.
type options struct {
	first     uint64
	seeds     int           // 0 means no limit
	duration  time.Duration // 0 means no limit
	functions int
	engines   string
	aot       bool
	rewrite   bool
	park      int // 0 is never
	keep      string
	toolchain string
	timeout   time.Duration
	verbose   bool
	generate  bool
}

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("random", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Uint64Var(&o.first, "seed", 1, "first `seed`")
	flags.IntVar(&o.seeds, "seeds", 0, "compare the programs of `N` seeds (default 20, or no limit with -for)")
	flags.DurationVar(&o.duration, "for", 0, "start no program after `duration`")
	flags.IntVar(&o.functions, "functions", 24, "generate `N` functions per program")
	flags.StringVar(&o.engines, "engine", "wazero", "run the programs on the engines `names`, separated by commas: "+strings.Join(engine.Names, ", "))
	flags.BoolVar(&o.aot, "aot", false, "compile the programs ahead of time for WasmEdge, about a minute each")
	flags.BoolVar(&o.rewrite, "rewrite", false, "rewrite the programs, as wasisock build does")
	flags.IntVar(&o.park, "park", 0, "have goroutines give way at each `N`th value that they fold, except natively (0 is never)")
	flags.StringVar(&o.keep, "keep", "", "write the source of programs that differ below `directory` (default wasisock/random in the user's cache directory)")
	flags.StringVar(&o.toolchain, "go", "", "build with the Go toolchain of `version`, such as go1.25.0 (default the go command in PATH)")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "stop a run of a program after `duration`, which counts as a difference")
	flags.BoolVar(&o.generate, "generate", false, "write the programs to the directory of -keep, and do not run them")
	flags.BoolVar(&o.verbose, "v", false, "print a line for each program")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "random: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	total, err := compareAll(ctx, o, stdout)
	if total.programs > 0 {
		fmt.Fprintln(stdout, total)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "random: interrupted")
	case err != nil:
		fmt.Fprintf(stderr, "random: %v\n", err)
	}
	return exitCode(total, err)
}

// exitCode returns the exit code of the command.
func exitCode(total totals, err error) int {
	switch {
	case total.differences > 0:
		return 1
	case err != nil:
		return 2
	}
	return 0
}

// compareAll makes the engines and compares the programs that the options ask for.
func compareAll(ctx context.Context, o options, out io.Writer) (total totals, err error) {
	if strconv.IntSize != 64 {
		return total, errors.New("the programs need a system with 64-bit int")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return total, fmt.Errorf("no directory for engines: %w", err)
	}
	if o.keep == "" {
		o.keep = filepath.Join(cache, "wasisock", "random")
	}
	if o.keep, err = filepath.Abs(o.keep); err != nil {
		return total, err
	}
	if o.seeds == 0 && o.duration == 0 {
		o.seeds = 20
	}
	if o.generate {
		return total, generate(o, out)
	}
	work, err := os.MkdirTemp("", "wasisock-random-")
	if err != nil {
		return total, err
	}
	defer os.RemoveAll(work)
	c := &comparer{options: o, work: work, out: out, cpus: make(chan struct{}, 2)}
	for name := range strings.SplitSeq(o.engines, ",") {
		e, err := engine.New(ctx, name, engine.Config{
			Cache: filepath.Join(cache, "wasisock", "prove"),
			Code:  filepath.Join(work, "aot"),
			AOT:   o.aot,
		})
		if err != nil {
			return total, err
		}
		c.engines = append(c.engines, e)
	}
	return c.compare(ctx)
}

// generate writes programs to the directory for programs that differ.
func generate(o options, out io.Writer) error {
	for n := range uint64(o.seeds) {
		p, err := generator.Generate(o.first+n, o.functions)
		if err != nil {
			return err
		}
		dir := filepath.Join(o.keep, directory(p.Seed))
		if err := write(p, dir); err != nil {
			return err
		}
		fmt.Fprintln(out, dir)
	}
	return nil
}
