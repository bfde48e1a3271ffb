// Package names looks names up for a guest: sock_getaddrinfo, a nameserver for the guest's own
// DNS messages, and what names were said to mean, for rules with names.
package names

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/account"
)

// A Names looks names up for one guest, by the host's resolver and under the policy.
type Names struct {
	Resolver resolver
	Life     time.Duration // for which an address is known by a name

	account   *account.Account
	localhost bool          // the name means the guest's own listeners
	answering chan struct{} // a token for each query that is looked up
	asking    atomic.Int32  // sockets of the nameserver
	cache     nameCache
}

// Open makes the service of an account. localhost means that the name needs no permission: it
// means the guest's own listeners.
func (n *Names) Open(a *account.Account, r resolver, localhost bool) {
	n.account, n.Resolver, n.Life, n.localhost, n.answering = a, r, nameLife, localhost, make(chan struct{}, maxAnswering)
	if f := a.Faults; f.DNS > 0 || f.Delay > 0 {
		n.Resolver = &faultyResolver{resolver: r, faults: f}
	}
}

// Known returns the names by which the guest was told of a, in order.
func (n *Names) Known(a netip.Addr) []string { return n.cache.of(a) }

// learn remembers what the guest is told that a name means.
func (n *Names) learn(a netip.Addr, name, asked string) {
	if !n.cache.add(a, name, asked, n.Life) {
		n.account.Limited("")
	}
}

// Renew looks up the names again by which a was known, beside the guest: a program that has
// looked a name up once may go on using its address.
func (n *Names) Renew(a netip.Addr) {
	for _, m := range n.cache.over(a) {
		select {
		case n.answering <- struct{}{}:
		default:
			return // there is much to look up already
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
