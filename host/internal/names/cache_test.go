package names

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func numbered(n int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], uint32(n))
	return netip.AddrFrom4(a)
}

// TestNameCacheHasAnEnd adds more pairs than there is room for: addresses of one name, and names of
// one address.
func TestNameCacheHasAnEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		pair func(i int) (netip.Addr, string)
	}{
		{"addresses", func(i int) (netip.Addr, string) { return numbered(i), "name" }},
		{"names", func(i int) (netip.Addr, string) { return numbered(i / 1000), fmt.Sprint(i) }},
	} {
		var c nameCache
		for i := range maxNames + 10 {
			a, name := test.pair(i)
			if room := c.add(a, name, name, nameLife); room != (i != maxNames) {
				t.Fatalf("%s: pair %d has room: %v", test.name, i, room)
			}
			if got := c.of(a); !slices.Contains(got, name) {
				t.Fatalf("%s: pair %d is not known", test.name, i)
			}
			if c.add(a, name, name, nameLife); c.pairs > maxNames {
				t.Fatalf("%s: there are %d pairs", test.name, c.pairs)
			}
		}
		counted := 0
		for _, of := range c.byAddr {
			counted += len(of)
		}
		if counted != c.pairs {
			t.Errorf("%s: there are %d pairs, and %d were counted", test.name, counted, c.pairs)
		}
	}
}

// TestNameCacheForgets tests that expired pairs are dropped before others.
func TestNameCacheForgets(t *testing.T) {
	var c nameCache
	for i := range maxNames {
		c.add(numbered(i), "name", "name", nameLife)
	}
	old, young := numbered(0), numbered(1)
	c.byAddr[old][0].until = time.Now().Add(-time.Second)
	if room := c.add(numbered(maxNames), "name", "name", nameLife); !room {
		t.Error("there was no room, and one was over")
	}
	c.add(young, "another", "another", nameLife)
	c.add(young, "name", "name", nameLife)
	if got := c.of(young); !slices.Equal(got, []string{"another", "name"}) {
		t.Errorf("%q", got)
	}
	if len(c.of(old)) != 0 || c.pairs > maxNames {
		t.Errorf("%q, %d", c.of(old), c.pairs)
	}
}
