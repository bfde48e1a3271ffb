//go:build !wasip1

package main

// There is nothing to import off wasip1: the program compiles, so that vet and
// editors read it, and can do no harm.
var imports = map[string]func(a []uint32) uint32{}
