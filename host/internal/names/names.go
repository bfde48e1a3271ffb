// Package names looks names up for a guest: for sock_getaddrinfo, and as a nameserver for the
// guest's own DNS messages. It records the addresses of names, for rules with names.
package names

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/internal/printable"
)

// A Names looks names up for one guest, with the host's resolver and under the policy.
type Names struct {
	Resolver resolver
	Life     time.Duration // how long an address is known by a name
	OnLookup func(host.Lookup)

	account   *account.Account
	localhost bool          // the name localhost means the guest's own listeners
	answering chan struct{} // has an element for each query that is being looked up
	asking    atomic.Int32  // number of sockets of the nameserver
	cache     nameCache
}

// Open prepares n for the guest of an account. With localhost, the name localhost means the
// guest's own listeners, and the policy is not asked about it.
func (n *Names) Open(a *account.Account, r resolver, localhost bool) {
	n.account, n.Resolver, n.Life, n.localhost, n.answering = a, r, nameLife, localhost, make(chan struct{}, maxAnswering)
	if f := a.Faults; f.DNS > 0 || f.Delay > 0 {
		n.Resolver = &faultyResolver{resolver: r, faults: f}
	}
}

// Known returns the names for which the guest has got the address a, in order.
func (n *Names) Known(a netip.Addr) []string { return n.cache.of(a) }

// learn records that the guest gets the address a for a name.
func (n *Names) learn(a netip.Addr, name, asked string) {
	if !n.cache.add(a, name, asked, n.Life) {
		n.account.Limited("")
	}
}

// report reports a look-up that began at a time and found addrs, or failed with an error.
func (n *Names) report(began time.Time, name, kind string, addrs []netip.Addr, failure string) {
	if n.OnLookup == nil {
		return
	}
	n.OnLookup(host.Lookup{
		Name: printable.Text(strings.TrimSuffix(name, "."), printable.MaxText, ""), Type: kind,
		Addrs: slices.Clone(addrs), Error: failure, Start: began, Duration: time.Since(began),
	})
}

// Renew looks up, in the background, the expired names of a again: a program that has looked a
// name up once may go on using its address.
func (n *Names) Renew(a netip.Addr) {
	for _, m := range n.cache.over(a) {
		select {
		case n.answering <- struct{}{}:
		default:
			return // there are many lookups already
		}
		n.account.Go(func() {
			defer n.finish()
			defer func() { recover() }() // see answerSafely
			if !n.account.Renews(host.Request{Op: host.OpResolve, Host: m.name}) || !n.account.MayLookUp() {
				return
			}
			addrs, err := n.Resolver.LookupNetIP(n.account.Ended, "ip", m.asked)
			if err != nil {
				return
			}
			for _, found := range addrs {
				n.learn(found.Unmap().WithZone(""), m.name, m.asked)
			}
		})
	}
}
