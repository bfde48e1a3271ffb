package main

const segmentSize = 16 << 10

// A segment is a piece of a chain.
type segment struct {
	next     *segment
	from, to int32 // the bytes in use
	data     [segmentSize - 16]byte
}

func (s *segment) bytes() []byte { return s.data[s.from:s.to] }

// A pool gives out segments, and counts them.
type pool struct {
	free  *segment
	spare int // segments in free
	used  int // segments given out
}

// maxSpare is how many unused segments a pool keeps, 4 MiB.
const maxSpare = 256

func (p *pool) get() *segment {
	p.used++
	s := p.free
	if s == nil {
		return new(segment)
	}
	p.free = s.next
	p.spare--
	s.next, s.from, s.to = nil, 0, 0
	return s
}

func (p *pool) put(s *segment) {
	p.used--
	if p.spare == maxSpare {
		return
	}
	s.next = p.free
	p.free = s
	p.spare++
}

// A chain is bytes in segments. The zero chain is empty.
type chain struct {
	first, last *segment
	size        int
}

// add copies b to the end.
func (c *chain) add(b []byte, p *pool) {
	c.size += len(b)
	for len(b) > 0 {
		if c.last == nil || int(c.last.to) == len(c.last.data) {
			s := p.get()
			if c.last == nil {
				c.first = s
			} else {
				c.last.next = s
			}
			c.last = s
		}
		n := copy(c.last.data[c.last.to:], b)
		c.last.to += int32(n)
		b = b[n:]
	}
}

// join moves all of d to the end of c.
func (c *chain) join(d *chain) {
	switch {
	case d.first == nil:
		return
	case c.first == nil:
		c.first = d.first
	default:
		c.last.next = d.first
	}
	c.last = d.last
	c.size += d.size
	*d = chain{}
}

// drop removes the first n bytes.
func (c *chain) drop(n int, p *pool) {
	c.size -= n
	for c.first != nil {
		s := c.first
		k := min(n, int(s.to-s.from))
		s.from += int32(k)
		n -= k
		if s.from < s.to {
			return
		}
		c.first = s.next
		p.put(s)
	}
	c.last = nil
}

func (c *chain) free(p *pool) { c.drop(c.size, p) }
