package names

import (
	"context"
	"hash/fnv"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/host/internal/account"
)

// A faultyResolver is a resolver whose lookups fail at random. The guest's calls and the
// nameserver may use it concurrently. Each name has dice of its own, so that the order of lookups
// does not matter.
type faultyResolver struct {
	resolver
	faults hostfault.Faults
	mu     sync.Mutex
	dice   [256]*account.Dice // by a hash of the name, because a guest can look up any number of names
}

func (r *faultyResolver) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	late, dns := r.roll(network + " " + strings.ToLower(name))
	if late {
		select {
		case <-time.After(r.faults.DelayTime):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if dns {
		return nil, &net.DNSError{Err: "fault: dns", Name: name, IsTemporary: true}
	}
	return r.resolver.LookupNetIP(ctx, network, name)
}

func (r *faultyResolver) roll(question string) (late, dns bool) {
	hash := fnv.New32a()
	hash.Write([]byte(question))
	i := hash.Sum32() % uint32(len(r.dice))
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dice[i]
	if d == nil {
		d = account.NewDice(r.faults.Seed, 1<<63|uint64(i))
		r.dice[i] = d
	}
	return d.Roll(r.faults.Delay), d.Roll(r.faults.DNS)
}
