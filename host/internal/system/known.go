package system

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// nameLife is how long an address is known by a name after the host told of it: longer
// than answerTTL, for programs that resolve and connect much later.
const nameLife = 5 * time.Minute

// maxNames is how many names are known, each once for each of its addresses.
const maxNames = 1 << 14

// known is what the host told the guest that names mean.
type known struct {
	mu     sync.Mutex
	byAddr map[netip.Addr]map[string]time.Time // when it is to be forgotten
	names  int
}

func (k *known) add(a netip.Addr, name string) {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, again := k.byAddr[a][name]; !again {
		k.makeRoom(now)
		k.names++
	}
	if k.byAddr == nil {
		k.byAddr = map[netip.Addr]map[string]time.Time{}
	}
	if k.byAddr[a] == nil {
		k.byAddr[a] = map[string]time.Time{}
	}
	k.byAddr[a][name] = now.Add(nameLife)
}

// makeRoom drops what is over, and else any, when there is no room. It leaves a quarter
// free then, so that it has nothing to do for a while.
func (k *known) makeRoom(now time.Time) {
	if k.names < maxNames {
		return
	}
	for a := range k.byAddr {
		k.current(a, now)
	}
	for a, of := range k.byAddr {
		for name := range of {
			if k.names <= maxNames*3/4 {
				return
			}
			k.drop(a, name)
		}
	}
}

func (k *known) drop(a netip.Addr, name string) {
	k.names--
	if delete(k.byAddr[a], name); len(k.byAddr[a]) == 0 {
		delete(k.byAddr, a)
	}
}

// current is the names of a that are not over, and drops the others.
func (k *known) current(a netip.Addr, now time.Time) []string {
	var all []string
	for name, until := range k.byAddr[a] {
		if now.After(until) {
			k.drop(a, name)
		} else {
			all = append(all, name)
		}
	}
	return all
}

// of is the names of a now, in order.
func (k *known) of(a netip.Addr) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.current(a, time.Now())
	slices.Sort(all)
	return all
}
