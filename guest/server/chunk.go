package main

import "bytes"

const (
	// maxChunkLine is the most bytes of the line before a chunk, with its CR LF.
	maxChunkLine = 256

	// maxChunkDigits keeps a chunk's size within 60 bits.
	maxChunkDigits = 15
)

// chunks is next within a body that comes in chunks.
func (r *reader) chunks(p []byte) (n int, s step, why *refusal) {
	for {
		rest := p[n:]
		switch r.state {
		case inChunkSize:
			line, k := cutLine(rest)
			if k > maxChunkLine || k == 0 && len(rest) >= maxChunkLine {
				return n, refused, badChunk
			}
			if k == 0 {
				return n, more, nil
			}
			size, ok := chunkSize(line)
			if !ok {
				return n, refused, badChunk
			}
			if size > r.limits.body-r.body.size {
				return n, refused, bodyTooLong
			}
			n += k
			r.state, r.need = inChunk, size
			if size == 0 {
				r.state = inTrailer
			}
		case inChunk:
			k, why := r.take(rest)
			if n += k; why != nil {
				return n, refused, why
			}
			if r.need > 0 {
				return n, more, nil
			}
			r.state = inChunkEnd
		case inChunkEnd:
			if len(rest) > 0 && rest[0] != '\r' || len(rest) > 1 && rest[1] != '\n' {
				return n, refused, badChunk
			}
			if len(rest) < 2 {
				return n, more, nil
			}
			n += 2
			r.state = inChunkSize
		case inTrailer:
			line, k := cutLine(rest)
			if r.trailer+k > r.limits.header || k == 0 && r.trailer+len(rest) >= r.limits.header {
				return n, refused, headTooLong
			}
			if k == 0 {
				return n, more, nil
			}
			n += k
			r.trailer += k
			if line == nil {
				return n, refused, bareLF
			}
			if len(line) == 0 {
				return n, done, nil
			}
			if _, _, why := splitField(line); why != nil {
				return n, refused, why
			}
		}
	}
}

// cutLine is the first line of p without its CR LF, and its length with it. The
// length is 0 if p ends before the line does; the line is nil if it ends in a bare
// LF.
func cutLine(p []byte) (line []byte, n int) {
	n = bytes.IndexByte(p, '\n') + 1
	if n < 2 || p[n-2] != '\r' {
		return nil, n
	}
	return p[:n-2], n
}

// chunkSize is the number that begins a line. Extensions, after a semicolon, are
// ignored.
func chunkSize(line []byte) (size int, ok bool) {
	for i, b := range line {
		d, digit := hex(b)
		switch {
		case digit && i < maxChunkDigits:
			size = size<<4 | d
		case b == ';' && i > 0:
			return size, span(line[i:], isValue) == len(line)-i
		default:
			return 0, false
		}
	}
	return size, len(line) > 0
}
