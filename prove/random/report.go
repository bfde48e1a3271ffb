package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// report keeps the source of a program and prints a report about it.
func (c *comparer) report(_ context.Context, b *build, text string) error {
	kept := filepath.Join(c.keep, filepath.Base(b.dir))
	if err := write(b.Program, kept); err != nil {
		return fmt.Errorf("cannot keep the program: %w (name another directory with -keep)", err)
	}
	fmt.Fprintf(c.out, "seed %d: %s", b.Seed, text)
	fmt.Fprintf(c.out, "\tsource: %s\n", kept)
	return nil
}

// describe returns a report about a difference. file is the module that the engine has run.
func (c *comparer) describe(ctx context.Context, b *build, e runner, file string, d *diff) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s differs from native in %d lines, functions %s\n", e, d.lines, strings.Join(d.functions, " "))
	if d.line > 0 {
		fmt.Fprintf(&s, "\tline %d\n", d.line)
	}
	fmt.Fprintf(&s, "\tnative: %s\n\t%s: %s\n", d.want, e, d.got)
	for line := range strings.Lines(string(d.stderr)) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "wasisock: compil") {
			fmt.Fprintf(&s, "\tstandard error of %s: %s\n", e, strings.TrimSpace(line))
			break
		}
	}
	trace := c.trace(ctx, b, e, file, d, &s)
	fmt.Fprintf(&s, "\trun again: go run ./prove/random -seed %d -seeds 1 -functions %d -engine %s%s\n", b.Seed, c.functions, strings.TrimSuffix(e.String(), "-aot"), c.flags())
	kept := filepath.Join(c.keep, filepath.Base(b.dir))
	fmt.Fprintf(&s, "\tor: cd %s && GOOS=wasip1 GOARCH=wasm go build -o program.wasm . && %s\n",
		kept, strings.Join(e.Command(c.engineFlags(), "program.wasm", trace...), " "))
	return s.String()
}

// flags returns the flags of this run that decide what a program does.
func (c *comparer) flags() string {
	s := ""
	if c.aot {
		s += " -aot"
	}
	if c.rewrite {
		s += " -rewrite"
	}
	if c.park > 0 {
		s += fmt.Sprintf(" -park %d", c.park)
	}
	if c.toolchain != "" {
		s += " -go " + c.toolchain
	}
	return s
}

// engineFlags returns the flags with which an engine runs a program.
func (c *comparer) engineFlags() []string {
	if c.park > 0 {
		return []string{"--env", fmt.Sprintf("PARK=%d", c.park)}
	}
	return nil
}

// call finds the function and the input in a line of output.
var call = regexp.MustCompile(`^(f\d+) (\d+) `)

// trace runs the call whose result differs once more, natively and on the engine, with
// all values that it folds. It writes the first value that differs, with the line of
// the source, and returns the arguments of the program.
func (c *comparer) trace(ctx context.Context, b *build, e runner, file string, d *diff, s *strings.Builder) []string {
	m := call.FindStringSubmatch(d.want)
	if m == nil {
		return nil
	}
	args := []string{"trace", m[1], m[2]}
	want, err := c.execute(ctx, append([]string{b.native()}, args...))
	if err != nil {
		return args
	}
	got, err := c.execute(ctx, e.Command(c.engineFlags(), file, args...))
	if err != nil {
		return args
	}
	first := difference(want, got)
	if first == nil {
		fmt.Fprintf(s, "\tcalled alone, %s does the same on both with input %s: an earlier call matters\n", m[1], m[2])
		return args
	}
	w, g := strings.TrimSpace(first.want), strings.TrimSpace(first.got)
	site, _, _ := strings.Cut(w, " ")
	fmt.Fprintf(s, "\tfirst value that differs in %s with input %s: native %q, %s %q\n", m[1], m[2], w, e, g)
	if n, err := strconv.Atoi(site); err == nil {
		if at, text := statement(b, n); at != "" {
			fmt.Fprintf(s, "\tnative folds it at %s: %s\n", at, text)
		}
	}
	return args
}

// statement returns the position and the text of the statement that folds value n.
func statement(b *build, n int) (position, text string) {
	folds := regexp.MustCompile(fmt.Sprintf(`\bc\.\w+\(%d[,)]|\(c, %[1]d, `, n))
	source, err := os.ReadFile(filepath.Join(b.dir, "main.go"))
	if err != nil {
		return "", ""
	}
	for i, line := range strings.Split(string(source), "\n") {
		if folds.MatchString(line) {
			return fmt.Sprintf("main.go:%d", i+1), strings.TrimSpace(line)
		}
	}
	return "", ""
}
