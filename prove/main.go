// Command prove runs Go's own tests of its network packages on wasip1, with the
// overlay of package stdnet, in wasisock, with either engine inside, and on WasmEdge:
//
//	go run ./prove net net/http
//	go run ./prove -engine wasmedge-0.14,wasmedge-0.17 -go go1.25.0 -run '^TestDial' net
//	go run ./prove -module prove/xnet
//
// The tests are those of the Go installation that the overlay is for. Tests that skip because
// wasip1 has no network are patched so that they run; patches.go has the patches. Tests that
// cannot pass are in expected.txt, each with the reason. A test that fails or skips and is not
// there is an error, and so is one that is there and passes.
//
// With -module the packages are those of another module, or of its dependencies, without patches.
//
// Each package runs in a network namespace of its own, so tests do not reach the network, and
// nothing in the network disturbs them.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/internal/progress"
	"github.com/wasisock/wasisock/prove/internal/engine"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// A prover holds the settings that all packages share.
type prover struct {
	engine   *engine.Engine
	suite    *suite
	cache    string // for test programs and logs
	run      string // the value of go test's -run
	short    bool   // leave out the tests that are listed as slow
	rewrite  bool   // rewrite test programs
	timeout  time.Duration
	parallel int // number of packages that run at the same time
	expected expected
	out      io.Writer
}

func run(args []string, stdout, stderr io.Writer) int {
	p := &prover{out: stdout}
	flags := flag.NewFlagSet("prove", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := flags.String("engine", "wazero", "`names` of what runs the tests, with commas: "+strings.Join(engine.Names, ", "))
	toolchains := flags.String("go", "", "`versions` of Go that the tests are of, such as go1.24.9,go1.25.0; by default the one in PATH")
	aot := flags.Bool("aot", false, "compile ahead of time for WasmEdge: takes minutes for each package, once")
	optimize := flags.String("optimize", "", "`level` at which WasmEdge's own program optimizes with -aot, 0 to 3: 0 takes a tenth of the time")
	module := flags.String("module", "", "`directory` of a module whose packages are meant, and that has an expected.txt of its own")
	flags.StringVar(&p.run, "run", "", "run the tests that match `regexp` alone")
	flags.BoolVar(&p.short, "short", false, "leave out the tests that are listed as slow on the engine")
	flags.BoolVar(&p.rewrite, "rewrite", false, "rewrite the test programs, as wasisock build does")
	flags.IntVar(&p.parallel, "p", 1, "prove `n` packages at a time")
	flags.DurationVar(&p.timeout, "timeout", 10*time.Minute, "`time` for each package")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	total, err := p.prove(ctx, flags.Args(), strings.Split(*names, ","), strings.Split(*toolchains, ","), *module, engine.Config{AOT: *aot, Optimize: *optimize})
	if err != nil {
		fmt.Fprintf(stderr, "prove: %v\n", err)
		return 2
	}
	fmt.Fprintln(stdout, total)
	if total.wrong > 0 || total.failed > 0 {
		return 1
	}
	return 0
}

func (p *prover) prove(ctx context.Context, packages, names, toolchains []string, module string, cfg engine.Config) (total counts, err error) {
	if _, err := regexp.Compile(p.run); err != nil {
		return total, fmt.Errorf("-run: %w", err)
	}
	file, text := "expected.txt", expectedGo
	if module != "" {
		file = filepath.Join(module, file)
		b, err := os.ReadFile(file)
		if err != nil {
			return total, fmt.Errorf("-module: %w", err)
		}
		text = string(b)
	}
	if p.expected, err = readExpected(file, text); err != nil {
		return total, err
	}
	if len(packages) == 0 {
		packages = p.expected.packages
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return total, fmt.Errorf("no directory for what is compiled: %w", err)
	}
	p.cache = filepath.Join(dir, "wasisock", "prove")
	if err := os.MkdirAll(filepath.Join(p.cache, "log"), 0o777); err != nil {
		return total, err
	}
	if err := namespaces(ctx); err != nil {
		return total, err
	}
	cfg.Cache = p.cache
	ready := make([]*engine.Engine, len(names))
	for i, name := range names {
		if ready[i], err = engine.New(ctx, name, cfg); err != nil {
			return total, err
		}
	}
	var mu sync.Mutex // for total and p.out
	var wg sync.WaitGroup
	room := make(chan struct{}, max(p.parallel, 1))
	defer wg.Wait()
	for _, toolchain := range toolchains {
		if p.suite, err = newSuite(ctx, toolchain, module, p.cache); err != nil {
			return total, err
		}
		p.suite.rewrite = p.rewrite
		for _, p.engine = range ready {
			for _, pkg := range packages {
				room <- struct{}{}
				if ctx.Err() != nil {
					return total, ctx.Err()
				}
				var text bytes.Buffer
				one := *p
				one.out = &text
				wg.Go(func() {
					defer func() { <-room }()
					c, err := one.one(ctx, pkg)
					if err != nil {
						fmt.Fprintf(&text, "%s %s %s: %v\n", pkg, one.engine.Name, one.suite.version, err)
						c.wrong++
					}
					mu.Lock()
					defer mu.Unlock()
					if ctx.Err() == nil {
						p.out.Write(text.Bytes())
						total.add(c)
					}
				})
			}
		}
	}
	wg.Wait()
	return total, ctx.Err()
}

// one runs the tests of a package, and returns their counts and an error if some are not as
// expected.
func (p *prover) one(ctx context.Context, pkg string) (counts, error) {
	where := []string{p.engine.Name, p.suite.version}
	program, err := p.suite.compile(ctx, pkg)
	if err != nil || program == "" {
		return counts{}, err
	}
	err = progress.Compiling(os.Stderr, pkg+" for "+p.engine.Name, func() (err error) {
		program, err = p.engine.Prepare(ctx, program, "-test.list=^$")
		return err
	})
	if err != nil {
		return counts{}, err
	}
	name := strings.Join(append(where, strings.ReplaceAll(pkg, "/", "-")), "_") + ".txt"
	log, err := os.Create(filepath.Join(p.cache, "log", name))
	if err != nil {
		return counts{}, err
	}
	defer log.Close()
	start := time.Now()
	args := []string{"-test.v=test2json", "-test.paniconexit0", "-test.timeout=" + p.timeout.String()}
	if p.run != "" {
		args = append(args, "-test.run="+p.run)
	}
	if skip := excluded(p.expected.list, pkg, where, p.short); skip != "" {
		args = append(args, "-test.skip="+skip)
	}
	directory, err := p.suite.directory(ctx, pkg)
	if err != nil {
		return counts{}, err
	}
	ended := execute(ctx, p.engine, program, directory, args, p.timeout+30*time.Second, log)
	if err := ctx.Err(); err != nil {
		return counts{}, err
	}
	if _, err := log.Seek(0, io.SeekStart); err != nil {
		return counts{}, err
	}
	r, err := parse(bufio.NewReader(log))
	if err != nil {
		return counts{}, err
	}
	c, wrong := judge(r, p.expected, pkg, where, ended, p.run != "" || p.short)
	for _, w := range wrong {
		fmt.Fprintf(p.out, "%s\n", w)
	}
	if len(wrong) > 0 {
		fmt.Fprintf(p.out, "\tlog: %s\n", log.Name())
	}
	fmt.Fprintf(p.out, "%-24s %-13s %s: %v in %v\n", pkg, p.engine.Name, p.suite.version, c, time.Since(start).Round(time.Second))
	return c, nil
}
