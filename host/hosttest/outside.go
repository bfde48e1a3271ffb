package hosttest

import (
	"testing"
	"time"
)

// outside prepares the runs of sentences that need something done to their
// process from outside.
var outside = map[string]func(*testing.T, *run){
	"UNIX sockets that are not allowed do not open": func(_ *testing.T, r *run) {
		r.guest.UNIX = false
	},
	"no descriptor left is EMFILE, until one is closed":                        func(_ *testing.T, r *run) { r.files = 100 },
	"a first wait while no descriptor is left":                                 func(_ *testing.T, r *run) { r.files = 100 },
	"a first wait while no descriptor is left, in a program with package poll": func(_ *testing.T, r *run) { r.files = 100 },
	"a stop of the process during a wait":                                      stopDuring,
	"a wait uses no processor time":                                            idleDuring,
	"a stop of the process during Wait is not told":                            stopDuring,
	"Wait uses no processor time":                                              idleDuring,
}

// stopDuring stops the process for a moment, again and again from the line
// "waiting" on, until the guest writes another.
func stopDuring(t *testing.T, r *run) {
	moved := make(chan struct{})
	r.during = func(process int, line string) {
		switch line {
		case "waiting":
			go func() {
				// Time enough for the guest to begin to wait, and then to report that
				// it does so no more.
				for pause := 500 * time.Millisecond; ; pause = 1500 * time.Millisecond {
					select {
					case <-moved:
						return
					case <-time.After(pause):
						stopAndContinue(process)
					}
				}
			}()
		case "the waits after it":
			close(moved)
		}
	}
}

// idleDuring holds that the process uses next to no processor time between the
// lines "waiting" and "waited".
func idleDuring(t *testing.T, r *run) {
	var before time.Duration
	began := time.Now()
	r.during = func(process int, line string) {
		switch line {
		case "waiting":
			before, began = processorTime(t, process), time.Now()
		case "waited":
			used, waited := processorTime(t, process)-before, time.Since(began)
			if used > waited/4 {
				t.Errorf("%v of processor time in %v of waiting", used, waited)
			}
		}
	}
}
