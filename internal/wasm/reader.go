package wasm

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// A Reader reads values in the binary format, one after the other. After an error, every method
// returns a zero value, and Err returns the first error, so that callers need to check only once.
// No method allocates by a count that it has read.
type Reader struct {
	data []byte
	pos  int
	base int // offset of data in the module, for errors
	err  error
}

// NewReader returns a Reader of data, which begins at offset base of its module.
func NewReader(data []byte, base int) *Reader { return &Reader{data: data, base: base} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Pos returns the number of bytes that were read.
func (r *Reader) Pos() int { return r.pos }

// Len returns the number of remaining bytes, 0 after an error.
func (r *Reader) Len() int {
	if r.err != nil {
		return 0
	}
	return len(r.data) - r.pos
}

// Fail makes err the Reader's error, with the offset, unless there is one already.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("offset %#x: %s", r.base+r.pos, fmt.Sprintf(format, args...))
	}
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if r.Len() == 0 {
		r.Fail("unexpected end")
		return 0
	}
	r.pos++
	return r.data[r.pos-1]
}

// Bytes reads n bytes. The result is a part of the module.
func (r *Reader) Bytes(n uint32) []byte {
	if uint64(n) > uint64(r.Len()) {
		r.Fail("%d bytes are to follow, and there are %d", n, r.Len())
		return nil
	}
	r.pos += int(n)
	return r.data[r.pos-int(n) : r.pos]
}

// Uint32 reads an unsigned LEB128 of at most 32 bits.
func (r *Reader) Uint32() uint32 {
	if r.pos < len(r.data) && r.data[r.pos] < 0x80 && r.err == nil { // most are
		r.pos++
		return uint32(r.data[r.pos-1])
	}
	var v uint32
	for shift := 0; ; shift += 7 {
		b := r.Byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 && b > 0x0f {
			r.Fail("number of more than 32 bits")
			return 0
		}
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// Int32 reads a signed LEB128 of at most 32 bits.
func (r *Reader) Int32() int32 { return int32(r.signed(32)) }

// Int33 reads a signed LEB128 of at most 33 bits, which is how block types are encoded.
func (r *Reader) Int33() int64 { return r.signed(33) }

// Int64 reads a signed LEB128 of at most 64 bits.
func (r *Reader) Int64() int64 { return r.signed(64) }

func (r *Reader) signed(bits int) int64 {
	var v int64
	for shift := 0; ; shift += 7 {
		b := r.Byte()
		if r.err != nil {
			return 0
		}
		if rest := bits - shift; rest < 7 { // further bits must repeat the sign
			if sign := int8(b<<1) >> rest; b >= 0x80 || sign != 0 && sign != -1 {
				r.Fail("number of more than %d bits", bits)
				return 0
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift += 7; shift < 64 {
				v = v << (64 - shift) >> (64 - shift)
			}
			return v
		}
	}
}

// Count reads the number of items that follow, which have at least size bytes each. It is an error
// if there are fewer bytes, so callers may allocate by the count.
func (r *Reader) Count(size int) int {
	n := r.Uint32()
	if uint64(n)*uint64(size) > uint64(r.Len()) {
		r.Fail("%d items are to follow in %d bytes", n, r.Len())
		return 0
	}
	return int(n)
}

// Name reads a name, which must be UTF-8.
func (r *Reader) Name() string {
	name := r.Bytes(r.Uint32())
	if !utf8.Valid(name) {
		r.Fail("name that is not UTF-8")
		return ""
	}
	return string(name)
}

// AppendUint32 appends the unsigned LEB128 of v.
func AppendUint32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

// AppendInt64 appends the signed LEB128 of v, which is that of an int32 too.
func AppendInt64(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
