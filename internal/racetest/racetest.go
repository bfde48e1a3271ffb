// Package racetest keeps the race detector out of processes of tests that it cannot help
// and only delays.
package racetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// variable names the test program that was built without the race detector.
const variable = "WASISOCK_TEST_WITHOUT_RACE"

// Compilers has processes of this test program that compile modules be those of one without
// the race detector, under which a compiler takes about ten times as long and has no
// goroutines that could race. TestMain calls it first, and what it returns at the end.
func Compilers() (clean func()) {
	program := os.Getenv(variable)
	switch {
	case !Enabled:
		return func() {}
	case program == "":
		return build()
	case slices.Contains(os.Args, "internal-compile"):
		err := become(program, os.Args, os.Environ())
		panic(fmt.Sprintf("%s: %v", program, err))
	}
	return func() {}
}

func build() (clean func()) {
	dir, err := os.MkdirTemp("", "wasisock-racetest-")
	if err != nil {
		panic(err)
	}
	program := filepath.Join(dir, filepath.Base(os.Args[0]))
	if out, err := exec.Command("go", "test", "-c", "-o", program, ".").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("go test -c: %v\n%s", err, out))
	}
	os.Setenv(variable, program)
	return func() { os.RemoveAll(dir) }
}
