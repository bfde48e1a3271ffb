package main

import (
	"bytes"
	"fmt"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

// memory is where all lies that the host is given a pointer to. It is a
// global, so nothing in it moves, it begins full of '?', and what place and
// room hand out is never taken back: a process shows one sentence.
var memory struct {
	_    [0]uint64
	data [4 << 20]byte
	used int
}

func init() {
	memory.data[0] = '?'
	for n := 1; n < len(memory.data); n *= 2 {
		copy(memory.data[n:], memory.data[:n])
	}
}

// room is n bytes of '?' at a multiple of 8.
func room(n int) []byte {
	start := memory.used
	memory.used += (n + 7) &^ 7
	return memory.data[start : start+n : start+n]
}

// place puts a copy of v where the host can reach it.
func place[T any](v T) *T {
	p := (*T)(unsafe.Pointer(unsafe.SliceData(room(int(unsafe.Sizeof(v))))))
	*p = v
	return p
}

// at is the address of p, which place returned.
func at[T any](p *T) uint32 { return uint32(uintptr(unsafe.Pointer(p))) }

// the returns the value at the address p in memory, and bytesAt the n bytes there.
func the[T any](p uint32) *T {
	return (*T)(unsafe.Pointer(unsafe.SliceData(bytesAt(p, uint32(unsafe.Sizeof(*new(T)))))))
}

func bytesAt(p, n uint32) []byte {
	from := p - at(&memory.data[0])
	return memory.data[from : from+n]
}

// start is the address of b, which room returned; 0 of an empty b.
func start(b []byte) uint32 { return at(unsafe.SliceData(b)) }

// text puts s where the host can reach it.
func text(s string) []byte {
	b := room(len(s))
	copy(b, s)
	return b
}

// A span is a part of memory.
type span struct{ from, size uint32 }

func spanOf[T any](p *T) span { return span{at(p), uint32(unsafe.Sizeof(*p))} }
func spanOfBytes(b []byte) span {
	return span{start(b), uint32(len(b))}
}

// before holds the content of memory before a call. It is a global because a heap that
// grows would move the end of memory.
var before [1 << 19]byte

// changed reports whether do changed a byte outside the spans, in what room has
// handed out or a good way after it.
func changed(do func(), except ...span) bool {
	watched := memory.data[:memory.used+1<<14]
	copy(before[:len(watched)], watched)
	do()
	for _, s := range except {
		copy(before[s.from-start(watched):], bytesAt(s.from, s.size))
	}
	return !bytes.Equal(before[:len(watched)], watched)
}

// knownEnd is the least address that may be outside of the linear memory.
var knownEnd uint32

// memoryEnd is the address after the last byte of the linear memory, until the
// heap grows. It finds out by asking a host function, on the socket fd, to
// read that far.
func memoryEnd(fd uint32) uint32 {
	const page = 1 << 16
	from := start(memory.data[:])
	knownEnd = max(knownEnd, (from+page)&^(page-1))
	for call("sock_setsockopt", fd, sockabi.SOL_SOCKET, sockabi.SO_REUSEADDR, from, knownEnd+1-from) != sockabi.EFAULT {
		knownEnd += page
	}
	return knownEnd
}

// call calls an import by its name.
func call(name string, args ...uint32) sockabi.Errno {
	return sockabi.Errno(imports[name](args))
}

// name is how errno e stands in a transcript.
func name(e sockabi.Errno) string {
	if e.Name() == "" {
		return fmt.Sprint("errno ", uint16(e))
	}
	return e.Name()
}

// Is writes what the call said into the transcript, and ends the process if it
// is not what the sentence says.
func (t *T) Is(what string, got, want sockabi.Errno) {
	if got != want {
		t.Fatalf("%s: %s, not %s", what, name(got), name(want))
	}
	t.Logf("%s: %s", what, name(got))
}

// OK ends the process if the call, which only prepares, did not succeed.
func (t *T) OK(what string, got sockabi.Errno) {
	if got != sockabi.ESUCCESS {
		t.Fatalf("%s: %s", what, name(got))
	}
}
