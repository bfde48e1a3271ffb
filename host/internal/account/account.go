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

// An Account is one guest's. Allows, MayLookUp, Limited, Stats and the counters are for
// any goroutine; all else is for the guest's calls alone.
type Account struct {
	Background
	Counters

	Limits  host.Limits
	Faults  hostfault.Faults
	Injects bool // some of Faults

	In, Out Bucket // bytes received and sent

	// Rec is the recorder of the call being served, or nil.
	Rec *Recorder

	policy  host.Policy
	onLimit func(field string)
	met     sync.Map // fields that onLimit was told of

	lookups   Bucket
	lookupsMu sync.Mutex // the nameserver's goroutines look up too
}

// Counters are read while the guest runs.
type Counters struct {
	Received, Sent, Accepted, Dialled, Refused, Wakeups, Calls atomic.Uint64
	limited                                                    atomic.Uint64

	Waiting     atomic.Bool  // in poll_oneoff
	Connections atomic.Int64 // accepted, and open now or when the guest ended
}

// A Background is the goroutines that work for a guest beside its calls.
type Background struct {
	sync.WaitGroup
	Ended context.Context // done once the guest is interrupted
}

// Open makes an account with these limits and faults. policy is asked by Ask and Allows,
// and nil refuses all. onLimit is called by Limited, and can be nil.
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

// Ask asks the policy for a call of the guest's. It is the door from its refusals to
// EACCES. A refusal of a Route is not counted.
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

// Allows is Ask for goroutines beside the guest's.
func (a *Account) Allows(r host.Request) bool {
	if a.judge(r) == nil {
		return true
	}
	a.Refused.Add(1)
	return false
}

// Renews is Allows for what the guest has not asked for again: a refusal is not counted.
func (a *Account) Renews(r host.Request) bool { return a.judge(r) == nil }

// MayLookUp reports whether there may be one more look-up now.
func (a *Account) MayLookUp() bool {
	a.lookupsMu.Lock()
	defer a.lookupsMu.Unlock()
	if a.lookups.spend(1, true) > 0 {
		a.Limited("LookupRate")
		return false
	}
	return true
}

// Limited counts a use that a limit has refused or delayed, and reports the first of
// each field of host.Limits. "" is a limit that has none.
func (a *Account) Limited(field string) {
	a.limited.Add(1)
	if field == "" || a.onLimit == nil {
		return
	}
	if _, again := a.met.LoadOrStore(field, true); !again {
		a.onLimit(field)
	}
}

// Stats returns what was counted.
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
