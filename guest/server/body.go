package main

// A step is how far a reader has come.
type step uint8

const (
	more    step = iota // what was not consumed is the beginning of something: come again with it and more
	expects             // the head is complete, and its sender waits to be told to go on
	done                // a request is complete
	refused             // nothing must be read any more
)

// A reader takes requests out of the bytes of one connection. Of what it has
// consumed it keeps bodies, and otherwise next to nothing. What it finds does not
// depend on how the bytes were cut, but for the step expects.
type reader struct {
	limits *limits
	pool   *pool

	request // the latest
	state   readerState
	need    int    // bytes that the body or the chunk lacks
	trailer int    // bytes of trailer lines
	whole   []byte // the body of a request that came at once; valid until the next call
	body    chain  // the body of any other
	what    []byte // method and target; valid like whole
	store   []byte // for what, when the head has gone
}

type readerState uint8

const (
	inHead readerState = iota
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
)

// maxStore is how much is kept of method and target.
const maxStore = 256

// next consumes bytes from the start of p until a step is reached. After done, the
// caller takes r.body or leaves it, and calls reset.
func (r *reader) next(p []byte) (n int, s step, why *refusal) {
	if r.state == inHead {
		n, why = r.parse(p, r.limits)
		if why != nil {
			return 0, refused, why
		}
		if n == 0 {
			return 0, more, nil
		}
		r.what = p[r.start:r.end]
		size := max(r.length, 0)
		if r.coding == noCoding && len(p)-n >= size {
			r.whole = p[n : n+size]
			return n + size, done, nil
		}
		r.store = append(r.store[:0], r.what[:min(len(r.what), maxStore)]...)
		r.what = r.store
		r.state, r.need = inBody, size
		if r.coding == chunkedCoding {
			r.state, r.need = inChunkSize, 0
		}
		if r.expect && r.minor > 0 && n == len(p) {
			return n, expects, nil
		}
	}
	if r.state != inBody {
		k, s, why := r.chunks(p[n:])
		return n + k, s, why
	}
	k, why := r.take(p[n:])
	switch n += k; {
	case why != nil:
		return n, refused, why
	case r.need > 0:
		return n, more, nil
	}
	return n, done, nil
}

// take moves to the body what it, or the chunk, lacks.
func (r *reader) take(p []byte) (int, *refusal) {
	p = p[:min(len(p), r.need)]
	if r.limits.memory > 0 && r.pool.used*segmentSize+len(p) > r.limits.memory {
		return 0, noMemory
	}
	r.body.add(p, r.pool)
	r.need -= len(p)
	return len(p), nil
}

// size is the length of the body of the request that is done.
func (r *reader) size() int { return len(r.whole) + r.body.size }

// begun reports whether the head of a request has been consumed, but not all of it.
func (r *reader) begun() bool { return r.state != inHead }

// reset prepares for the next request. It frees the body.
func (r *reader) reset() {
	if r.body.size > 0 {
		r.body.free(r.pool)
	}
	r.request.reset()
	r.state, r.need, r.trailer = inHead, 0, 0
	r.whole, r.what = nil, nil
}
