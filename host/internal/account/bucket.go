package account

import (
	"time"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// A Bucket holds what may be used at once, at most that of a second, and fills at rate.
// It can be overdrawn by one use.
type Bucket struct {
	field string // of host.Limits
	rate  uint64 // per second; 0 does not limit
	used  float64
	at    int64 // when used was true
}

// spend takes n, and returns how long it takes until the bucket is no longer overdrawn.
// whole takes nothing then.
func (b *Bucket) spend(n int, whole bool) time.Duration {
	if b.rate == 0 {
		return 0
	}
	now := netos.Clock()
	rate := float64(b.rate)
	b.used = max(0, b.used-rate*time.Duration(now-b.at).Seconds())
	b.at = now
	over := b.used + float64(n) - rate
	if over <= 0 || !whole {
		b.used += float64(n)
	}
	return time.Duration(max(0, over/rate) * float64(time.Second))
}

// Part returns bufs, of a stream no more than is used in a tenth of a second: the pauses of
// a guest are short, so that its timers and other sockets have their turn.
func (b *Bucket) Part(bufs [][]byte, stream bool) [][]byte {
	if b.rate == 0 || !stream {
		return bufs
	}
	return First(bufs, max(1, int(min(b.rate/10, 1<<30))))
}

// First returns the first n bytes of bufs, in a slice of its own.
func First(bufs [][]byte, n int) [][]byte {
	var part [][]byte
	for _, b := range bufs {
		if n == 0 {
			break
		}
		b = b[:min(n, len(b))]
		part = append(part, b)
		n -= len(b)
	}
	return part
}

// datagramCost is the cost of a datagram besides its bytes: the headers of IPv4 and UDP.
// Without it empty ones would cost nothing.
const datagramCost = 28

// Spend takes n bytes of b, of a stream or of a datagram, and holds the guest while it is
// overdrawn, or until the guest is interrupted.
func (a *Account) Spend(b *Bucket, n int, stream bool) {
	if !stream {
		n += datagramCost
	}
	d := b.spend(n, false)
	if d <= 0 {
		return
	}
	a.Limited(b.field)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.Ended.Done():
	}
}
