//go:build linux

package wazero

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

// usage is what a run could leave behind.
type usage struct{ goroutines, descriptors, threads, resident, mappings int }

func measure(t *testing.T) usage {
	t.Helper()
	// Machine code is unmapped by finalizers, and goroutines take a moment to go.
	for range 3 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	number := func(pattern string) int {
		n, err := strconv.Atoi(string(regexp.MustCompile(pattern).FindSubmatch(status)[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return usage{
		goroutines:  runtime.NumGoroutine(),
		descriptors: len(fds),
		threads:     number(`Threads:\s+(\d+)`),
		resident:    number(`VmRSS:\s+(\d+) kB`) / 1024,
		mappings:    bytes.Count(maps, []byte("\n")),
	}
}

// TestNothingIsLeft runs guests that end in each way, many times.
func TestNothingIsLeft(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 40
	}
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer feed.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "text")
	once := func(i int) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		subcommand := []string{"work", "sleep", "exit", "read", "panic"}[i%5]
		cmd, cfg := command(t, subcommand, "3"), cached()
		cfg.Alone = i % 2
		cmd.Stdin = in
		cmd.Dirs = []host.Dir{{Host: dir, Guest: "/"}}
		cmd.Stderr = writeFunc(func(p []byte) (int, error) {
			if subcommand == "sleep" || subcommand == "read" {
				cancel()
			}
			return len(p), nil
		})
		runAs(ctx, guestWasm(t), cfg, cmd)

		broken := wasmModule{pages: 1, isStarted: true, code: unreachable}
		run(t.Context(), broken.bytes(), &host.Cmd{})
		missing := wasmModule{imports: []wasmFunc{{name: "none"}}, pages: 1}
		run(t.Context(), missing.bytes(), &host.Cmd{})
	}
	for i := range 20 {
		once(i)
	}
	before := measure(t)
	for i := range n {
		once(i)
	}
	after := measure(t)
	t.Logf("before %+v", before)
	t.Logf("after  %+v", after)
	if after.goroutines > before.goroutines || after.descriptors > before.descriptors {
		t.Errorf("goroutines or descriptors are left: %+v, before %+v", after, before)
	}
	if after.threads > before.threads+5 || after.mappings > before.mappings+n/2 || after.resident > before.resident+64 {
		t.Errorf("threads, mappings or memory are left: %+v, before %+v", after, before)
	}
}
