package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/host/internal/wasi"
)

// newInstance returns a guest without an engine: its code is a function of the test.
func newInstance(t *testing.T, c *host.Cmd) *Instance {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { r.Close(ctx) })
	fs, err := wasi.NewFunctions(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(fs, c, func() uint64 { return 1 << 16 }, sockets.Streams{})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestHowGuestsEnd(t *testing.T) {
	cause := errors.New("nobody needs it")
	for _, test := range []struct {
		name string
		run  func(context.Context, *Instance) error
		code int
		want string
	}{
		{"returns", func(context.Context, *Instance) error { return nil }, 0, ""},
		{"exits", func(context.Context, *Instance) error { return fmt.Errorf("run: %w", sys.NewExitError(3)) }, 3, ""},
		{"traps", func(context.Context, *Instance) error { return errors.New("unreachable") }, -1, "unreachable"},
		{"is stopped", func(ctx context.Context, g *Instance) error { <-g.Ending(); return wasi.ErrStopped }, -1, cause.Error()},
		{"is interrupted", func(ctx context.Context, g *Instance) error { <-ctx.Done(); return ctx.Err() }, -1, cause.Error()},
		{"exits as it is stopped", func(ctx context.Context, g *Instance) error { <-ctx.Done(); return sys.NewExitError(4) }, 4, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newInstance(t, &host.Cmd{})
			var freed []string
			g.OnEnd(func() { freed = append(freed, "first") })
			g.OnEnd(func() { freed = append(freed, "last") })
			ctx, cancel := context.WithCancelCause(context.Background())
			g.Start(ctx, func(ctx context.Context) error { return test.run(ctx, g) })
			cancel(cause)
			code, err := g.Wait()
			if text := fmt.Sprint(err); code != test.code || text != test.want && (err != nil || test.want != "") {
				t.Errorf("%d, %v; want %d, %q", code, err, test.code, test.want)
			}
			if !slices.Equal(freed, []string{"last", "first"}) {
				t.Errorf("freed in the order %v", freed)
			}
		})
	}
}

func TestCalls(t *testing.T) {
	g := newInstance(t, &host.Cmd{})
	g.Library()
	trap := errors.New("unreachable")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	hang := make(chan struct{})
	g.Start(ctx, func(context.Context) error {
		return g.Serve(func(name string, params int) (func([]uint64) ([]uint64, error), error) {
			switch fmt.Sprint(name, params) {
			case "add2":
				return func(args []uint64) ([]uint64, error) { return []uint64{args[0] + args[1]}, nil }, nil
			case "hang0":
				return func([]uint64) ([]uint64, error) { <-hang; return nil, nil }, nil
			case "trap0":
				return func([]uint64) ([]uint64, error) { return nil, trap }, nil
			}
			return nil, fmt.Errorf("no %s of %d", name, params)
		})
	})
	call := func(ctx context.Context, name string, args ...uint64) string {
		results, err := g.Call(ctx, name, args)
		return fmt.Sprint(results, err)
	}
	if got := call(ctx, "add", 1, 2); got != "[3] <nil>" {
		t.Error(got)
	}
	if got := call(ctx, "add", 1); got != "[] no add of 1" {
		t.Error(got)
	}
	late, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	if got := call(late, "hang"); got != "[] context deadline exceeded" {
		t.Error(got)
	}
	if got := call(late, "add", 1, 2); got != "[] context deadline exceeded" {
		t.Errorf("while it hangs: %s", got)
	}
	close(hang)
	if got := call(ctx, "trap"); got != fmt.Sprint([]uint64(nil), host.ErrEnded) {
		t.Error(got)
	}
	if got := call(ctx, "add", 1, 2); got != fmt.Sprint([]uint64(nil), host.ErrEnded) {
		t.Errorf("after the end: %s", got)
	}
	if code, err := g.Wait(); code != -1 || err != trap {
		t.Errorf("%d, %v", code, err)
	}
}

func TestProgramsAreNotCalled(t *testing.T) {
	g := newInstance(t, &host.Cmd{})
	defer g.Close()
	if _, err := g.Call(context.Background(), "f", nil); err == nil || !strings.Contains(err.Error(), "it is a program") {
		t.Error(err)
	}
}

// TestCPUTime tests that the CPU time of the guest's thread is that of the guest, and stays when the
// guest has ended.
func TestCPUTime(t *testing.T) {
	if !cpuClockWorks {
		t.Skip("the CPU time of a thread is not known here")
	}
	g := newInstance(t, &host.Cmd{Limits: host.Limits{CPUTime: time.Hour}})
	g.Start(context.Background(), func(context.Context) error {
		for g.Stats().CPUTime < 20*time.Millisecond {
		}
		return nil
	})
	g.Wait()
	stats := g.Stats()
	if stats.CPUTime < 20*time.Millisecond || stats.WallTime < 20*time.Millisecond || stats.Memory != 1<<16 {
		t.Errorf("%+v", stats)
	}
	if again := g.Stats(); again.CPUTime != stats.CPUTime || again.WallTime != stats.WallTime {
		t.Errorf("%+v, then %+v", stats, again)
	}
}

// TestOnThread tests that the guest runs on the given thread, and that Start fails if there is
// none.
func TestOnThread(t *testing.T) {
	g := newInstance(t, &host.Cmd{})
	var on string
	g.OnThread(func(run func()) error {
		go func() {
			on = "its thread"
			run()
		}()
		return nil
	})
	ran := ""
	if err := g.Start(context.Background(), func(context.Context) error { ran = on; return nil }); err != nil {
		t.Fatal(err)
	}
	if code, err := g.Wait(); code != 0 || err != nil || ran != "its thread" {
		t.Errorf("%d, %v, on %q", code, err, ran)
	}

	none := errors.New("no thread")
	g = newInstance(t, &host.Cmd{})
	g.OnThread(func(func()) error { return none })
	if err := g.Start(context.Background(), nil); err != none {
		t.Errorf("Start without a thread: %v", err)
	}
}
