package docscheck

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the module's directory.
const root = "../.."

// A block is a fenced code block.
type block struct {
	line int    // of its first line of code
	info string // what stands behind the fence, such as "sh"
	text string
	with string // what the comment <!-- with: … --> before it declares
}

// blocks returns the fenced blocks of a page, and its text without them.
func blocks(t *testing.T, file string) (all []block, prose string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var open *block
	indent, with, n := "", "", 0
	for line := range strings.Lines(string(text)) {
		n++
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			indent = line[:strings.Index(line, "`")]
			open = &block{line: n + 1, info: strings.TrimPrefix(trimmed, "```"), with: with}
			with = ""
		case open != nil && trimmed == "```":
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent)
		default:
			if s, ok := strings.CutPrefix(trimmed, "<!-- with: "); ok {
				with = strings.TrimSuffix(s, " -->")
			}
			b.WriteString(line)
		}
	}
	if open != nil {
		t.Errorf("%s:%d: the block does not end", file, open.line)
	}
	return all, b.String()
}

// pages returns the Markdown files of the module.
func pages(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "build" || d.Name() == "testdata"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".md"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) < 15 {
		t.Fatal(files, err)
	}
	return files
}

// checkedPages returns the pages whose commands and code are checked.
func checkedPages(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	return append(files, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"), filepath.Join(root, "SECURITY.md"))
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeSpan = regexp.MustCompile("`[^`]*`")
	markup   = regexp.MustCompile("[`*]|\\[|\\]\\([^)]*\\)")
	noSlug   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the fragments of a page's headings, as GitHub and mkdocs make them.
func anchors(t *testing.T, file string) map[string]bool {
	_, prose := blocks(t, file)
	all := map[string]bool{}
	for line := range strings.Lines(prose) {
		if strings.HasPrefix(line, "#") {
			heading := strings.TrimSpace(strings.TrimLeft(line, "#"))
			slug := noSlug.ReplaceAllString(strings.ToLower(markup.ReplaceAllString(heading, "")), "")
			all[strings.ReplaceAll(slug, " ", "-")] = true
		}
	}
	return all
}

// TestLinks holds that each relative link leads to a file, and its fragment to a heading.
func TestLinks(t *testing.T) {
	checked := 0
	for _, file := range pages(t) {
		_, prose := blocks(t, file)
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(prose, "``"), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if u.Scheme != "" {
				continue // another site
			}
			checked++
			target := file
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(file), u.Path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link %s leads nowhere", file, m[1])
			} else if u.Fragment != "" && strings.HasSuffix(target, ".md") && !anchors(t, target)[u.Fragment] {
				t.Errorf("%s: link %s: %s has no such heading", file, m[1], target)
			}
		}
	}
	if checked < 50 {
		t.Errorf("found %d links", checked)
	}
}
