//go:build linux || darwin

package wazero

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/progress"
)

// TestStopping stops guests in each of the ways that they wait.
func TestStopping(t *testing.T) {
	cause := errors.New("the reason")
	pipe := func(t *testing.T) *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r
	}
	for _, test := range []struct {
		name, subcommand string
		cfg              func(*testing.T, *host.Cmd, *Config)
	}{
		{"a guest that sleeps", "sleep", nil},
		{"a guest that polls a listener", "poll", nil},
		{"a guest in a blocking accept", "accept", nil},
		{"a guest that reads a pipe", "read", func(t *testing.T, c *host.Cmd, _ *Config) { c.Stdin = pipe(t) }},
		{"a guest in a blocking read of a pipe", "read block", func(t *testing.T, c *host.Cmd, _ *Config) { c.Stdin = pipe(t) }},
		{"a guest that reads from Go", "read", func(t *testing.T, c *host.Cmd, _ *Config) {
			r, w := io.Pipe()
			t.Cleanup(func() { w.Close() })
			c.Stdin = r
		}},
		{"a guest that prints", "print", func(t *testing.T, c *host.Cmd, _ *Config) { c.Stdout = io.Discard }},
		{"a guest whose stdout is full", "print", func(t *testing.T, c *host.Cmd, _ *Config) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close(); w.Close() })
			c.Stdout = w
		}},
		{"a guest that computes and reads the clock", "clock", nil},
		{"a guest that only computes, interruptible", "spin", func(_ *testing.T, _ *host.Cmd, c *Config) { c.Interruptible = true }},
		{"a guest that waits, interruptible", "poll", func(_ *testing.T, _ *host.Cmd, c *Config) { c.Interruptible = true }},
		{"a guest that waits, alone", "poll", func(_ *testing.T, _ *host.Cmd, c *Config) { c.Alone = 1 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			ready, stderr := io.Pipe()
			cmd, cfg := command(t, test.subcommand), cached()
			cmd.Stderr = stderr
			if test.cfg != nil {
				test.cfg(t, cmd, &cfg)
			}
			type result struct {
				code int
				err  error
			}
			done := make(chan result, 1)
			go func() {
				code, err := runAs(ctx, guestWasm(t), cfg, cmd)
				stderr.Close()
				done <- result{code, err}
			}()
			if text, err := io.ReadAll(io.LimitReader(ready, int64(len("ready\n")))); string(text) != "ready\n" {
				t.Fatal(string(text), err, <-done)
			}
			time.Sleep(20 * time.Millisecond) // for the guest to wait in most runs; either way is right
			cancel(cause)
			select {
			case res := <-done:
				if res.code != -1 || res.err != cause {
					t.Errorf("%d, %v; want the cause", res.code, res.err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("it does not end")
			}
		})
	}
}

// computing is a guest that computes for about a second before each byte that it writes
// but the first.
func computing(isStarted bool) []byte {
	const x = 0
	return wasmModule{
		imports: []wasmFunc{{name: "fd_write", params: "iiii", results: "i"}},
		pages:   1,
		data:    "\x08\x00\x00\x00\x01\x00\x00\x00" + "x",
		locals:  1,
		code: instructions(
			loop(
				constI32(1), constI32(0), constI32(1), constI32(16), callFunc(0), drop,
				loop(
					// a generator of random numbers, until it has been through all of them
					localGet(x), constI32(1664525), multiplyI32, constI32(1013904223), addI32,
					constI32(1<<29-1), andI32, localTee(x), branchIf(0),
				),
				branch(0),
			)),
		isStarted: isStarted,
	}.bytes()
}

// TestStopTellsWhatItCannotInterrupt stops guests some time after they have begun to
// compute, until one was told of.
func TestStopTellsWhatItCannotInterrupt(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, test := range []struct{ isStarted, interruptible bool }{{}, {isStarted: true}, {interruptible: true}} {
		cfg := cached()
		cfg.Interruptible = test.interruptible
		m, err := compile(t.Context(), computing(test.isStarted), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		interrupts, longest := test.interruptible || engine != "wazero", 10*time.Second
		if interrupts {
			longest = 50 * time.Millisecond
		}
		told := 0
		for pause := time.Millisecond; told < 2 && pause < longest; pause += pause / 2 {
			cmd := host.Command(m)
			wrote := make(chan bool, 1)
			cmd.Stdout = writeFunc(func(p []byte) (int, error) {
				select {
				case wrote <- true:
				default:
				}
				return len(p), nil
			})
			if err := cmd.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-wrote
			time.Sleep(pause) // for the guest to compute; either way is right, sooner or later
			if told == 0 {
				err = cmd.Stop()
			} else if err = cmd.Shutdown(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("%+v: Shutdown: %v", test, err)
			}
			switch {
			case errors.Is(err, host.ErrNotInterruptible):
				told++
			case err != nil && told == 0:
				t.Errorf("%+v: Stop: %v", test, err)
			}
			if err := cmd.Wait(); err != host.ErrStopped {
				t.Errorf("%+v: %v", test, err)
			}
			if err := cmd.Stop(); err != nil {
				t.Errorf("%+v: after its end: %v", test, err)
			}
		}
		if interrupts != (told == 0) && engine != "wasmedge-aot" {
			t.Errorf("%+v: %d guests could not be interrupted", test, told)
		}
	}
}

// TestStoppedInACall stops a guest where it cannot have ended, nor go on.
func TestStoppedInACall(t *testing.T) {
	cmd := commandOf(t, compiled(t, cached()), "poll")
	cmd.OnListen = func(net.Addr) {
		if err := cmd.Stop(); err != nil {
			t.Error(err)
		}
	}
	if err := cmd.Run(t.Context()); err != host.ErrStopped {
		t.Error(err)
	}
}

func TestStoppedBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the reason")
	cancel(cause)
	if code, err := run(ctx, []byte("nonsense"), &host.Cmd{}); code != -1 || err != cause {
		t.Error(code, err)
	}
}

func TestStoppedByADeadline(t *testing.T) {
	for _, subcommand := range []string{"sleep", "spin"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		cfg := cached()
		cfg.Interruptible = true
		if code, err := runAs(ctx, guestWasm(t), cfg, command(t, subcommand)); code != -1 || err != context.DeadlineExceeded {
			t.Error(subcommand, code, err)
		}
		cancel()
	}
}

// TestStoppedWhileCompiling cancels when compiling tells of itself.
func TestStoppedWhileCompiling(t *testing.T) {
	aboutWazero(t)
	before := progress.Silence
	progress.Silence = 0
	defer func() { progress.Silence = before }()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the reason")
	cfg := Config{
		CacheDir: CacheOff,
		Progress: writeFunc(func(p []byte) (int, error) { cancel(cause); return len(p), nil }),
	}
	if code, err := runAs(ctx, guestWasm(t), cfg, command(t, "exit", "0")); code != -1 || err != cause {
		t.Error(code, err)
	}
}
