package hosttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
)

func stops(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
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

func stopsWaiting(t *testing.T, b *bench) {
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
		{"a guest that reads a FIFO of a directory", "read file", func(t *testing.T, c *host.Cmd, _ *Config) {
			dir := t.TempDir()
			makeFIFO(t, filepath.Join(dir, "fifo"))
			c.Args = append(c.Args, "/dir/fifo")
			c.Dirs = []host.Dir{{Host: dir, Guest: "/dir"}}
		}},
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
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			ready, stderr := io.Pipe()
			cmd, cfg := command(t, test.subcommand), Config{}
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
				code, err := b.runProgram(t, ctx, cfg, cmd)
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

// stopsInCall stops a guest where it can neither have ended nor go on.
func stopsInCall(t *testing.T, b *bench) {
	cmd := commandOf(t, b.compiled(t, Config{}), "poll")
	cmd.OnListen = func(net.Addr) {
		if err := cmd.Stop(); err != nil {
			t.Error(err)
		}
	}
	if err := cmd.Run(t.Context()); err != host.ErrStopped {
		t.Error(err)
	}
}

func stopsBefore(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the reason")
	cancel(cause)
	if code, err := b.run(ctx, []byte("nonsense"), &host.Cmd{}); code != -1 || err != cause {
		t.Error(code, err)
	}
}

func stopsAtDeadline(t *testing.T, b *bench) {
	for _, subcommand := range []string{"sleep", "spin"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		cfg := Config{}
		cfg.Interruptible = true
		if code, err := b.runProgram(t, ctx, cfg, command(t, subcommand)); code != -1 || err != context.DeadlineExceeded {
			t.Error(subcommand, code, err)
		}
		cancel()
	}
}

// computing returns a guest that computes for about a second before each byte that it
// writes but the first.
func computing(isStart bool) []byte {
	const x = 0
	return asm.Module{
		Imports: []asm.Func{{Name: "fd_write", Params: "iiii", Results: "i"}},
		Pages:   1,
		Data:    "\x08\x00\x00\x00\x01\x00\x00\x00" + "x",
		Locals:  1,
		Code: asm.Join(
			asm.Loop(
				asm.ConstI32(1), asm.ConstI32(0), asm.ConstI32(1), asm.ConstI32(16), asm.Call(0), asm.Drop,
				asm.Loop(
					// a generator of random numbers, until it has been through all of them
					asm.LocalGet(x), asm.ConstI32(1664525), asm.MultiplyI32, asm.ConstI32(1013904223), asm.AddI32,
					asm.ConstI32(1<<29-1), asm.AndI32, asm.LocalTee(x), asm.BranchIf(0),
				),
				asm.Branch(0),
			)),
		IsStart: isStart,
	}.Bytes()
}

// These stop guests at moments ever later after they have begun to compute.
func interrupts(t *testing.T, b *bench) {
	if n := stopComputing(t, b, false, true, 50*time.Millisecond); n > 0 {
		t.Errorf("%d guests could not be interrupted", n)
	}
}

func interruptsAlways(t *testing.T, b *bench) {
	for _, isStart := range []bool{false, true} {
		if n := stopComputing(t, b, isStart, false, 50*time.Millisecond); n > 0 {
			t.Errorf("start function %v: %d guests could not be interrupted", isStart, n)
		}
	}
}

func interruptsOrSays(t *testing.T, b *bench) {
	for _, isStart := range []bool{false, true} {
		if b.has(InterruptsAlways) || b.has(InterruptsOften) { // either answer is right
			stopComputing(t, b, isStart, false, 50*time.Millisecond)
		} else if stopComputing(t, b, isStart, false, 10*time.Second) == 0 {
			t.Errorf("start function %v: Stop never returned ErrNotInterruptible", isStart)
		}
	}
}

// stopComputing stops guests that compute, with pauses of up to longest, until two could
// not be interrupted. It returns how many could not.
func stopComputing(t *testing.T, b *bench, isStart, interruptible bool, longest time.Duration) (failed int) {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	m := b.module(t, computing(isStart), Config{Interruptible: interruptible})
	for pause := time.Millisecond; failed < 2 && pause < longest; pause += pause / 2 {
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
		var err error
		if failed == 0 {
			err = cmd.Stop()
		} else if err = cmd.Shutdown(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v", err)
		}
		switch {
		case errors.Is(err, host.ErrNotInterruptible):
			failed++
		case err != nil && failed == 0:
			t.Errorf("Stop: %v", err)
		}
		if err := cmd.Wait(); err != host.ErrStopped {
			t.Error(err)
		}
		if err := cmd.Stop(); err != nil {
			t.Errorf("Stop after its end: %v", err)
		}
	}
	return failed
}

// listening starts a guest and waits until it listens.
func listening(t *testing.T, cmd *host.Cmd) string {
	t.Helper()
	told := make(chan net.Addr, 2)
	cmd.OnListen = func(a net.Addr) { told <- a }
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return (<-told).String()
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func shutsDown(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, given := range []bool{false, true} {
		for _, subcommand := range []string{"poll", "accept"} {
			cmd := commandOf(t, m, subcommand)
			if given {
				cmd = commandOf(t, m, subcommand, l.Addr().String())
				cmd.Policy, cmd.Listeners = nil, []net.Listener{l}
			}
			if at := listening(t, cmd); given && at != l.Addr().String() {
				t.Errorf("it listens at %s", at)
			}
			if err := cmd.Shutdown(within(t, 30*time.Second)); err != nil {
				t.Errorf("%s: %v", subcommand, err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v", subcommand, err)
			}
		}
	}
}

// shutdownWaits has a connection on which the guest wrote last. The client closes it, or
// time passes.
func shutdownWaits(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
	for _, closes := range []bool{true, false} {
		cmd := commandOf(t, m, "echo")
		c, err := net.Dial("tcp", listening(t, cmd))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "a")
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		const pause = 300 * time.Millisecond
		began, limit := time.Now(), 5*pause
		if closes {
			limit = time.Minute
			time.AfterFunc(pause, func() { c.Close() })
		}
		if err := cmd.Shutdown(within(t, limit)); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < pause || closes && took > limit/2 {
			t.Errorf("client closes: %v; it takes %v of %v", closes, took, limit)
		}
		err = cmd.Wait()
		if left := cmd.ProcessState.Connections; err != nil || left == 0 != closes {
			t.Errorf("client closes: %v; %v, and %d connections are left", closes, err, left)
		}
	}
}

func shutdownEnds(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
	cmd := commandOf(t, m, "sleep")
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// On a busy machine the guest may still compute then, which the error says too.
	if err := cmd.Shutdown(within(t, 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := cmd.Wait(); err != host.ErrStopped {
		t.Error(err)
	}
	if err := host.Command(m).Shutdown(t.Context()); err == nil {
		t.Error("what was not started is shut down")
	}
}

func toldToStop(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
	own := errors.New("its own")
	for _, test := range []struct {
		name, subcommand string
		stop             func(*host.Cmd, context.CancelCauseFunc)
		want             error
	}{
		{"Stop", "sleep", func(c *host.Cmd, _ context.CancelCauseFunc) { c.Stop(); c.Stop() }, host.ErrStopped},
		{"the context", "sleep", func(_ *host.Cmd, cancel context.CancelCauseFunc) { cancel(own) }, own},
		{"a limit", "sleep", func(*host.Cmd, context.CancelCauseFunc) {}, new(host.LimitError)},
		{"itself", "args", func(*host.Cmd, context.CancelCauseFunc) {}, nil},
	} {
		cmd := commandOf(t, m, test.subcommand)
		if test.name == "a limit" {
			cmd.Limits.WallTime = 10 * time.Millisecond
		}
		causes := make(chan error, 2)
		cmd.OnStop = func(cause error) { causes <- cause }
		ctx, cancel := context.WithCancelCause(t.Context())
		if err := cmd.Start(ctx); err != nil {
			t.Fatal(err)
		}
		test.stop(cmd, cancel)
		err := cmd.Wait()
		cancel(nil)
		if test.want != nil {
			select {
			case cause := <-causes:
				if cause != err || !errors.Is(err, test.want) && fmt.Sprintf("%T", err) != fmt.Sprintf("%T", test.want) {
					t.Errorf("%s: it is told %v, and Wait returns %v; want %v", test.name, cause, err, test.want)
				}
			case <-time.After(10 * time.Second):
				t.Errorf("%s: it is told nothing", test.name)
			}
		}
		select {
		case cause := <-causes:
			t.Errorf("%s: it is told %v too", test.name, cause)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
