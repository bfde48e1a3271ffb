package docscheck

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const stylePage = root + "/docs/style.md"

// bannedForms returns a pattern that matches the code spans in the second column of the table under
// "Words" in docs/style.md.
func bannedForms(t *testing.T) *regexp.Regexp {
	t.Helper()
	page, err := os.ReadFile(stylePage)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| write | not |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var forms []string
	for row := range strings.Lines(table) {
		_, cell, ok := strings.Cut(row, " | ")
		if !ok {
			t.Fatalf("docs/style.md: the row %q has not two cells", row)
		}
		for _, span := range codeSpan.FindAllString(cell, -1) {
			forms = append(forms, banned(strings.ReplaceAll(strings.Trim(span, "`"), `\|`, "|")))
		}
	}
	if len(forms) < 20 {
		t.Fatalf("docs/style.md has %d banned forms", len(forms))
	}
	return regexp.MustCompile("(?i)" + strings.Join(forms, "|"))
}

// banned returns a pattern that matches form as whole words, and across lines of comments where form
// has a space.
func banned(form string) string {
	var b strings.Builder
	inClass := false
	for _, r := range form {
		if r == '[' || r == ']' {
			inClass = r == '['
		}
		if r == ' ' && !inClass {
			b.WriteString(`(?:\s|//|#|\*)+`)
		} else {
			b.WriteRune(r)
		}
	}
	pattern := "(?:" + b.String() + `)\b`
	if form[0] != '[' && !strings.HasPrefix(form, "([^") {
		pattern = `\b` + pattern
	}
	return pattern
}

// others reports whether a file's words are not the project's: licenses, hashes and the findings
// of fuzzing.
func others(path string) bool {
	name := filepath.Base(path)
	return strings.HasPrefix(name, "LICENSE") || name == "THIRD_PARTY_LICENSES" || name == "go.sum" || strings.Contains(path, "testdata/fuzz/")
}

// TestStyle searches the project's texts for the forms that docs/style.md bans.
func TestStyle(t *testing.T) {
	forms := bannedForms(t)
	searched := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == root+"/.git" || path == root+"/build" || path == root+"/dist":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || others(path):
			return nil
		case path == stylePage || d.Name() == "style_test.go": // they name the forms
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !utf8.Valid(text) {
			return nil
		}
		searched++
		for _, at := range forms.FindAllIndex(text, -1) {
			line := 1 + strings.Count(string(text[:at[0]]), "\n")
			t.Errorf("%s:%d: %q; docs/style.md has a better word", path, line, text[at[0]:at[1]])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if searched < 700 {
		t.Errorf("searched %d files", searched)
	}
}

// TestBanned holds what the patterns of docs/style.md find, and what they leave.
func TestBanned(t *testing.T) {
	forms := bannedForms(t)
	for text, found := range map[string]bool{
		"// A folder of files":              true,
		"	isFolder := true":                 true,
		"// The limit is\n\t// to be kept":  true,
		"nothing, of\n# which":              true,
		"It is no size.":                    true,
		"0 is no limit":                     true,
		"The zero Addr is none.":            true,
		"There is no limit, there are none": false,
		"It is no longer open.":             false,
		"each of which":                     false,
		"the code is that of the guest":     false,
		"the price is that files differ":    true,
		"It stands alone.":                  false,
	} {
		if got := forms.MatchString(text); got != found {
			t.Errorf("%q: found %v, want %v", text, got, found)
		}
	}
}
