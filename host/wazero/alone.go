package wazero

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// collectDue asks a guest that is alone to collect garbage at its next call.
var collectDue atomic.Bool

func collectIfDue() {
	if collectDue.Load() {
		collectDue.Store(false)
		runtime.GC()
	}
}

// alone keeps the process alive to what else it does, such as heeding signals, while a
// guest computes without end. Go's collector stops all goroutines to begin and to
// end, and a guest cannot be stopped between its calls: so it collects in a call. And
// goroutines need a processor that the guest does not have.
func alone() (restore func()) {
	processors := runtime.GOMAXPROCS(0)
	if processors < 2 {
		runtime.GOMAXPROCS(2)
	}
	debug.FreeOSMemory() // what compiling left behind
	percent := debug.SetGCPercent(-1)
	done := make(chan struct{})
	go func() {
		const least = 4 << 20
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			metrics.Read(heap)
			if heap[0].Value.Uint64() > 2*heap[1].Value.Uint64()+least {
				collectDue.Store(true)
			}
		}
	}()
	return func() {
		close(done)
		collectDue.Store(false)
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(processors)
	}
}
