package account

import "math/rand/v2"

// A Dice decides about faults, the same ones for the same seeds.
type Dice struct {
	*rand.PCG
	Spared bool // from EAGAIN, as the last call had one
}

// NewDice returns the dice of one thing that can fail: of a run's seed, and of which of the
// things it is.
func NewDice(seed, which uint64) *Dice { return &Dice{PCG: rand.NewPCG(seed, which)} }

// Roll reports whether something with the probability p happens.
func (d *Dice) Roll(p float64) bool { return float64(d.Uint64()>>11) < p*(1<<53) }
