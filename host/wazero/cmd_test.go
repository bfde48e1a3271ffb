//go:build linux || darwin

package wazero

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

func compiled(t testing.TB, cfg Config) host.Module {
	t.Helper()
	m, err := compile(t.Context(), guestWasm(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// commandOf is command with a module.
func commandOf(t testing.TB, m host.Module, args ...string) *host.Cmd {
	cmd := command(t, args...)
	cmd.Module = m
	return cmd
}

func TestWhatBecameOfAGuest(t *testing.T) {
	m := compiled(t, cached())
	cmd := commandOf(t, m, "exit", "3")
	err := cmd.Run(t.Context())
	var exit *host.ExitError
	if !errors.As(err, &exit) || exit.ProcessState != cmd.ProcessState || cmd.ProcessState.ExitCode != 3 || err.Error() != "exit status 3" {
		t.Errorf("%v, %+v", err, cmd.ProcessState)
	}
	cmd = commandOf(t, m, "work")
	if err := cmd.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := cmd.ProcessState
	if s.ExitCode != 0 || s.WallTime <= 0 || s.Memory < 8<<20 || s.Dialled != 20 || s.Sockets != 0 {
		t.Errorf("%+v", s)
	}
	if runtime.GOOS == "linux" && (s.CPUTime <= 0 || s.CPUTime > s.WallTime+time.Second) {
		t.Errorf("%v of CPU time in %v", s.CPUTime, s.WallTime)
	}
	cmd = commandOf(t, m, "dial", "127.0.0.1:80", "127.0.0.1:81")
	if err := cmd.Run(t.Context()); err != nil || cmd.ProcessState.Refused != 2 || cmd.ProcessState.Dialled != 0 {
		t.Errorf("%v, %+v", err, cmd.ProcessState)
	}
}

// TestWhereAGuestListens talks to it at the port that the system chose.
func TestWhereAGuestListens(t *testing.T) {
	cmd := commandOf(t, compiled(t, cached()), "echo")
	told := make(chan net.Addr, 2)
	cmd.OnListen = func(a net.Addr) { told <- a }
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := <-told
	if addrs := cmd.Addrs(); len(addrs) != 1 || addrs[0].String() != at.String() || addrs[0].Network() != "tcp" {
		t.Errorf("%v, told %v", addrs, at)
	}
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "hello")
	c.(*net.TCPConn).CloseWrite()
	if text, err := io.ReadAll(c); string(text) != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if s := cmd.ProcessState; s.Accepted != 1 || s.Received != 5 || s.Sent != 5 || s.Sockets != 0 {
		t.Errorf("%+v", s)
	}
	if addrs := cmd.Addrs(); len(addrs) != 0 || len(told) != 0 {
		t.Errorf("%v are left, %d more were told", addrs, len(told))
	}
}

func TestStop(t *testing.T) {
	m := compiled(t, cached())
	for _, subcommand := range []string{"sleep", "poll", "accept"} {
		cmd := commandOf(t, m, subcommand)
		ready, stderr := io.Pipe()
		cmd.Stderr = stderr
		if err := cmd.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		io.ReadFull(ready, make([]byte, len("ready\n")))
		cmd.Stop()
		if err := cmd.Wait(); err != host.ErrStopped || cmd.ProcessState.ExitCode != -1 {
			t.Errorf("%s: %v, %+v", subcommand, err, cmd.ProcessState)
		}
		cmd.Stop()
	}
	host.Command(m).Stop() // before Start it does nothing
}

func TestTimeLimits(t *testing.T) {
	cfg := cached()
	cfg.Interruptible = true
	m := compiled(t, cfg)
	for _, test := range []struct {
		subcommand string
		limits     host.Limits
		want       string
	}{
		{"sleep", host.Limits{WallTime: 50 * time.Millisecond}, "Limits.WallTime is 50ms"},
		{"spin", host.Limits{WallTime: 50 * time.Millisecond}, "Limits.WallTime is 50ms"},
		{"spin", host.Limits{CPUTime: 50 * time.Millisecond, WallTime: time.Hour}, "Limits.CPUTime is 50ms"},
	} {
		if test.limits.CPUTime > 0 && runtime.GOOS != "linux" {
			continue
		}
		cmd := commandOf(t, m, test.subcommand)
		cmd.Limits = test.limits
		err := cmd.Run(t.Context())
		var limit *host.LimitError
		if !errors.As(err, &limit) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.subcommand, err, test.want)
		}
		if l := test.limits.CPUTime; cmd.ProcessState.CPUTime < l {
			t.Errorf("it had %v of CPU time, below its limit", cmd.ProcessState.CPUTime)
		}
	}
	cmd := commandOf(t, m, "exit", "0")
	cmd.Limits = host.Limits{WallTime: time.Hour, CPUTime: time.Hour}
	if err := cmd.Run(t.Context()); err != nil && runtime.GOOS == "linux" {
		t.Error(err)
	}
}

func TestCmdsThatAreRefused(t *testing.T) {
	m := compiled(t, cached())
	ended := commandOf(t, m, "exit", "0")
	if err := ended.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, test := range []struct {
		name string
		do   func() error
		want string
	}{
		{"no module", func() error { return new(host.Cmd).Start(t.Context()) }, "has no Module; compile one"},
		{"a second Start", func() error { return ended.Start(t.Context()) }, "make another"},
		{"a second Wait", ended.Wait, "call Start, and then Wait once"},
		{"Wait before Start", host.Command(m).Wait, "call Start, and then Wait once"},
		{"a context that is over", func() error { return host.Command(m).Start(ctx) }, "the reason"},
		{"a limit below 0", func() error { return (&host.Cmd{Module: m, Limits: host.Limits{WallTime: -1}}).Start(t.Context()) }, "below 0"},
	} {
		if err := test.do(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}

// TestGuestsShareTheirModule runs many at once that listen and dial, and holds that
// each sees its own sockets alone.
func TestGuestsShareTheirModule(t *testing.T) {
	m := compiled(t, cached())
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			cmd := commandOf(t, m, "work")
			var out strings.Builder
			cmd.Stdout = &out
			if err := cmd.Run(t.Context()); err != nil || out.String() != "worked\n" || cmd.ProcessState.Dialled != 20 {
				t.Errorf("%v, %q, %+v", err, out.String(), cmd.ProcessState)
			}
		})
	}
	wg.Wait()
}
