package generator

import "math/rand/v2"

// A random makes the choices of one program. It uses the numbers of the PCG source
// alone, because those of a seed are the same in all versions of Go.
type random struct{ source *rand.PCG }

func newRandom(seed uint64) random {
	return random{rand.NewPCG(seed, 0x7761736973636b)}
}

// bits returns 64 random bits.
func (r random) bits() uint64 { return r.source.Uint64() }

// n returns a number from 0 to limit-1.
func (r random) n(limit int) int { return int(r.source.Uint64() % uint64(limit)) }

// between returns a number from low to high.
func (r random) between(low, high int) int { return low + r.n(high-low+1) }

// percent reports true in p of 100 cases.
func (r random) percent(p int) bool { return r.n(100) < p }

// pick returns one of list.
func pick[T any](r random, list ...T) T { return list[r.n(len(list))] }

// weighted returns one of list. weight returns how often it should be returned in
// comparison with the others.
func weighted[T any](r random, list []T, weight func(T) int) T {
	total := 0
	for _, item := range list {
		total += weight(item)
	}
	at := r.n(total)
	for _, item := range list {
		if at -= weight(item); at < 0 {
			return item
		}
	}
	panic("unreachable")
}
