package wasi

import "sync/atomic"

// A stage is whether the code of a guest runs now, and whether it is to end.
type stage struct{ bits atomic.Uint32 }

const (
	computes = 1 << iota // its code runs, and is in no call of the host
	stopped              // it is to end: its code does not begin any more, nor go on
)

// Pause is for the beginning of a call of the host. It panics with ErrStopped when the
// guest is to end.
func (g *Guest) Pause() {
	if g.stage.bits.And(^uint32(computes))&stopped != 0 {
		panic(ErrStopped)
	}
}

// resume is for the end of a call.
func (g *Guest) resume() {
	if !g.stage.bits.CompareAndSwap(0, computes) {
		panic(ErrStopped)
	}
}

// Compute has f run code of the guest's, unless it is to end: the error is ErrStopped
// then.
func (g *Guest) Compute(f func() error) error {
	if !g.stage.bits.CompareAndSwap(0, computes) {
		return ErrStopped
	}
	defer g.stage.bits.And(^uint32(computes))
	return f()
}

// Computes is whether its code runs now, and is in no call of the host.
func (g *Guest) Computes() bool { return g.stage.bits.Load()&computes != 0 }

// stops is whether the guest is to end.
func (g *Guest) stops() bool { return g.stage.bits.Load()&stopped != 0 }
