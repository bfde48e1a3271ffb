//go:build linux || darwin

package wazero

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestAloneCollectsDuringCallsOnly lets a guest that prints allocate a lot in the
// host, without and then with time to notice.
func TestAloneCollectsDuringCallsOnly(t *testing.T) {
	percent := debug.SetGCPercent(100)
	defer debug.SetGCPercent(percent)
	processors := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(processors)

	var garbage []byte
	var stats runtime.MemStats
	collections := func() uint32 { runtime.ReadMemStats(&stats); return stats.NumGC }
	var first uint32
	var began time.Time
	cmd, cfg := command(t, "print"), cached()
	cfg.Alone = 1
	calls := 0
	cmd.Stdout = writeFunc(func(p []byte) (int, error) {
		switch calls++; {
		case calls == 1:
			first, began = collections(), time.Now()
			if got := debug.SetGCPercent(-1); got != -1 {
				t.Errorf("the collector runs by itself, at %d", got)
			}
			if n := runtime.GOMAXPROCS(0); n != 2 {
				t.Errorf("there are %d processors, want one besides the guest's", n)
			}
			for range 64 {
				garbage = make([]byte, 1<<20)
			}
			if n := collections(); n != first {
				t.Errorf("%d collections while a call runs", n-first)
			}
		case collections() > first || time.Since(began) > time.Minute:
			panic("enough")
		default:
			time.Sleep(10 * time.Millisecond)
		}
		return len(p), nil
	})
	runAs(t.Context(), guestWasm(t), cfg, cmd)
	runtime.KeepAlive(garbage)
	if n := collections(); n == first {
		t.Error("garbage was never collected")
	}
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("the collector is left at %d, want 100", got)
	}
	if n := runtime.GOMAXPROCS(0); n != 1 {
		t.Errorf("%d processors are left, want 1", n)
	}
}
