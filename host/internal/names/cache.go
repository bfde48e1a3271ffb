package names

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// nameLife is how long an address is known by a name after an answer: longer than answerTTL, for
// programs that resolve a name and connect much later.
const nameLife = 5 * time.Minute

// maxNames is the greatest number of pairs of an address and a name that a cache holds.
const maxNames = 1 << 16

// A nameCache holds the addresses that the host has returned to the guest for names.
type nameCache struct {
	mu     sync.Mutex
	byAddr map[netip.Addr][]meaning
	pairs  int // number of pairs in byAddr
}

// A meaning is a name of an address.
type meaning struct {
	name  string
	asked string    // the name as the resolver got it
	until time.Time // when it expires
	again time.Time // when it may be looked up again, after until
}

// renewEvery is the least time between two lookups of an expired name.
const renewEvery = time.Minute

// add records for life that name has the address a. asked is the name as the resolver got it. It
// returns false if it dropped pairs that had not expired.
func (c *nameCache) add(a netip.Addr, name, asked string, life time.Duration) (room bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	until := now.Add(life)
	for i, m := range c.byAddr[a] {
		if m.name == name {
			c.byAddr[a][i].until, c.byAddr[a][i].asked = until, strings.Clone(asked)
			return true
		}
	}
	room = c.makeRoom(now)
	if c.byAddr == nil {
		c.byAddr = map[netip.Addr][]meaning{}
	}
	c.byAddr[a] = append(c.byAddr[a], meaning{name: strings.Clone(name), asked: strings.Clone(asked), until: until})
	c.pairs++
	return room
}

// makeRoom does nothing if there is room. Otherwise it drops expired pairs, and then others until
// an eighth is free, so that it seldom has to. It returns false if it dropped others.
func (c *nameCache) makeRoom(now time.Time) bool {
	if c.pairs < maxNames {
		return true
	}
	for a := range c.byAddr {
		c.drop(a, func(m meaning) bool { return now.After(m.until) })
	}
	const most = maxNames - maxNames/8
	room := c.pairs <= most
	for a := range c.byAddr {
		if c.pairs <= most {
			break
		}
		c.drop(a, func(meaning) bool { return true })
	}
	return room
}

// drop drops the meanings of a for which is returns true.
func (c *nameCache) drop(a netip.Addr, is func(meaning) bool) {
	before := len(c.byAddr[a])
	left := slices.DeleteFunc(c.byAddr[a], is)
	c.pairs -= before - len(left)
	if len(left) == 0 {
		delete(c.byAddr, a)
		return
	}
	c.byAddr[a] = left
}

// of returns the names of a that have not expired, in order.
func (c *nameCache) of(a netip.Addr) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	var all []string
	for _, m := range c.byAddr[a] {
		if !now.After(m.until) {
			all = append(all, m.name)
		}
	}
	slices.Sort(all)
	return all
}

// over returns the expired names of a that may be looked up again now.
func (c *nameCache) over(a netip.Addr) (all []meaning) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for i := range c.byAddr[a] {
		if m := &c.byAddr[a][i]; now.After(m.until) && !now.Before(m.again) {
			m.again = now.Add(renewEvery)
			all = append(all, *m)
		}
	}
	return all
}
