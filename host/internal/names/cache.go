package names

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

// maxNames is how many pairs of an address and a name are known of a guest.
const maxNames = 1 << 16

// A nameCache holds the addresses that the host has returned to the guest for names.
type nameCache struct {
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

// add remembers that name means a, which the resolver was asked as asked, for as long
// as life. It returns false if
// it forgot other pairs for that, of those that were not over.
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

// makeRoom drops what is over, and else the pairs of any addresses: of an eighth, so that
// it is seldom called.
func (c *nameCache) makeRoom(now time.Time) bool {
	if c.pairs < maxNames {
		return true
	}
	for a := range c.byAddr {
		c.drop(a, func(m meaning) bool { return now.After(m.until) })
	}
	room := c.pairs < maxNames
	for a := range c.byAddr {
		if c.pairs <= maxNames-maxNames/8 {
			break
		}
		c.drop(a, func(meaning) bool { return true })
	}
	return room
}

// drop drops meanings of a.
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

// of is the names of a now, in order.
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

// over is the names of a that are over, as far as they may be looked up again now.
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
