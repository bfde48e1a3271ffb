package names

import (
	"math"
	"testing"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
)

// TestProbabilityOfFailing counts lookups that fail.
func TestProbabilityOfFailing(t *testing.T) {
	n := newNamesOf(t, host.AllowAll, hostfault.Faults{Seed: 3, DNS: 0.1})
	const lookups = 10_000
	failed := 0
	for range lookups {
		if _, err := n.Resolver.LookupNetIP(t.Context(), "ip", "both.test"); err != nil {
			failed++
		}
	}
	if sigma := math.Sqrt(lookups * 0.1 * 0.9); math.Abs(float64(failed)-lookups*0.1) > 4*sigma {
		t.Errorf("%d of %d fail, for a probability of 0.1", failed, lookups)
	}
}
