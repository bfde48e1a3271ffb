//go:build linux

package main

import (
	"context"
	"math"
	"net"
	"slices"
	"time"
)

// newcomerEvery is how often a new client comes while a server is loaded: seldom
// enough to cost it next to nothing.
const newcomerEvery = 20 * time.Millisecond

// newcomers are clients that come one after the other until ctx ends: how long each
// took to connect and to get one answer. The error is that of one that got none.
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

// quantile is the least duration that is not below q of all; 0 of none.
func quantile(took []time.Duration, q float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	took = slices.Sorted(slices.Values(took))
	return took[int(math.Ceil(q*float64(len(took))))-1]
}
