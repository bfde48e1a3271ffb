//go:build linux || darwin

package wazero

import (
	"fmt"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/inspect"
	"github.com/wasisock/wasisock/internal/wasm"
)

// allocator gives guests memory outside of Go's heap: an address range as large as
// the memory can become, which costs nothing until it is touched, never moves, and
// goes back to the system at the end.
type allocator struct {
	limit    uint64 // bytes; 0 means none
	memories []*linearMemory
	size     atomic.Uint64 // bytes that the guest has
	failed   error         // why a memory could not have its first size
}

func (a *allocator) Allocate(_, most uint64) experimental.LinearMemory {
	most = min(most, wasm.MaxPages*wasm.PageSize)
	if a.limit > 0 {
		most = min(most, a.limit)
	}
	m := &linearMemory{allocator: a, most: most}
	if n := int(most); n > 0 && uint64(n) == most {
		if reserved, err := reserve(n); err == nil {
			m.mapped, m.reserved = reserved, true
		}
	}
	a.memories = append(a.memories, m)
	return m
}

// free is for a module that failed half-way too, which wazero does not close.
func (a *allocator) free() {
	for _, m := range a.memories {
		m.Free()
	}
}

// linearMemory is one guest's memory. Where no range could be reserved, as under
// RLIMIT_AS, it is mapped at the size it has, with room to double, and moves when it
// outgrows that.
type linearMemory struct {
	allocator *allocator
	most      uint64
	mapped    []byte
	size      int // of mapped, that the guest has
	reserved  bool
	started   bool
}

// Reallocate answers nil where the system has no more: the guest's memory.grow is -1.
func (m *linearMemory) Reallocate(size uint64) []byte {
	n := int(size)
	var err error
	switch {
	case size > m.most:
		err = inspect.Unusable("it needs %d bytes of memory and may have %d; raise the limit", size, m.allocator.limit)
	case n >= m.size && uint64(n) == size:
		if err = m.grow(n); err != nil {
			err = fmt.Errorf("the guest's memory: mmap: %w; give the process more, or build a smaller guest", err)
		}
	default:
		err = unix.ENOMEM
	}
	if err != nil {
		if !m.started {
			m.allocator.failed = err
		}
		return nil
	}
	m.started = true
	m.allocator.size.Add(size - uint64(m.size))
	m.size = n
	if m.mapped == nil {
		return []byte{}
	}
	return m.mapped[:n:n]
}

func (m *linearMemory) grow(n int) error {
	switch {
	case n == m.size:
		return nil
	case m.reserved:
		return unix.Mprotect(m.mapped[:n], unix.PROT_READ|unix.PROT_WRITE)
	case n <= len(m.mapped):
		return nil
	}
	larger, err := mapMemory(int(min(m.most, 2*uint64(n))))
	if err != nil {
		larger, err = mapMemory(n)
	}
	if err != nil {
		return err
	}
	copy(larger, m.mapped[:m.size])
	m.unmap()
	m.mapped = larger
	return nil
}

func (m *linearMemory) Free() {
	m.unmap()
	m.size = 0
}

func (m *linearMemory) unmap() {
	if m.mapped != nil {
		unix.Munmap(m.mapped)
		m.mapped = nil
	}
}

// reserve gets a range of addresses, and mapMemory memory. Tests make them fail.
var (
	reserve = func(n int) ([]byte, error) {
		return unix.Mmap(-1, 0, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	}
	mapMemory = func(n int) ([]byte, error) {
		return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	}
)
