package main

import (
	"encoding/binary"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

// memory is where all lies that the host is given a pointer to. It is a global, so
// nothing in it moves.
var memory struct {
	_     [0]uint64
	words [2 << 20]uint32
	used  uint32
}

func base() uint32 { return uint32(uintptr(unsafe.Pointer(&memory.words[0]))) }

// room is n bytes at a multiple of 8.
func room(n uint32) (ptr uint32) {
	ptr = base() + memory.used
	if memory.used += (n + 7) &^ 7; memory.used > 4*uint32(len(memory.words)) {
		fail("there is no room for %d bytes", n)
	}
	return ptr
}

// free takes back what room gave from ptr on.
func free(ptr uint32) { memory.used = ptr - base() }

func put(values ...uint32) (ptr uint32) {
	ptr = room(4 * uint32(len(values)))
	for i, v := range values {
		store(ptr+4*uint32(i), v)
	}
	return ptr
}

func text(s string) (ptr uint32) {
	ptr = room(uint32(len(s)))
	copy(bytesAt(ptr, uint32(len(s))), s)
	return ptr
}

func load(ptr uint32) uint32     { return memory.words[(ptr-base())/4] }
func store(ptr uint32, v uint32) { memory.words[(ptr-base())/4] = v }

func bytesAt(ptr, n uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&memory.words[(ptr-base())/4])), n)
}

func reading(fd uint32) sockabi.Subscription {
	return sockabi.Subscription{Userdata: uint64(fd), Tag: sockabi.EVENTTYPE_FD_READ, Target: fd}
}

func writing(fd uint32) sockabi.Subscription {
	return sockabi.Subscription{Userdata: uint64(fd), Tag: sockabi.EVENTTYPE_FD_WRITE, Target: fd}
}

func timer(nanoseconds uint64) sockabi.Subscription {
	return sockabi.Subscription{Userdata: 1 << 40, Target: sockabi.CLOCK_MONOTONIC, Timeout: nanoseconds}
}

// poll is poll_oneoff, which must succeed.
func poll(subs []sockabi.Subscription) []sockabi.Event {
	n := uint32(len(subs))
	count := put(0)
	in, out := room(n*sockabi.SubscriptionSize), room(n*sockabi.EventSize)
	binary.Encode(bytesAt(in, n*sockabi.SubscriptionSize), binary.LittleEndian, subs)
	ok("poll_oneoff", in, out, n, count)
	events := make([]sockabi.Event, load(count))
	binary.Decode(bytesAt(out, n*sockabi.EventSize), binary.LittleEndian, events)
	free(count)
	return events
}
