//go:build linux || darwin

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/porttest"
)

// startUntil starts the command and waits until the guest is ready.
func startUntil(t *testing.T, ready string, args ...string) *service {
	t.Helper()
	s := &service{T: t}
	s.cmd = exec.Command(executable(t), args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		s.cmd.Wait()
		if t.Failed() {
			t.Log(s.out.String())
		}
	})
	s.until(1, ready)
	return s
}

// runOf returns the command line of run with a guest and its arguments.
func runOf(t *testing.T, args ...string) []string {
	return append([]string{"run", "--allow-all", "--cache", filepath.Join(scratch, "cache")}, args...)
}

// soon returns a function that fails the test if 20 s have passed since then.
func soon(t *testing.T) (done func()) {
	began := time.Now()
	return func() {
		t.Helper()
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// TestSignalsReachTheGuest tests that signals that a guest handles reach it and have no other
// effect, and that the command exits with the guest's exit code.
func TestSignalsReachTheGuest(t *testing.T) {
	s := startUntil(t, "ready\n", runOf(t, "--grace=1m", program(t), "signals", "4")...)
	defer soon(t)()
	for sig, name := range map[syscall.Signal]string{syscall.SIGHUP: "hangup", syscall.SIGUSR1: "user defined signal 1", syscall.SIGUSR2: "user defined signal 2"} {
		s.signal(sig)
		s.until(1, "got "+name+"\n")
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(7)
	if text := s.out.String(); !strings.HasSuffix(text, "got terminated\n") {
		t.Errorf("%q", text)
	}
}

// TestSignalsThatEndNothing tests that HUP without --listen, USR1 and USR2 have no effect on a
// guest that does not handle them.
func TestSignalsThatEndNothing(t *testing.T) {
	at := "127.0.0.1:" + porttest.Free(t)
	s := startUntil(t, at, runOf(t, program(t), "serve", at)...)
	s.url = "http://" + at
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
		before := s.get("/mine")
		s.signal(sig)
		time.Sleep(50 * time.Millisecond)
		if after := s.get("/mine"); after != before {
			t.Errorf("%v: another guest answers", sig)
		}
	}
	if text := s.out.String(); text != at+"\n" {
		t.Errorf("it says %q", text)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// TestASecondSignalStops tests that a second signal stops guests at once, even if the guest handles
// the first one and takes its time.
func TestASecondSignalStops(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		s := startUntil(t, "ready\n", runOf(t, "--grace=10m", program(t), "signals", "100")...)
		s.signal(sig)
		s.until(1, "got "+sig.String()+"\n")
		s.until(1, "is shutting down, for 10m0s at most")
		done := soon(t)
		s.signal(sig)
		s.wantExit(128 + int(sig))
		done()
		if text := s.out.String(); strings.Count(text, "got ") != 1 {
			t.Errorf("the guest has more than one: %q", text)
		}
	}
}

// TestGraceStops tests that a guest that handles a signal and does not end is stopped after
// --grace.
func TestGraceStops(t *testing.T) {
	s := startUntil(t, "ready\n", runOf(t, "--grace=300ms", program(t), "signals", "100")...)
	defer soon(t)()
	s.signal(syscall.SIGTERM)
	s.wantExit(128 + int(syscall.SIGTERM))
}

// TestExecForwardsSignals tests that exec passes INT, TERM and QUIT on to the guest.
func TestExecForwardsSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		s := startUntil(t, "ready\n", "exec", program(t), "signals", "1")
		done := soon(t)
		s.signal(sig)
		s.wantExit(7)
		done()
		if text := s.out.String(); !strings.HasSuffix(text, "got "+sig.String()+"\n") {
			t.Errorf("%q", text)
		}
	}
}

// TestTestForwardsSignals tests that a test gets the signals of the command, which ends after it.
// SIGTERM ends go test at once, so later output of the test is lost.
func TestTestForwardsSignals(t *testing.T) {
	for sig, last := range map[syscall.Signal]string{
		syscall.SIGINT:  "--- PASS: TestSignalled",
		syscall.SIGQUIT: "--- PASS: TestSignalled",
		syscall.SIGTERM: "ready",
	} {
		file := filepath.Join(t.TempDir(), "signal")
		t.Setenv("SIGNALLED", file)
		s := startUntil(t, "ready\n", "test", "-count=1", "-v", "-run=Signalled", "./testdata/program")
		s.signal(sig)
		s.cmd.Wait()
		if got, err := os.ReadFile(file); string(got) != sig.String() || err != nil {
			t.Errorf("the test got %q, %v; want %v", got, err, sig)
		}
		if text := s.out.String(); !strings.Contains(text, last) {
			t.Errorf("it says %q; want %s", text, last)
		}
	}
}

// TestSwapSignals tests that the old guest of a swap gets SIGTERM, and ends by itself.
func TestSwapSignals(t *testing.T) {
	at := "127.0.0.1:" + porttest.Free(t)
	s := startUntil(t, "ready\n", runOf(t, "--listen", at, program(t), "signals", "0", at)...)
	s.url = "http://" + at
	dial(t, at).Close()
	before := s.get("/mine")
	s.signal(syscall.SIGHUP)
	s.until(1, "hello got terminated\n")
	s.until(1, "hello has shut down\n")
	if after := s.get("/mine"); after == before {
		t.Error("the old guest answers")
	}
	if text := s.out.String(); strings.Contains(text, "hangup") || strings.Count(text, "ready\n") != 2 {
		t.Errorf("%q", text)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// TestSIGQUITDumps tests that a guest that does not handle SIGQUIT ends and prints the stacks of
// its goroutines, also with exec.
func TestSIGQUITDumps(t *testing.T) {
	at := "127.0.0.1:" + porttest.Free(t)
	for _, args := range [][]string{runOf(t, program(t), "serve", at), {"exec", "--allow-all", program(t), "serve", at}} {
		s := startUntil(t, at, args...)
		done := soon(t)
		s.signal(syscall.SIGQUIT)
		s.wantExit(2)
		done()
		if text := s.out.String(); !strings.Contains(text, "SIGQUIT: quit\n") || !strings.Contains(text, "goroutine 1 [") || !strings.Contains(text, "main.serve") {
			t.Errorf("it says %q", text)
		}
	}
}
