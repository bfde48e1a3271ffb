package gocmd

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// A Line holds the arguments of go build or go test, without the flags that Parse took out.
type Line struct {
	Taken    map[string][]string // values of the flags that were taken out, by name
	Rest     []string            // all others, in their order
	Packages []string            // arguments in Rest that are not flags
}

// withValue holds the flags of go build and go test whose value may be the next argument.
var withValue = set("C o p asmflags buildmode compiler covermode coverpkg coverprofile debug-actiongraph debug-runtime-trace debug-trace " +
	"exec gccgoflags gcflags installsuffix ldflags mod modfile overlay pgo pkgdir tags toolexec vet " +
	"bench benchtime blockprofile blockprofilerate count cpu cpuprofile fuzz fuzzminimizetime fuzztime list " +
	"memprofile memprofilerate mutexprofile mutexprofilefraction outputdir parallel run shuffle skip timeout trace")

func set(names string) map[string]bool {
	s := map[string]bool{}
	for _, name := range strings.Fields(names) {
		s[name] = true
	}
	return s
}

// Parse takes the named flags out of args: valued ones, and switches, whose value is "true".
// Arguments after -args belong to the program.
func Parse(args []string, valued, switches string) (Line, error) {
	ours, on := set(valued), set(switches)
	line := Line{Taken: map[string][]string{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, value, given := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		switch {
		case arg == "-args" || arg == "--args" || arg == "--":
			line.Rest = append(line.Rest, args[i:]...)
			return line, nil
		case !strings.HasPrefix(arg, "-"):
			line.Rest = append(line.Rest, arg)
			line.Packages = append(line.Packages, arg)
		case on[name]:
			if given && value != "true" {
				return line, fmt.Errorf("--%s takes no value", name)
			}
			line.Taken[name] = append(line.Taken[name], "true")
		case ours[name] || withValue[name]:
			whole := args[i : i+1]
			if !given && i+1 < len(args) {
				whole = args[i : i+2]
				value, given = args[i+1], true
				i++
			}
			if !ours[name] {
				line.Rest = append(line.Rest, whole...)
				break
			}
			if !given || value == "" {
				return line, fmt.Errorf("%s needs a value", arg)
			}
			line.Taken[name] = append(line.Taken[name], value)
		default:
			line.Rest = append(line.Rest, arg)
		}
	}
	return line, nil
}

// Versioned reports whether a package has a version, as in PACKAGE@VERSION.
func (l Line) Versioned() bool {
	return slices.ContainsFunc(l.Packages, func(p string) bool {
		return strings.Contains(p, "@") && !strings.HasPrefix(p, ".") && !filepath.IsAbs(p)
	})
}

// Value returns the last value of a flag that was taken out, which is the one that counts in the
// go command, or "".
func (l Line) Value(name string) string {
	values := l.Taken[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// Has reports whether the flag name is in Rest.
func (l Line) Has(name string) bool {
	for _, arg := range l.Rest {
		if arg == "-"+name || arg == "--"+name {
			return true
		}
		if arg == "-args" || arg == "--args" || arg == "--" {
			return false
		}
	}
	return false
}
