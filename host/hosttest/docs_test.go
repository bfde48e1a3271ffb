package hosttest

import (
	"slices"
	"strings"
	"testing"
)

// TestTable checks docs/conformance.md against the sentences.
func TestTable(t *testing.T) {
	text, columns := readTable(t)
	compareDoc(t, conformanceFile, text, table(t, columns))
}

// TestPromises checks that docs/security.md and docs/stdnet.md name the sentences of every
// promise, and that every promise of docs/security.md has one.
func TestPromises(t *testing.T) {
	lines := held(t)
	const security, stdnet = "docs/security.md", "docs/stdnet.md"
	text := readDoc(t, security)
	promised := false
	want, found, without := withHeld(text, func(line string) (name string, begins, ends bool) {
		if strings.HasPrefix(line, "## ") {
			promised = line == "## Promised\n"
			return "", false, true
		}
		if rest, ok := strings.CutPrefix(line, "**"); ok && promised {
			name, _, _ = strings.Cut(rest, "**")
			return name, true, true
		}
		return "", false, strings.HasPrefix(line, "What supports it:")
	}, lines)
	compareDoc(t, security, text, want)
	for _, name := range without {
		t.Errorf("%s promises %q, and no sentence holds that; write one, or move it to \"Not promised\"", security, name)
	}
	text = readDoc(t, stdnet)
	want, headings, _ := withHeld(text, func(line string) (name string, begins, ends bool) {
		heading, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "## ")
		return heading, ok && len(lines[heading]) > 0, ok
	}, lines)
	compareDoc(t, stdnet, text, want)
	for name := range lines {
		if !slices.Contains(found, name) && !slices.Contains(headings, name) {
			t.Errorf("sentences hold %q, which neither %s nor %s promises", name, security, stdnet)
		}
	}
}

// TestSentences checks the rows themselves.
func TestSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range groups {
		for _, s := range g.sentences {
			if s.says == "" || s.test == nil || seen[s.says] {
				t.Errorf("%s: %q is empty or there twice", g.name, s.says)
			}
			seen[s.says] = true
		}
	}
}
