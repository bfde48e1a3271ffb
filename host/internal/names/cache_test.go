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

// TestNameCacheForgets tests that expired pairs are dropped before others, and that a loss of
// others is reported.
func TestNameCacheForgets(t *testing.T) {
	const eighth = maxNames / 8
	for _, test := range []struct {
		expired int
		room    bool
	}{{0, false}, {1, false}, {eighth - 1, false}, {eighth, true}, {maxNames, true}} {
		var c nameCache
		for i := range maxNames {
			c.add(numbered(i), "name", "name", nameLife)
		}
		for i := range test.expired {
			c.byAddr[numbered(i)][0].until = time.Now().Add(-time.Second)
		}
		if room := c.add(numbered(maxNames), "name", "name", nameLife); room != test.room {
			t.Errorf("%d had expired: room %v, want %v", test.expired, room, test.room)
		}
		left := 0
		for i := range maxNames {
			if n := len(c.byAddr[numbered(i)]); i >= test.expired {
				left += n
			} else if n != 0 {
				t.Fatalf("%d had expired, and %d is still there", test.expired, i)
			}
		}
		want := maxNames - eighth
		if test.room {
			want = maxNames - test.expired
		}
		if left != want || c.pairs != want+1 {
			t.Errorf("%d had expired: %d others and %d pairs are left, want %d", test.expired, left, c.pairs, want)
		}
	}
}
