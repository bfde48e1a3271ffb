// Package account holds a guest's limits, counters and injected faults, asks the policy for it,
// and records the call that is served for the trace.
package account

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/sockabi"
)

// An Account belongs to one guest. Allows, MayLookUp, Limited, Stats and the counters may be used
// by any goroutine; everything else only by the guest's calls.
type Account struct {
	Background
	Counters

	Limits  host.Limits
	Faults  hostfault.Faults
	Injects bool // Faults has any

	In, Out Bucket // for bytes received and sent

	// Rec is the recorder of the call being served, or nil.
	Rec *Recorder

	policy  host.Policy
	onLimit func(field string)
	met     sync.Map // fields that onLimit has got

	lookups   Bucket
	lookupsMu sync.Mutex // the nameserver's goroutines look names up too
}

// Counters may be read while the guest runs.
type Counters struct {
	Received, Sent, Accepted, Dialled, Refused, Wakeups, Calls atomic.Uint64
	limited                                                    atomic.Uint64

	Waiting     atomic.Bool  // in poll_oneoff
	Connections atomic.Int64 // accepted, and open now or when the guest ended
}

// A Background holds the goroutines that work for a guest beside its calls.
type Background struct {
	sync.WaitGroup
	Ended context.Context // done once the guest is interrupted
}

// Open makes an account with these limits and faults. Ask and Allows ask policy; nil refuses
// everything. Limited calls onLimit, which may be nil.
func (a *Account) Open(limits host.Limits, faults hostfault.Faults, policy host.Policy, onLimit func(field string)) {
	a.Limits, a.Faults, a.Injects, a.policy, a.onLimit = limits, faults, faults.Any(), policy, onLimit
	if limits.Sockets == 0 {
		a.Limits.Sockets = host.DefaultMaxSockets
	}
	a.In.rate, a.Out.rate, a.lookups.rate = limits.ReadRate, limits.WriteRate, limits.LookupRate
	a.In.field, a.Out.field = "ReadRate", "WriteRate"
}

var errNoPolicy = errors.New("there is no policy")

func (a *Account) judge(r host.Request) error {
	if a.policy == nil {
		return errNoPolicy
	}
	return a.policy(r)
}

// Ask asks the policy about a call of the guest. It returns EACCES for a refusal. It counts
// refusals, except those of a Route.
func (a *Account) Ask(r host.Request) sockabi.Errno {
	err := a.judge(r)
	if err == nil {
		return 0
	}
	if !r.Route {
		a.Refused.Add(1)
	}
	a.Rec.Denied(err)
	return sockabi.EACCES
}

// Allows does the same as Ask for other goroutines than the guest's.
func (a *Account) Allows(r host.Request) bool {
	if a.judge(r) == nil {
		return true
	}
	a.Refused.Add(1)
	return false
}

// Renews is Allows for a request that the guest has not made again: a refusal is not counted.
func (a *Account) Renews(r host.Request) bool { return a.judge(r) == nil }

// MayLookUp reports whether the limit allows one more lookup now.
func (a *Account) MayLookUp() bool {
	a.lookupsMu.Lock()
	defer a.lookupsMu.Unlock()
	if a.lookups.spend(1, true) > 0 {
		a.Limited("LookupRate")
		return false
	}
	return true
}

// Limited counts a use that a limit has refused or delayed, and calls onLimit for the first of
// each field of host.Limits. "" means a limit without a field.
func (a *Account) Limited(field string) {
	a.limited.Add(1)
	if field == "" || a.onLimit == nil {
		return
	}
	if _, again := a.met.LoadOrStore(field, true); !again {
		a.onLimit(field)
	}
}

// Stats returns the counts.
func (a *Account) Stats() host.Stats {
	return host.Stats{
		Received:    a.Received.Load(),
		Sent:        a.Sent.Load(),
		Accepted:    a.Accepted.Load(),
		Connections: int(a.Connections.Load()),
		Dialled:     a.Dialled.Load(),
		Refused:     a.Refused.Load(),
		Limited:     a.limited.Load(),
		Wakeups:     a.Wakeups.Load(),
		Calls:       a.Calls.Load(),
		Waiting:     a.Waiting.Load(),
	}
}
