package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/wasisock/wasisock/internal/rewrite"
	"github.com/wasisock/wasisock/prove/random/generator"
)

// A build is a program with the files that Go has compiled.
type build struct {
	*generator.Program
	dir string // with the source; native and program.wasm are there too
	err error  // of generating or writing the program
	// failed is the compiler's output if it did not compile the program.
	failed string
}

func (b *build) native() string { return filepath.Join(b.dir, "native") }
func (b *build) wasm() string   { return filepath.Join(b.dir, "program.wasm") }

// builds generates and builds the programs in the order of their seeds. It builds one
// while another one runs.
func (c *comparer) builds(ctx context.Context, more func(n int) bool) <-chan *build {
	ch := make(chan *build)
	go func() {
		defer close(ch)
		for n := 0; more(n) && ctx.Err() == nil; n++ {
			b := c.build(ctx, c.first+uint64(n))
			select {
			case ch <- b:
			case <-ctx.Done():
			}
			if b.err != nil {
				return
			}
		}
	}()
	return ch
}

// directory returns the name of the directory of a seed's program.
func directory(seed uint64) string { return "seed-" + strconv.FormatUint(seed, 10) }

// build generates the program of a seed, writes it to a directory of its own and
// builds it.
func (c *comparer) build(ctx context.Context, seed uint64) *build {
	b := &build{dir: filepath.Join(c.work, directory(seed))}
	if b.Program, b.err = generator.Generate(seed, c.functions); b.err != nil {
		return b
	}
	if b.err = write(b.Program, b.dir); b.err != nil {
		return b
	}
	wasm := make(chan string)
	go func() { wasm <- c.goBuild(ctx, b.dir, "wasip1", "wasm", b.wasm()) }()
	b.failed = c.goBuild(ctx, b.dir, runtime.GOOS, runtime.GOARCH, b.native())
	if s := <-wasm; b.failed == "" {
		b.failed = s
	}
	if b.failed == "" && c.rewrite {
		b.err = rewriteFile(b.wasm())
	}
	return b
}

// rewriteFile rewrites a module in place.
func rewriteFile(file string) error {
	module, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	made, _, err := rewrite.Module(module)
	if err != nil {
		return fmt.Errorf("rewrite: %w", err)
	}
	return os.WriteFile(file, made, 0o777)
}

// goBuild builds the program in a directory and returns what is wrong with it, or "".
func (c *comparer) goBuild(ctx context.Context, dir, goos, goarch, out string) string {
	c.cpus <- struct{}{}
	defer func() { <-c.cpus }()
	cmd := exec.CommandContext(ctx, "go", "build", "-p", "1", "-buildvcs=false", "-ldflags=-w", "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "GOAMD64=v1", "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOMAXPROCS=1")
	if c.toolchain != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+c.toolchain)
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Sprintf("go build for %s/%s: %v\n%s", goos, goarch, err, bytes.TrimSpace(text))
	}
	return ""
}

// write writes the source of a program to a directory.
func write(p *generator.Program, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, f := range p.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o666); err != nil {
			return err
		}
	}
	return nil
}
