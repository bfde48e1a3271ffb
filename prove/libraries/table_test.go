package libraries

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/internal/engines"
)

// The table in README.md is between these lines.
const (
	tableBegins = "<!-- go test -update writes this table -->\n"
	tableEnds   = "<!-- end -->"
)

// A row describes a library.
type row struct {
	name, version, server string
	result                map[string]string // by engine
}

var columns = func() []string {
	names := []string{"wazero", "wasmtime"}
	for _, v := range engines.WasmEdges() {
		names = append(names, v.Name())
	}
	return names
}()

// readTable is the rows of README.md, by the name of the library.
func readTable() (before string, rows map[string]row, after string, err error) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		return "", nil, "", err
	}
	before, rest, ok := strings.Cut(string(text), tableBegins)
	table, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok || !ok2 {
		return "", nil, "", errors.New("README.md has no table to update")
	}
	rows = map[string]row{}
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 3+len(columns) {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		r := row{cells[0], cells[1], cells[2], map[string]string{}}
		for i, c := range columns {
			r.result[c] = cells[3+i]
		}
		rows[r.name] = r
	}
	return before + tableBegins, rows, tableEnds + after, nil
}

// publish writes what this run has found into README.md, or holds it against it.
func publish(t *testing.T, found map[string]row) {
	before, rows, after, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| library | version | with | %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", 3+len(columns)))
	for _, l := range libraries {
		r := rows[l.name]
		if f, ok := found[l.name]; ok {
			if r.result == nil {
				r.result = map[string]string{}
			}
			r.name, r.version, r.server = f.name, f.version, f.server
			for engine, result := range f.result {
				if !slices.Contains(columns, engine) {
					continue
				}
				if !*update && r.result[engine] != result {
					t.Errorf("%s on %s: %s here, and %q in README.md; go test -update writes it there", l.name, engine, result, r.result[engine])
				}
				r.result[engine] = result
			}
		}
		if r.name == "" {
			continue
		}
		fmt.Fprintf(&table, "| %s | %s | %s |", r.name, r.version, r.server)
		for _, c := range columns {
			fmt.Fprintf(&table, " %s |", cmp.Or(r.result[c], "not run"))
		}
		table.WriteByte('\n')
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(before+table.String()+after), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
