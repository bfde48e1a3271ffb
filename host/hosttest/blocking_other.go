//go:build !linux && !darwin

package hosttest

import (
	"os"
	"testing"
)

func isBlocking(testing.TB, *os.File) bool { return true }

func makeFIFO(t testing.TB, _ string) { t.Skip("FIFOs are made on Linux and macOS; run it there") }
