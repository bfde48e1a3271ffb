package system

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func address(n int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], uint32(n))
	return netip.AddrFrom4(a)
}

// TestKnownHasAnEnd remembers more than there is room for: addresses of one name, and names
// of one address.
func TestKnownHasAnEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		pair func(i int) (netip.Addr, string)
	}{
		{"addresses", func(i int) (netip.Addr, string) { return address(i), "name" }},
		{"names", func(i int) (netip.Addr, string) { return address(i / 1000), fmt.Sprint(i) }},
	} {
		var k known
		for i := range maxKnown + 10 {
			a, name := test.pair(i)
			if room := k.add(a, name, name); room != (i != maxKnown) {
				t.Fatalf("%s: pair %d has room: %v", test.name, i, room)
			}
			if got := k.of(a); !slices.Contains(got, name) {
				t.Fatalf("%s: pair %d is not known", test.name, i)
			}
			if k.add(a, name, name); k.pairs > maxKnown {
				t.Fatalf("%s: there are %d pairs", test.name, k.pairs)
			}
		}
		counted := 0
		for _, of := range k.byAddr {
			counted += len(of)
		}
		if counted != k.pairs {
			t.Errorf("%s: there are %d pairs, and %d were counted", test.name, counted, k.pairs)
		}
	}
}

// TestKnownIsForgotten holds that what is over is forgotten before what is not.
func TestKnownIsForgotten(t *testing.T) {
	var k known
	for i := range maxKnown {
		k.add(address(i), "name", "name")
	}
	old, young := address(0), address(1)
	k.byAddr[old][0].until = time.Now().Add(-time.Second)
	if room := k.add(address(maxKnown), "name", "name"); !room {
		t.Error("there was no room, and one was over")
	}
	k.add(young, "another", "another")
	k.add(young, "name", "name")
	if got := k.of(young); !slices.Equal(got, []string{"another", "name"}) {
		t.Errorf("%q", got)
	}
	if len(k.of(old)) != 0 || k.pairs > maxKnown {
		t.Errorf("%q, %d", k.of(old), k.pairs)
	}
}
