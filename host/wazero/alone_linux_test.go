package wazero

import (
	"context"
	"os"
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
