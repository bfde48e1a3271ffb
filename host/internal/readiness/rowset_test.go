//go:build linux || darwin

package readiness

import (
	"testing"
)

func TestRowSet(t *testing.T) {
	var s rowSet
	for _, n := range []int{1, 64, 65, 300, 10, 300} {
		s.resize(n)
		for _, i := range []int{0, n - 1, n / 2, n - 1} {
			s.add(i)
			if !s.has(i) {
				t.Errorf("%d of %d is not in it", i, n)
			}
		}
		seen := 0
		for i := s.next(0); i >= 0; i = s.next(i + 1) {
			if seen++; i != 0 && i != n-1 && i != n/2 {
				t.Errorf("%d of %d is in it", i, n)
			}
		}
		if seen != s.n {
			t.Errorf("it has %d members, and counts %d", seen, s.n)
		}
		if s.remove(n - 1); s.has(n-1) || s.next(n-1) >= 0 {
			t.Errorf("%d of %d is still in it", n-1, n)
		}
		s.remove(n - 1)
		if s.clear(); s.n != 0 || s.next(0) >= 0 {
			t.Error("it is not empty")
		}
	}
}
