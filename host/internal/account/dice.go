package account

import "math/rand/v2"

// A Dice decides about faults. The same seeds give the same faults.
type Dice struct {
	*rand.PCG
	Spared bool // no EAGAIN, since the last call had one
}

// NewDice returns the dice of one thing that can fail. seed is that of the run, and which is the
// number of the thing.
func NewDice(seed, which uint64) *Dice { return &Dice{PCG: rand.NewPCG(seed, which)} }

// Roll returns true with the probability p.
func (d *Dice) Roll(p float64) bool { return float64(d.Uint64()>>11) < p*(1<<53) }
