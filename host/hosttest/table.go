package hosttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// docs/conformance.md begins with a table of engines and what they can do. All else in it
// follows from that and from the sentences, and not from where or how the suite runs.

const conformanceFile = "docs/conformance.md"

// A column is an engine of the table.
type column struct {
	name string
	can  Capability
}

// readColumns reads the table of engines.
func readColumns(text string) (columns []column, err error) {
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if strings.HasPrefix(line, "#") && len(columns) > 0 {
			break
		}
		if len(cells) != 2 || cells[0] == "engine" || strings.HasPrefix(cells[0], "--") {
			continue
		}
		c := column{name: cells[0]}
		for _, name := range strings.Split(cells[1], ", ") {
			known := false
			for i, capability := range capabilities {
				if capability.name == name {
					c.can |= 1 << i
					known = true
				}
			}
			if !known && name != "transcripts" {
				return nil, fmt.Errorf("%s: unknown capability %q", conformanceFile, name)
			}
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// engine is an engine as far as the table depends on one.
func (c column) engine() Engine {
	e := Engine{Name: c.name, Can: c.can}
	if c.can&InProcess != 0 {
		e.Compile = noCompile
	}
	return e
}

// CheckTable checks that docs/conformance.md says of an engine what it can do, and writes
// it there with -update. Outside of wasisock's own repository it does nothing.
func CheckTable(t *testing.T, e Engine) {
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	if !m.Main {
		t.Skip("the table is in wasisock's repository; run this there")
	}
	text, columns := readTable(t)
	found := false
	for i, c := range columns {
		if c.name == e.Name {
			found = true
			if c.can != e.can() && !*update {
				t.Errorf("%s says that %s can do %s, and it can do %s; run this with -update", conformanceFile, e.Name, c.can, e.can())
			}
			columns[i].can = e.can()
		}
	}
	if !found && !*update {
		t.Errorf("%s does not list %s; run this with -update", conformanceFile, e.Name)
	} else if !found {
		columns = append(columns, column{e.Name, e.can()})
	}
	compareDoc(t, conformanceFile, text, table(t, columns))
}

func readTable(t *testing.T) (string, []column) {
	t.Helper()
	text := readDoc(t, conformanceFile)
	columns, err := readColumns(text)
	if err != nil {
		t.Fatal(err)
	}
	return text, columns
}

// table renders docs/conformance.md.
func table(t *testing.T, columns []column) string {
	t.Helper()
	var b, rows strings.Builder
	runs := make([]int, len(columns))
	count := 0
	head := "| sentence |"
	for _, c := range columns {
		head += " " + c.name + " |"
	}
	head += "\n|" + strings.Repeat("---|", len(columns)+1) + "\n"
	row := func(says string, needs func(Engine) Capability) {
		count++
		rows.WriteString("| " + strings.ReplaceAll(says, "|", `\|`) + " |")
		for i, c := range columns {
			if missing := c.engine().lacking(needs(c.engine())); missing != 0 {
				fmt.Fprintf(&rows, " needs %s |", missing)
			} else {
				rows.WriteString(" run |")
				runs[i]++
			}
		}
		rows.WriteString("\n")
	}
	for _, g := range groups {
		if len(g.sentences) > 0 {
			fmt.Fprintf(&rows, "\n## %s\n\n%s", title(g.name), head)
		}
		for _, s := range g.sentences {
			row(s.says, func(Engine) Capability { return s.needs })
		}
		for _, theme := range g.themes {
			fmt.Fprintf(&rows, "\n### %s: transcripts about %s\n\n%s", title(g.name), theme.name, head)
			for i, says := range goldenSentences(t, theme.name) {
				row(says, func(e Engine) Capability { return e.needsFor(line{sentence: says}, i > 0) })
			}
		}
	}
	b.WriteString(`# Conformance

Which engine runs which sentence of the suite in [host/hosttest](../host/hosttest). A
sentence that an engine does not run names the capability that it needs; those that need
Compiled or CompilesQuickly run there with ` + "`-all`" + `. Differences between transcripts, which the
suite allows for a reason each, are in
[differences.go](../host/hosttest/differences.go).

` + "`go test ./host/hosttest -update`" + ` writes this file, after a change of the sentences. The
table of engines is written by the test of each engine with the same flag.

| engine | can do |
|---|---|
`)
	for _, c := range columns {
		can := c.can.String()
		if can == "" {
			can = "transcripts"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", c.name, can)
	}
	b.WriteString("\n## Totals\n\n| |")
	for _, c := range columns {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(columns)+1) + "\n")
	fmt.Fprintf(&b, "| run, of %d |", count)
	for i := range columns {
		fmt.Fprintf(&b, " %d |", runs[i])
	}
	b.WriteString("\n| not applicable |")
	for i := range columns {
		fmt.Fprintf(&b, " %d |", count-runs[i])
	}
	b.WriteString("\n\nCapabilities: what each means.\n\n")
	for _, c := range capabilities {
		fmt.Fprintf(&b, "- %s: the engine %s.\n", c.name, c.means)
	}
	b.WriteString(rows.String())
	return b.String()
}

// title begins a text with a capital letter.
func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// held returns the sentences of each promise, in the order of their groups, as lines.
func held(t *testing.T) map[string][]string {
	lines := map[string][]string{}
	for _, g := range groups {
		for _, s := range g.sentences {
			if s.promise != "" {
				lines[s.promise] = append(lines[s.promise], fmt.Sprintf("- %s: %s", g.name, s.says))
			}
		}
		for _, theme := range g.themes {
			if theme.promise != "" {
				n := len(goldenSentences(t, theme.name))
				lines[theme.promise] = append(lines[theme.promise], fmt.Sprintf("- %s: %d transcripts about %s", g.name, n, theme.name))
			}
		}
	}
	return lines
}

const (
	heldBegin = "<!-- Held by these sentences of host/hosttest, which its test writes with -update. -->\n"
	heldEnd   = "<!-- end -->\n"
)

// withHeld puts the sentences of each promise into a text, at the end of what begins with
// the promise. It returns the promises that it found without a sentence, too.
func withHeld(text string, promise func(line string) (name string, begins, ends bool), lines map[string][]string) (out string, found []string, without []string) {
	for strings.Contains(text, heldBegin) {
		before, rest, _ := strings.Cut(text, heldBegin)
		_, after, ok := strings.Cut(rest, heldEnd)
		if !ok {
			break
		}
		text = strings.TrimRight(before, "\n") + "\n" + after
	}
	var b strings.Builder
	current := ""
	end := func() {
		if current == "" {
			return
		}
		body := strings.TrimRight(b.String(), "\n") + "\n"
		b.Reset()
		b.WriteString(body)
		if len(lines[current]) == 0 {
			without = append(without, current)
		} else {
			b.WriteString("\n" + heldBegin + "\n" + strings.Join(lines[current], "\n") + "\n\n" + heldEnd)
		}
		b.WriteString("\n")
		current = ""
	}
	for line := range strings.Lines(text) {
		name, begins, ends := promise(line)
		if begins || ends {
			end()
		}
		if begins {
			current = name
			found = append(found, name)
		}
		b.WriteString(line)
	}
	end()
	return strings.TrimRight(b.String(), "\n") + "\n", found, without
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source(t), name))
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	return string(text)
}

// compareDoc compares a file with what it should be, or writes it.
func compareDoc(t *testing.T, name, text, want string) {
	t.Helper()
	if text == want {
		return
	}
	if *update {
		if err := os.WriteFile(filepath.Join(source(t), name), []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s does not agree with the sentences; run go test ./host/hosttest -update. The first lines that differ are:\n%s", name, firstDifference(text, want))
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return "it has   " + x[i] + "\nit wants " + y[i]
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(x), len(y))
}
