//go:build linux

package main

import (
	"context"
	"math"
	"net"
	"slices"
	"time"
)

// newcomerEvery is the time between two new clients of a loaded server: they cost it next to
// nothing.
const newcomerEvery = 20 * time.Millisecond

// newcomers starts clients one after the other until ctx is done. It returns how long each took to
// connect and to get one answer, and the error of a client that got none.
func newcomers(ctx context.Context, addr string) (took []time.Duration, err error) {
	tick := time.NewTicker(newcomerEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return took, err
		case <-tick.C:
		}
		begin := time.Now()
		c, failed := net.DialTimeout("tcp", addr, patience)
		if failed == nil {
			failed = ask(c)
			c.Close()
		}
		if failed != nil {
			err = failed
		} else {
			took = append(took, time.Since(begin))
		}
	}
}

// quantile returns the least duration that is not below the fraction q of all, or 0 if there are
// none.
func quantile(took []time.Duration, q float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	took = slices.Sorted(slices.Values(took))
	return took[int(math.Ceil(q*float64(len(took))))-1]
}
