//go:build linux || darwin

package readiness

import "math/bits"

// A rowSet is a set of row numbers.
type rowSet struct {
	words []uint64
	n     int // the number of members
}

// resize makes room for rows 0 to n-1. Rows from n on must not be in it.
func (s *rowSet) resize(n int) {
	words := (n + 63) / 64
	for len(s.words) < words {
		s.words = append(s.words, 0)
	}
	s.words = s.words[:words]
}

func (s *rowSet) add(i int) {
	if w, bit := &s.words[i/64], uint64(1)<<(i%64); *w&bit == 0 {
		*w |= bit
		s.n++
	}
}

func (s *rowSet) remove(i int) {
	if w, bit := &s.words[i/64], uint64(1)<<(i%64); *w&bit != 0 {
		*w &^= bit
		s.n--
	}
}

func (s *rowSet) has(i int) bool { return s.words[i/64]&(1<<(i%64)) != 0 }

func (s *rowSet) clear() {
	if s.n > 0 {
		clear(s.words)
		s.n = 0
	}
}

// next returns the lowest member from i on, or -1.
func (s *rowSet) next(i int) int {
	for w := i / 64; w < len(s.words); w++ {
		word := s.words[w]
		if w == i/64 {
			word &= ^uint64(0) << (i % 64)
		}
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}
