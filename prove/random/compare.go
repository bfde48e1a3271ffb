package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A runner runs programs. It is an *engine.Engine, or a substitute in tests.
type runner interface {
	Prepare(ctx context.Context, program string, args ...string) (string, error)
	Command(flags []string, program string, args ...string) []string
	fmt.Stringer
}

// A comparer compares programs on engines with the same programs natively.
type comparer struct {
	options
	engines []runner
	work    string // the directory for programs
	out     io.Writer
	// cpus has room for two commands, which is how many run at a time.
	cpus chan struct{}
}

// totals counts the work of a comparer.
type totals struct {
	programs, functions int
	lines               int // of output, one per call
	differences         int
	engines             []string
	seeds               []uint64 // that differ
	took                time.Duration
}

func (t totals) String() string {
	s := fmt.Sprintf("compared %d programs with %d functions and %d lines of output on %s in %v: ",
		t.programs, t.functions, t.lines, strings.Join(t.engines, ", "), t.took.Round(time.Second))
	if t.differences == 0 {
		return s + "no difference"
	}
	return fmt.Sprintf("%s%d differences, with the seeds %s", s, t.differences, strings.Trim(fmt.Sprint(t.seeds), "[]"))
}

// compare compares the programs that the options ask for. It returns an error if a
// program cannot be compared.
func (c *comparer) compare(ctx context.Context) (t totals, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	for _, e := range c.engines {
		t.engines = append(t.engines, e.String())
	}
	builds := c.builds(ctx, func(n int) bool {
		return (c.seeds == 0 || n < c.seeds) && (c.duration == 0 || time.Since(began) < c.duration)
	})
	for b := range builds {
		if b.err != nil {
			return t, b.err
		}
		if ctx.Err() != nil {
			break
		}
		differences, lines, err := c.program(ctx, b)
		if err != nil {
			return t, fmt.Errorf("seed %d: %w", b.Seed, err)
		}
		if differences > 0 {
			t.seeds = append(t.seeds, b.Seed)
		}
		t.programs++
		t.functions += len(b.Functions)
		t.lines += lines
		t.differences += differences
		t.took = time.Since(began)
		if err := os.RemoveAll(b.dir); err != nil {
			return t, err
		}
	}
	return t, ctx.Err()
}

// program compares one program on all engines and returns how many of them differ, and
// how many lines the program prints.
func (c *comparer) program(ctx context.Context, b *build) (differences, lines int, err error) {
	if b.failed != "" {
		if ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		return 1, 0, c.report(ctx, b, b.failed+"\n")
	}
	want, err := c.execute(ctx, []string{b.native()})
	if err != nil {
		return 0, 0, err
	}
	if want.timedOut {
		return 0, 0, fmt.Errorf("the native program does not end in %v", c.timeout)
	}
	took := []string{"native " + want.took.Round(time.Millisecond).String()}
	for _, e := range c.engines {
		file, err := e.Prepare(ctx, b.wasm(), "trace", "none", "0")
		if err != nil {
			return differences, 0, err
		}
		got, err := c.execute(ctx, e.Command(c.engineFlags(), file))
		if err != nil {
			return differences, 0, err
		}
		if file != b.wasm() {
			defer os.Remove(file)
		}
		took = append(took, fmt.Sprintf("%s %v", e, got.took.Round(time.Millisecond)))
		if d := difference(want, got); d != nil {
			differences++
			if err := c.report(ctx, b, c.describe(ctx, b, e, file, d)); err != nil {
				return differences, 0, err
			}
		}
	}
	lines = bytes.Count(want.stdout, []byte("\n"))
	if c.verbose {
		fmt.Fprintf(c.out, "seed %d: %d lines, exit code %d; %s\n", b.Seed, lines, want.code, strings.Join(took, ", "))
	}
	return differences, lines, nil
}

// An outcome is the result of a run of a program.
type outcome struct {
	stdout   []byte
	stderr   []byte // is not compared
	code     int
	timedOut bool
	took     time.Duration
}

// execute runs a command. It returns an error if the command cannot be run, or if ctx
// is done.
func (c *comparer) execute(ctx context.Context, command []string) (outcome, error) {
	c.cpus <- struct{}{}
	defer func() { <-c.cpus }()
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	o := outcome{stdout: stdout.Bytes(), stderr: stderr.Bytes(), took: time.Since(start)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case limited.Err() != nil:
		o.timedOut = true
	case errors.As(err, &exit):
		o.code = exit.ExitCode()
	case err != nil:
		return o, err
	}
	return o, nil
}

// A diff is how an outcome differs from that of the native program.
type diff struct {
	line      int    // the first line that differs, from 1 on
	want, got string // this line, or the exit code
	lines     int    // how many lines differ
	functions []string
	stderr    []byte // of the engine
}

// difference returns how got differs from want, or nil if it does not.
func difference(want, got outcome) *diff {
	d := &diff{stderr: got.stderr}
	wanted, gotten := lines(want.stdout), lines(got.stdout)
	for i := range max(len(wanted), len(gotten)) {
		w, g := lineAt(wanted, i), lineAt(gotten, i)
		if w == g {
			continue
		}
		if d.lines++; d.lines == 1 {
			d.line, d.want, d.got = i+1, w, g
		}
		if f, _, _ := strings.Cut(w, " "); !slices.Contains(d.functions, f) {
			d.functions = append(d.functions, f)
		}
	}
	switch {
	case got.timedOut:
		d.got += " (and it was stopped after the time that -timeout allows)"
	case want.code != got.code && d.lines == 0:
		d.want, d.got = fmt.Sprintf("exit code %d", want.code), fmt.Sprintf("exit code %d", got.code)
	case want.code == got.code && d.lines == 0:
		return nil
	}
	return d
}

func lines(text []byte) []string {
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func lineAt(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "(no line)"
}
