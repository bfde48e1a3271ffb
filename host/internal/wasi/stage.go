package wasi

import "sync/atomic"

// A stage records whether the code of a guest runs now, and whether the guest is stopped.
type stage struct{ bits atomic.Uint32 }

const (
	computes = 1 << iota // its code runs, outside calls of the host
	stopped              // the guest is stopped: its code neither begins nor goes on
)

// Pause is called at the beginning of a call of the host. It panics with ErrStopped if the guest
// is stopped.
func (g *Guest) Pause() {
	if g.stage.bits.And(^uint32(computes))&stopped != 0 {
		panic(ErrStopped)
	}
}

// resume is called at the end of a call. It panics as Pause does.
func (g *Guest) resume() {
	if !g.stage.bits.CompareAndSwap(0, computes) {
		panic(ErrStopped)
	}
}

// Compute calls f, which runs code of the guest. It returns ErrStopped, and does not call f, if
// the guest is stopped.
func (g *Guest) Compute(f func() error) error {
	if !g.stage.bits.CompareAndSwap(0, computes) {
		return ErrStopped
	}
	defer g.stage.bits.And(^uint32(computes))
	return f()
}

// Computes reports whether the guest's code runs now, outside calls of the host.
func (g *Guest) Computes() bool { return g.stage.bits.Load()&computes != 0 }

// stops reports whether the guest is stopped.
func (g *Guest) stops() bool { return g.stage.bits.Load()&stopped != 0 }
