package account

import (
	"time"

	"github.com/wasisock/wasisock/host/internal/netos"
)

// A Bucket holds the amount that may be used at once, at most that of one second, and fills at
// rate. One use can overdraw it.
type Bucket struct {
	field string // the field of host.Limits
	rate  uint64 // per second; 0 means no limit
	used  float64
	at    int64 // the time for which used is true
}

// spend takes n, and returns the time until the bucket is no longer overdrawn. With whole, it
// takes nothing if that would overdraw the bucket.
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

// Part returns bufs, cut for a stream to the bytes of a tenth of a second: so the pauses of a
// guest are short, and its timers and other sockets have their turn.
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
// Without it, empty ones would be free.
const datagramCost = 28

// Spend takes n bytes from b, for a stream or a datagram, and waits while b is overdrawn, or until
// the guest is interrupted.
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
