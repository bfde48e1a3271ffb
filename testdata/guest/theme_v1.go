//go:build v1

package main

// themes are the sentences about the signatures of version 1.
var themes = []theme{
	{"version 1", versionOne},
	{"pointers of version 1", pointers},
}
