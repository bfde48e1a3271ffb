//go:build v1

package main

// themes are the sentences about the signatures of version 1, and the one that
// package poll must be no part of.
var themes = []theme{
	{"version 1", versionOne},
	{"from outside", []sentence{{"a first wait while no descriptor is left", firstWait}}},
	{"pointers of version 1", pointers},
}
