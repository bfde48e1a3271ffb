package hosttest

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/asm"
	"github.com/wasisock/wasisock/internal/racetest"
)

// aboutLeaks tests that guests leave nothing behind.
var aboutLeaks = []sentence{
	{
		says:    "nothing is left of guests, however they ended",
		promise: promiseNothing,
		needs:   Compiled,
		test:    nothingLeft,
	},
	{
		says:    "nothing is left of hostile guests that Go built",
		promise: promiseNothing,
		test:    func(t *testing.T, b *bench) { b.nothingLeftOfHarms(t, false) },
	},
	{
		says:    "nothing is left of hostile modules that no compiler made",
		promise: promiseNothing,
		test:    func(t *testing.T, b *bench) { b.nothingLeftOfHarms(t, true) },
	},
}

// usage counts what a run could leave behind.
type usage struct{ goroutines, descriptors, threads, resident, mappings int }

// nothingLeft runs guests that end in each way, many times.
func nothingLeft(t *testing.T, b *bench) {
	n := 200
	if testing.Short() || !b.has(CompilesQuickly) {
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
	program := b.program(t)
	once := func(i int) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		subcommand := []string{"work", "sleep", "exit", "read", "panic"}[i%5]
		cmd := command(t, subcommand, "3")
		cmd.Stdin = in
		cmd.Dirs = []host.Dir{{Host: dir, Guest: "/"}}
		cmd.Stderr = writeFunc(func(p []byte) (int, error) {
			if subcommand == "sleep" || subcommand == "read" {
				cancel()
			}
			return len(p), nil
		})
		b.run(ctx, program, cmd)

		broken := asm.Module{Pages: 1, IsStart: true, Code: asm.Unreachable}
		b.run(t.Context(), broken.Bytes(), &host.Cmd{})
		missing := asm.Module{Imports: []asm.Func{{Name: "none"}}, Pages: 1}
		b.run(t.Context(), missing.Bytes(), &host.Cmd{})
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
	room := 64
	if !b.has(Compiled) || !b.has(CompilesQuickly) {
		room = 160 // C's allocator keeps some of what modules had: less than a tenth of it
	}
	if racetest.Enabled {
		room *= 5
	}
	if after.threads > before.threads+5 || after.mappings > before.mappings+n/2 || after.resident > before.resident+room {
		t.Errorf("threads, mappings or memory are left: %+v, before %+v", after, before)
	}
}

// nothingLeftOfHarms runs two thousand hostile guests, eight at a time, some of which are
// stopped meanwhile.
func (b *bench) nothingLeftOfHarms(t *testing.T, text bool) {
	n := 2000
	if !text && (testing.Short() || !b.has(Compiled)) {
		n = 100
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // takes what trap.wat sends
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	var quick []harm
	for _, h := range harms {
		if isText(h.name) == text && !h.long && b.has(h.needs) {
			b.hostileModule(t, h.name)
			quick = append(quick, h.harm)
		}
	}
	some := func(n int) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
					h := quick[i%len(quick)]
					cmd, stderr := b.hostile(t, h, port)
					if i%3 == 0 {
						ctx, cancel := context.WithTimeoutCause(t.Context(), rand.N(20*time.Millisecond), host.ErrStopped)
						if err := cmd.Run(ctx); err != host.ErrStopped {
							h.check(t, err, stderr)
						}
						cancel()
						continue
					}
					h.check(t, cmd.Run(t.Context()), stderr)
				}
			})
		}
		wg.Wait()
	}
	some(10 * len(quick))
	before := measure(t)
	began := time.Now()
	some(n)
	t.Logf("%d guests in %v", n, time.Since(began))
	expectNothingLeft(t, before, n)
}

// expectNothingLeft checks that n guests have left nothing behind. Less than one of each
// belongs to the garbage collector.
func expectNothingLeft(t *testing.T, before usage, n int) {
	t.Helper()
	after := measure(t)
	for range 100 { // the other ends of connections take a moment
		if after.goroutines <= before.goroutines && after.descriptors <= before.descriptors {
			break
		}
		time.Sleep(20 * time.Millisecond)
		after = measure(t)
	}
	t.Logf("before %+v", before)
	t.Logf("after  %+v", after)
	if after.goroutines > before.goroutines || after.descriptors > before.descriptors {
		t.Errorf("goroutines or descriptors are left: %+v, before %+v", after, before)
	}
	room := 100
	if racetest.Enabled {
		room = 500 // the race detector keeps several times what a program has used
	}
	if after.threads > before.threads+20 || after.mappings > before.mappings+50+n/20 || after.resident > before.resident+room {
		t.Errorf("threads, mappings or memory are left: %+v, before %+v", after, before)
	}
}
