//go:build !linux

package hosttest

import (
	"testing"
	"time"
)

// Test does not get as far as these elsewhere than on Linux.

func stopAndContinue(int) {}

func processorTime(*testing.T, int) time.Duration { return 0 }
