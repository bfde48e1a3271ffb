package docscheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const troubleshooting = "../../docs/troubleshooting.md"

// The sources of messages that users of the command see, and the functions that make them there,
// with the index of the text; -1 is the first text.
var sources = map[string]map[string]int{
	"../../cmd":              {"failed": -1, "Errorf": 0, "New": 0, "say": 0, "warn": 0, "complain": 0, "bad": 1, "note": 1},
	"../../host":             {"Unusable": 0},
	"../../host/rule.go":     {"Errorf": 0},
	"../../host/name.go":     {"Errorf": 0},
	"../../stdnet/stdnet.go": {"New": 0, "Errorf": 0},
}

// verb is a verb of package fmt.
var verb = regexp.MustCompile(`%(\[\d+\])?[-+# 0]*[\d.]*[a-zA-Z%]`)

// part returns what of a message's format the page has to contain: of the text before the remedy,
// which follows a semicolon, the longest piece between two verbs. It returns "" for a format that
// passes on another error.
func part(format string) string {
	format, _, _ = strings.Cut(format, "; ")
	longest := ""
	for _, piece := range verb.Split(format, -1) {
		piece = strings.Trim(piece, " :,'\"()\n")
		if len(piece) > len(longest) {
			longest = piece
		}
	}
	if len(longest) < 8 {
		return ""
	}
	return longest
}

// messages returns the formats of the messages that functions make in the Go files below path, by
// position.
func messages(t *testing.T, path string, functions map[string]int) map[string]string {
	t.Helper()
	found := map[string]string{}
	files := token.NewFileSet()
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasSuffix(d.Name(), "test")):
			return fs.SkipDir // what tests alone use
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			i, ok := functions[name]
			if !ok {
				return true
			}
			for at, arg := range call.Args {
				if text, ok := arg.(*ast.BasicLit); ok && text.Kind == token.STRING && (at == i || i < 0) {
					format, err := strconv.Unquote(text.Value)
					if err != nil {
						t.Fatal(err)
					}
					found[files.Position(text.Pos()).String()] = format
					break
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// oneLine returns text with each run of white space as one space.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestMessages holds that docs/troubleshooting.md has an entry for each message of the command.
func TestMessages(t *testing.T) {
	text, err := os.ReadFile(troubleshooting)
	if err != nil {
		t.Fatal(err)
	}
	var entries strings.Builder // the first column of the tables
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") && len(cells) >= 3 {
			entries.WriteString(oneLine(strings.ReplaceAll(cells[0], `\|`, "|")) + "\n")
		}
	}
	checked := 0
	for path, functions := range sources {
		for at, format := range messages(t, path, functions) {
			part := part(format)
			if part == "" {
				continue
			}
			checked++
			if !strings.Contains(entries.String(), oneLine(part)) {
				t.Errorf("%s: the message %q has no entry: add a row to docs/troubleshooting.md whose first cell has `%s`", at, format, part)
			}
		}
	}
	if checked < 120 {
		t.Errorf("found %d messages; are they made by other functions now? See sources", checked)
	}
}

func TestPart(t *testing.T) {
	for format, want := range map[string]string{
		"%v":                                    "",
		"%q has no port; write the one":         "has no port",
		"%s goes on until wasisock ends: %s":    "goes on until wasisock ends",
		"--allow-all leaves nothing for %q, %d": "--allow-all leaves nothing for",
	} {
		if got := part(format); got != want {
			t.Errorf("%q: %q, want %q", format, got, want)
		}
	}
}
