//go:build !linux

package compiler

import (
	"fmt"
	"os"
	"runtime/metrics"
	"time"
)

// limitMemory ends the process when it has more memory than bytes. Other systems than Linux do not
// limit mapped memory, so it reads the size of Go's memory again and again.
func limitMemory(bytes uint64) error {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			if metrics.Read(sample); sample[0].Value.Uint64() > bytes {
				fmt.Fprintln(os.Stderr, "out of memory")
				os.Exit(2)
			}
		}
	}()
	return nil
}
