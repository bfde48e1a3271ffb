//go:build linux || darwin

package wazero

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
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
	before := progressAfter
	progressAfter = 0
	defer func() { progressAfter = before }()
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

func TestProgress(t *testing.T) {
	lines := make(chan string, 2)
	cfg := Config{
		Name:     "guest.wasm",
		Progress: writeFunc(func(p []byte) (int, error) { lines <- string(p); return len(p), nil }),
	}
	progress(cfg, 3_000_000)() // too short to speak of

	before := progressAfter
	progressAfter = 0
	defer func() { progressAfter = before }()
	done := progress(cfg, 3_000_000)
	if got := <-lines; got != "compiling guest.wasm (3.0 MB)\n" {
		t.Errorf("%q", got)
	}
	done()
	if got := <-lines; !strings.HasPrefix(got, "compiled guest.wasm in ") || !strings.HasSuffix(got, " s\n") {
		t.Errorf("%q", got)
	}

	cfg.Name, cfg.Progress = "", nil
	progress(cfg, 0)()
}
