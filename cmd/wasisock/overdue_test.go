//go:build linux || darwin

package main

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
)

const computesOn = " goes on until wasisock ends: it computes, and cannot be interrupted without --interruptible\n"

// TestLimitsEndWhatCannotBeInterrupted uses limits that leave the guest time to begin.
func TestLimitsEndWhatCannotBeInterrupted(t *testing.T) {
	for _, flags := range []string{"--timeout=1s", "--cpu-time=500ms", "--timeout=1s --restart=always"} {
		if strings.Contains(flags, "cpu") && runtime.GOOS != "linux" {
			continue
		}
		code, _, stderr := execute(t, append(append([]string{"run"}, strings.Fields(flags)...), guest(t), "spin")...)
		if code != 124 || !strings.Contains(stderr, "wasisock: guest.wasm"+computesOn) || !strings.Contains(stderr, "at its limit") {
			t.Errorf("%s: %d, %q", flags, code, stderr)
		}
	}
}

func TestSignalsTellOfWhatCannotBeInterrupted(t *testing.T) {
	for _, interruptible := range []bool{false, true} {
		var flags []string
		if interruptible {
			flags = []string{"--interruptible"}
		}
		s := serve(t, program(t), append(flags, "--grace", "100ms")...)
		go s.try(&s.client, "/spin")
		s.until(1, "spins")
		s.signal(syscall.SIGTERM)
		s.wantExit(128 + int(syscall.SIGTERM))
		if told := strings.Contains(s.out.String(), computesOn); told == interruptible {
			t.Errorf("interruptible %v: %s", interruptible, s.out.String())
		}
	}
}

// TestSwapOfWhatCannotBeInterrupted tests that the new guest serves, and that the command ends with
// it.
func TestSwapOfWhatCannotBeInterrupted(t *testing.T) {
	s := serve(t, program(t), "--grace", "100ms")
	go s.try(&s.client, "/spin")
	s.until(1, "spins")
	s.signal(syscall.SIGHUP)
	s.until(1, computesOn)
	s.get("/")
	s.try(&s.client, "/exit?4")
	s.wantExit(4)
}
