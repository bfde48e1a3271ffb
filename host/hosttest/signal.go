package hosttest

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

func signals(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
	cmd := commandOf(t, m, "signal")
	var stdout bytes.Buffer
	ready, stderr := io.Pipe()
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Signal(syscall.SIGTERM); err == nil {
		t.Error("a guest that was not started has a signal")
	}
	if err := cmd.Start(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(ready, make([]byte, len("ready\n")))
	for s, want := range map[syscall.Signal]error{syscall.SIGINT: host.ErrSignal, syscall.SIGQUIT: host.ErrSignal, syscall.SIGHUP: nil} {
		if err := cmd.Signal(s); err != want {
			t.Errorf("%v: %v", s, err)
		}
	}
	if err := cmd.Signal(syscall.SIGSEGV); err == nil {
		t.Error("guests have SIGSEGV")
	}
	if err := cmd.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	var exit *host.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode != 9 || stdout.String() != "1 true true\n" {
		t.Errorf("%v, %q", err, stdout.String())
	}
	if err := cmd.Signal(syscall.SIGTERM); err != nil {
		t.Error("a signal after the end:", err)
	}
}

func signalsPoll(t *testing.T, b *bench) {
	cmd := commandOf(t, b.compiled(t, Config{}), "signal poll")
	var stdout bytes.Buffer
	ready, stderr := io.Pipe()
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Start(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(ready, make([]byte, len("ready\n")))
	if err := cmd.Signal(syscall.SIGINT); err != host.ErrSignal {
		t.Errorf("SIGINT: %v", err)
	}
	if err := cmd.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	var exit *host.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode != 9 || stdout.String() != "1 <nil> true\n" {
		t.Errorf("%v, %q", err, stdout.String())
	}
}
