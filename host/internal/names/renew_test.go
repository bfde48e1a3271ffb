package names

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
)

// TestNamesAreRenewed tests that an expired name is looked up again once after a refusal.
func TestNamesAreRenewed(t *testing.T) {
	var lookups atomic.Int32
	n := newNamesOf(t, func(r host.Request) error {
		if r.Op == host.OpResolve {
			lookups.Add(1)
		}
		return nil
	}, hostfault.Faults{})
	n.answer(t.Context(), namestest.Query(t, "both.test.", dnsmessage.TypeA, 0), maxDatagram)
	a := netip.MustParseAddr("192.0.2.1")
	if n.Renew(a); len(n.Known(a)) != 1 || lookups.Load() != 1 {
		t.Fatalf("known as %q after %d lookups", n.Known(a), lookups.Load())
	}
	age := func() {
		n.cache.mu.Lock()
		defer n.cache.mu.Unlock()
		for _, meanings := range n.cache.byAddr {
			for i := range meanings {
				meanings[i].until = time.Now().Add(-time.Second)
			}
		}
	}
	age()
	if names := n.Known(a); len(names) != 0 {
		t.Fatalf("still known as %q", names)
	}
	n.Renew(a)
	n.account.Wait()
	if len(n.Known(a)) != 1 {
		t.Fatal("it is not looked up again")
	}
	age() // less than a minute later
	for range 10 {
		n.Renew(a)
	}
	n.account.Wait()
	if len(n.Known(a)) != 0 || lookups.Load() != 2 {
		t.Errorf("known as %q, looked up %d times", n.Known(a), lookups.Load())
	}
}
