package system

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// nameLife is how long an address is known by a name after the host told of it: longer
// than answerTTL, for programs that resolve and connect much later.
const nameLife = 5 * time.Minute

// maxKnown is how many pairs of an address and a name are known of a guest.
const maxKnown = 1 << 16

// known is what the host told the guest that names mean.
type known struct {
	mu     sync.Mutex
	byAddr map[netip.Addr][]meaning
	pairs  int // in byAddr
}

// A meaning is a name of an address.
type meaning struct {
	name  string
	asked string    // as the resolver was asked for it
	until time.Time // when it is over
	again time.Time // when it may be looked up again, once it is over
}

// renewEvery is how often a name that is over is looked up again, at most.
const renewEvery = time.Minute

// add remembers that name means a, which the resolver was asked as asked. It returns false if
// it forgot other pairs for that, of those that were not over.
func (k *known) add(a netip.Addr, name, asked string) (room bool) {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	until := now.Add(nameLife)
	for i, m := range k.byAddr[a] {
		if m.name == name {
			k.byAddr[a][i].until, k.byAddr[a][i].asked = until, strings.Clone(asked)
			return true
		}
	}
	room = k.makeRoom(now)
	if k.byAddr == nil {
		k.byAddr = map[netip.Addr][]meaning{}
	}
	k.byAddr[a] = append(k.byAddr[a], meaning{name: strings.Clone(name), asked: strings.Clone(asked), until: until})
	k.pairs++
	return room
}

// makeRoom drops what is over, and else the pairs of any addresses: of an eighth, so that
// it is seldom called.
func (k *known) makeRoom(now time.Time) bool {
	if k.pairs < maxKnown {
		return true
	}
	for a := range k.byAddr {
		k.drop(a, func(m meaning) bool { return now.After(m.until) })
	}
	room := k.pairs < maxKnown
	for a := range k.byAddr {
		if k.pairs <= maxKnown-maxKnown/8 {
			break
		}
		k.drop(a, func(meaning) bool { return true })
	}
	return room
}

// drop drops meanings of a.
func (k *known) drop(a netip.Addr, is func(meaning) bool) {
	before := len(k.byAddr[a])
	left := slices.DeleteFunc(k.byAddr[a], is)
	k.pairs -= before - len(left)
	if len(left) == 0 {
		delete(k.byAddr, a)
		return
	}
	k.byAddr[a] = left
}

// of is the names of a now, in order.
func (k *known) of(a netip.Addr) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	var all []string
	for _, m := range k.byAddr[a] {
		if !now.After(m.until) {
			all = append(all, m.name)
		}
	}
	slices.Sort(all)
	return all
}

// over is the names of a that are over, as far as they may be looked up again now.
func (k *known) over(a netip.Addr) (all []meaning) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	for i := range k.byAddr[a] {
		if m := &k.byAddr[a][i]; now.After(m.until) && !now.Before(m.again) {
			m.again = now.Add(renewEvery)
			all = append(all, *m)
		}
	}
	return all
}
