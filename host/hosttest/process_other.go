//go:build !linux

package hosttest

import (
	"testing"
	"time"
)

// Transcripts are not run on other systems than Linux.

func stopAndContinue(int) {}

func processorTime(*testing.T, int) time.Duration { return 0 }
