// Package engines lists the versions of engines that wasisock is tested with. Scripts and the
// Makefile read the same list, versions.txt.
package engines

import (
	_ "embed"
	"slices"
	"strings"
)

//go:embed versions.txt
var versions string

// A Version is a minor version of an engine.
type Version struct {
	Engine string // such as "wasmedge"
	Minor  string // such as "0.14"
	Suite  string // the suite of Debian that has this version

	// AOT has the flags with which the engine's program runs code that was compiled ahead of
	// time.
	AOT []string
}

// Name returns the name of the engine's program of this version, such as "wasmedge-0.14".
func (v Version) Name() string { return v.Engine + "-" + v.Minor }

// Variable returns the name of the environment variable with the path of the engine's program,
// such as "WASISOCK_WASMEDGE_014".
func (v Version) Variable() string {
	return "WASISOCK_" + strings.ToUpper(v.Engine) + "_" + strings.ReplaceAll(v.Minor, ".", "")
}

// WasmEdges returns the versions of WasmEdge, oldest first.
func WasmEdges() []Version { return of("wasmedge") }

// WasmEdge returns the version of WasmEdge with a minor number, and whether the list has it.
func WasmEdge(minor string) (v Version, ok bool) {
	all := WasmEdges()
	if i := slices.IndexFunc(all, func(v Version) bool { return v.Minor == minor }); i >= 0 {
		return all[i], true
	}
	return Version{}, false
}

// Minors returns the minor numbers of versions.
func Minors(versions []Version) (minors []string) {
	for _, v := range versions {
		minors = append(minors, v.Minor)
	}
	return minors
}

func of(engine string) (all []Version) {
	for line := range strings.Lines(versions) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == engine {
			all = append(all, Version{Engine: f[0], Minor: f[1], Suite: f[2], AOT: f[3:]})
		}
	}
	return all
}
