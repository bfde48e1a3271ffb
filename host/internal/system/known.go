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

// maxNames is how many addresses are known by their names.
const maxNames = 4096

// known is what the host told the guest that names mean.
type known struct {
	mu     sync.Mutex
	byAddr map[netip.Addr]map[string]time.Time // when it is to be forgotten
}

func (k *known) add(a netip.Addr, name string) {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byAddr == nil {
		k.byAddr = map[netip.Addr]map[string]time.Time{}
	}
	if k.byAddr[a] == nil {
		k.makeRoom(now)
		k.byAddr[a] = map[string]time.Time{}
	}
	if of := k.byAddr[a]; len(of) < maxNames {
		of[name] = now.Add(nameLife)
	}
}

// makeRoom drops what is over, and else any.
func (k *known) makeRoom(now time.Time) {
	if len(k.byAddr) < maxNames {
		return
	}
	for a := range k.byAddr {
		if len(k.current(a, now)) == 0 {
			delete(k.byAddr, a)
		}
	}
	for a := range k.byAddr {
		if len(k.byAddr) < maxNames {
			return
		}
		delete(k.byAddr, a)
	}
}

// current is the names of a that are not over, and drops the others.
func (k *known) current(a netip.Addr, now time.Time) []string {
	var all []string
	for name, until := range k.byAddr[a] {
		if now.After(until) {
			delete(k.byAddr[a], name)
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
