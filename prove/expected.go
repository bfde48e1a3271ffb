package main

import (
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// expectedGo has the expectations for Go's own packages.
//
//go:embed expected.txt
var expectedGo string

// expected holds the content of a file such as expected.txt.
type expected struct {
	file     string
	packages []string // in the order in which they are tested
	list     []expectation
}

// An expectation is a line of such a file.
type expectation struct {
	pkg, test string
	result    string // fail, skip, exclude for a test that must not run at all, or slow for one that does not run with -short
	where     []string
	reason    string
	line      int
}

// readExpected parses text, the content of file. expected.txt describes the form.
func readExpected(file, text string) (x expected, err error) {
	x.file = file
	reasons := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "package" && len(f) == 2:
			x.packages = append(x.packages, f[1])
		case f[0] == "reason" && len(f) > 2:
			reasons[f[1]] = strings.Join(f[2:], " ")
		case len(f) == 5 && slices.Contains([]string{"fail", "skip", "exclude", "slow"}, f[2]) && reasons[f[4]] != "":
			x.list = append(x.list, expectation{f[0], f[1], f[2], strings.Split(f[3], ","), f[4], i + 1})
		default:
			return x, fmt.Errorf("%s:%d: %q is not an expectation", file, i+1, line)
		}
	}
	return x, nil
}

// appliesTo reports whether e is for the package there: every word of where must be the beginning
// of the engine or of the Go version, or of neither if it follows a !.
func (e expectation) appliesTo(pkg string, there []string) bool {
	if e.pkg != pkg {
		return false
	}
	for _, w := range e.where {
		w, not := strings.CutPrefix(w, "!")
		fits := func(name string) bool { return strings.HasPrefix(name, w) }
		if w != "*" && slices.ContainsFunc(there, fits) == not {
			return false
		}
	}
	return true
}

// covers reports whether e is for the test. The name in e may have * in it.
func (e expectation) covers(test string) bool {
	ok, _ := path.Match(e.test, test)
	return ok
}

// excluded returns a pattern for -test.skip: the tests that must not run, or not with -short.
func excluded(list []expectation, pkg string, there []string, short bool) string {
	var names []string
	for _, e := range list {
		if (e.result == "exclude" || short && e.result == "slow") && e.appliesTo(pkg, there) {
			parts := strings.Split(e.test, "/")
			for i, p := range parts {
				parts[i] = "^" + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*") + "$"
			}
			names = append(names, strings.Join(parts, "/"))
		}
	}
	return strings.Join(names, "|")
}

// counts holds numbers of tests, without subtests.
type counts struct{ passed, failed, skipped, wrong int }

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

func (c *counts) add(d counts) {
	c.passed += d.passed
	c.failed += d.failed
	c.skipped += d.skipped
	c.wrong += d.wrong
}

// judge counts the results of a package, and returns those that are not as expected. An expected
// failure counts as skipped.
func judge(r *results, x expected, pkg string, there []string, ended error, some bool) (c counts, wrong []string) {
	used := map[int]bool{}
	expected := func(test, result string) bool {
		for _, e := range x.list {
			if e.result == result && e.appliesTo(pkg, there) && e.covers(test) {
				used[e.line] = true
				return true
			}
		}
		return false
	}
	names := make([]string, 0, len(r.result))
	for name := range r.result {
		names = append(names, name)
	}
	sort.Strings(names)
	bad := map[string]bool{} // top-level tests with an unexpected failure
	for _, name := range names {
		result := r.result[name]
		switch {
		case result == "pass" || r.implied(name) || expected(name, result):
		case result == "unfinished":
			wrong = append(wrong, fmt.Sprintf("%s %s: was running when the program ended", pkg, name))
			bad[top(name)] = true
		default:
			wrong = append(wrong, fmt.Sprintf("%s %s: %s and is not in %s\n%s", pkg, name, result, x.file, indent(r.output[name])))
			if result == "fail" {
				bad[top(name)] = true
			}
		}
	}
	for _, name := range names {
		switch {
		case strings.Contains(name, "/"):
		case bad[name]:
			c.failed++
		case r.result[name] == "pass":
			c.passed++
		default:
			c.skipped++
		}
	}
	complete := true
	if ended != nil && !r.ended {
		wrong = append(wrong, fmt.Sprintf("%s: the program did not end as tests do: %v\n%s", pkg, ended, indent(r.last)))
		complete = false
	}
	for _, e := range x.list {
		if !complete || some || e.result == "exclude" || e.result == "slow" || used[e.line] || !e.appliesTo(pkg, there) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s %s: %s:%d says %s, which is not so", pkg, e.test, x.file, e.line, e.result))
	}
	c.wrong = len(wrong)
	return c, wrong
}

func top(name string) string {
	name, _, _ = strings.Cut(name, "/")
	return name
}

func indent(lines []string) string {
	if n := len(lines); n > 25 {
		lines = lines[n-25:]
	}
	return "\t" + strings.Join(lines, "\n\t")
}
