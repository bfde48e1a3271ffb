//go:build !linux && !darwin

package hosttest

import (
	"os"
	"testing"
)

func isBlocking(testing.TB, *os.File) bool { return true }
