//go:build linux || darwin

package sockets

import (
	"math/bits"
	"sync/atomic"
)

// A table numbers sockets from FirstSocket, lowest free number first.
type table struct {
	sockets []*Socket // by number less FirstSocket; 64 for each word of free
	free    []uint64  // one bit for each number
	low     int       // no word of free below has a bit set
	open    atomic.Int64
	added   uint64 // number of sockets that were ever added
}

// get returns the socket with that number, or nil.
func (t *table) get(fd uint32) *Socket {
	if i := int64(fd) - FirstSocket; i >= 0 && i < int64(len(t.sockets)) {
		return t.sockets[i]
	}
	return nil
}

// add gives s the lowest free number.
func (t *table) add(s *Socket) {
	t.added++
	s.nth = t.added
	s.watched.Of(s)
	for t.low < len(t.free) && t.free[t.low] == 0 {
		t.low++
	}
	if t.low == len(t.free) {
		t.free = append(t.free, ^uint64(0))
		t.sockets = append(t.sockets, make([]*Socket, 64)...)
	}
	bit := bits.TrailingZeros64(t.free[t.low])
	t.set(uint32(FirstSocket+t.low*64+bit), s)
}

// remove frees the number of s.
func (t *table) remove(s *Socket) {
	i := int(s.number - FirstSocket)
	t.sockets[i] = nil
	t.free[i/64] |= 1 << (i % 64)
	t.low = min(t.low, i/64)
	t.open.Add(-1)
}

// set gives s the number fd, which must be free and not above all earlier numbers.
func (t *table) set(fd uint32, s *Socket) {
	i := int(fd - FirstSocket)
	s.number = fd
	t.sockets[i] = s
	t.free[i/64] &^= 1 << (i % 64)
	t.open.Add(1)
}
