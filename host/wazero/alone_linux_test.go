package wazero

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// machineCode is how many ranges of this process have code that is in no file.
func machineCode(t *testing.T) (n int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if f := strings.Fields(line); len(f) == 5 && f[1] == "r-xp" {
			n++
		}
	}
	return n
}

// TestAloneFreesCode closes modules beside a guest that waits.
func TestAloneFreesCode(t *testing.T) {
	cfg := cached()
	cfg.Alone = 1
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	cmd, waits := command(t, "print"), make(chan struct{})
	cmd.Stdout = writeFunc(func(p []byte) (int, error) {
		close(waits)
		<-ctx.Done()
		return 0, ctx.Err()
	})
	go func() {
		defer close(ended)
		runAs(ctx, guestWasm(t), cfg, cmd)
	}()
	<-waits
	defer func() {
		cancel()
		<-ended
	}()
	before := machineCode(t)
	for range 3 {
		m, err := Compile(t.Context(), guestWasm(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
	}
	for end := time.Now().Add(time.Minute); machineCode(t) > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d ranges of code, before the modules that are closed there were %d", machineCode(t), before)
		}
	}
}

// TestAloneLeavesNothing runs guests that end in each way, with and without Config.Alone.
func TestAloneLeavesNothing(t *testing.T) {
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer feed.Close()
	once := func(i int) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		subcommand := []string{"work", "sleep", "exit", "read", "panic"}[i%5]
		cmd, cfg := command(t, subcommand, "3"), cached()
		cfg.Alone = i % 2
		cmd.Stdin = in
		cmd.Stderr = writeFunc(func(p []byte) (int, error) {
			if subcommand == "sleep" || subcommand == "read" {
				cancel()
			}
			return len(p), nil
		})
		runAs(ctx, guestWasm(t), cfg, cmd)
	}
	left := func() (goroutines, descriptors, processors int) {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), len(fds), runtime.GOMAXPROCS(0)
	}
	for i := range 10 {
		once(i)
	}
	goroutines, descriptors, processors := left()
	for i := range 40 {
		once(i)
	}
	if g, d, p := left(); g > goroutines || d > descriptors || p != processors {
		t.Errorf("%d goroutines, %d descriptors and %d processors, before %d, %d and %d", g, d, p, goroutines, descriptors, processors)
	}
}
