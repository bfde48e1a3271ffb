//go:build !linux && !darwin

package wazero

import (
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
)

// allocator is never used here, as no guest gets that far.
type allocator struct {
	limit  uint64
	size   atomic.Uint64
	failed error
}

func (*allocator) Allocate(_, _ uint64) experimental.LinearMemory { return nil }
func (*allocator) free()                                          {}
