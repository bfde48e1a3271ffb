package wazero

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wasisock/wasisock/host"
)

// soleGuests are the guests of a process that does nothing but run guests. This keeps the
// process alive to what else it does, such as heeding signals, while a guest computes
// without end. Go's collector stops all goroutines to begin and to end, and a guest
// cannot be stopped between its calls: so a guest collects in a call, while all others
// are in calls too. And goroutines need a processor that no guest has.
var soleGuests struct {
	due     atomic.Bool // garbage must be collected
	full    atomic.Bool // there is so much of it that calls wait until it is
	closed  atomic.Bool // and a module's code is part of it, which goes back to the system
	mu      sync.Mutex
	guests  map[*guest]bool
	restore func()
}

// join is before g runs, leave after. The settings of the process change with the first
// guest, and back with the last: to change them stops all goroutines.
func (g *guest) join() (leave func()) {
	soleGuests.mu.Lock()
	defer soleGuests.mu.Unlock()
	if len(soleGuests.guests) == 0 {
		soleGuests.guests = map[*guest]bool{}
		soleGuests.restore = tuneRuntime(g.alone + 1)
	}
	soleGuests.guests[g] = true
	return func() {
		soleGuests.mu.Lock()
		defer soleGuests.mu.Unlock()
		if delete(soleGuests.guests, g); len(soleGuests.guests) == 0 {
			soleGuests.restore()
		}
	}
}

// While one guest computes, what the calls of others allocate is not collected, and they
// allocate gigabytes within seconds. A memory limit of the runtime does not help: it begins
// a collection, which waits for the guest that computes, and so all others do. Calls wait
// instead, once there are maxGarbage bytes besides twice what was live, for patience at most.
const (
	maxGarbage = 256 << 20
	patience   = 10 * time.Second
)

func tuneRuntime(leastProcessors int) (restore func()) {
	processors := runtime.GOMAXPROCS(0)
	if processors < leastProcessors {
		runtime.GOMAXPROCS(leastProcessors)
	}
	debug.FreeOSMemory() // what compiling left behind
	percent := debug.SetGCPercent(-1)
	done := make(chan struct{})
	go func() {
		const least = 4 << 20
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		looked := time.Now()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			metrics.Read(heap)
			used, wanted := heap[0].Value.Uint64(), 2*heap[1].Value.Uint64()
			if used > wanted+least && (used > wanted+maxGarbage || time.Since(looked) >= time.Second) {
				soleGuests.due.Store(true)
				looked = time.Now()
			}
			soleGuests.full.Store(used > wanted+maxGarbage)
		}
	}()
	return func() {
		close(done)
		soleGuests.due.Store(false)
		soleGuests.full.Store(false)
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(processors)
	}
}

// makeRoom is for the beginning of a call of g's. It panics with an error that is
// host.ErrNotInterruptible if another guest has computed for patience, and with that of
// Pause if g is to end.
func (g *guest) makeRoom() {
	collectIfDue()
	if !soleGuests.full.Load() {
		return
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); soleGuests.full.Load(); {
		<-tick.C
		g.Pause()
		if collectIfDue(); time.Since(began) > patience {
			panic(fmt.Errorf("no garbage was collected for %v, and there are more than %d MB of it: %w", patience, maxGarbage>>20, host.ErrNotInterruptible))
		}
	}
}

// collectIfDue is for the beginning of a call. A guest that leaves a call meanwhile, to
// compute without end, would have to do so within the microsecond before all stops.
func collectIfDue() {
	if !soleGuests.due.Load() || !soleGuests.mu.TryLock() {
		return
	}
	defer soleGuests.mu.Unlock()
	for g := range soleGuests.guests {
		if g.Computes() {
			return
		}
	}
	soleGuests.due.Store(false)
	soleGuests.full.Store(false)
	if soleGuests.closed.Swap(false) {
		debug.FreeOSMemory()
	} else {
		runtime.GC()
	}
}

// closeBeside is for a module that is closed while guests of others run. Its code, tens
// of megabytes that the collector does not see, is freed by the collector alone.
func closeBeside() {
	soleGuests.mu.Lock()
	alone := len(soleGuests.guests) == 0
	soleGuests.mu.Unlock()
	if !alone {
		soleGuests.closed.Store(true)
		soleGuests.due.Store(true)
		collectIfDue()
	}
}
