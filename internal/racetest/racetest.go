// Package racetest keeps the race detector out of processes of tests in which it finds nothing and
// only costs time.
package racetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// variable is the environment variable with the path of the test program without the race detector.
const variable = "WASISOCK_TEST_WITHOUT_RACE"

// Compilers builds this test program without the race detector, and makes its processes that
// compile modules run that one: with the race detector, a compiler takes about ten times as long,
// and it has no goroutines that could race. TestMain calls Compilers first, and clean at the end.
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
