// Package hostfault describes faults of the network that the host injects into a guest, to test
// how it handles them.
//
//	cmd.Faults = hostfault.Faults{Seed: 1, ShortRead: 0.1, Reset: 0.01}
//
// Each fault can happen in a real network, and none changes data. Which calls fail depends on
// the seed and on the guest's calls: each socket and direction has its own sequence of random
// numbers, with one for each call that finds something to receive or room to send. Calls that
// find nothing, and the order in which connections are served, change nothing.
package hostfault

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Faults holds the probability of each fault, from 0 for never to 1 for always. The zero value
// means no faults.
type Faults struct {
	// Seed decides which calls fail.
	Seed uint64

	// ShortRead is for calls that receive from a stream: the call returns less than it could,
	// and at least 1 byte. The next calls return the rest.
	ShortRead float64

	// ShortWrite is for calls that send on a stream: the call sends less than it was given, and
	// at least 1 byte, and returns that number.
	ShortWrite float64

	// Again is for calls on a non-blocking socket that is ready: the call fails with EAGAIN.
	// The socket stays ready, and its next such call does not fail.
	Again float64

	// Reset is for calls that receive or send on a connection: the call fails with ECONNRESET,
	// and the connection is over. Receiving then returns the end, and sending fails with EPIPE.
	// The peer sees a reset; if the connection is not TCP, or the host is not Linux, it sees
	// the end.
	Reset float64

	// Delay is for calls that receive or send, and for lookups of addresses: the call begins
	// DelayTime later, and the whole guest waits.
	Delay     float64
	DelayTime time.Duration

	// DNS is for lookups of addresses: sock_getaddrinfo fails with EAI_AGAIN, the host's
	// nameserver answers SERVFAIL, and sending on a UDP socket connected to port 53 of another
	// nameserver fails with ECONNREFUSED.
	DNS float64
}

// key is how a field is written.
type key struct {
	name string
	p    func(*Faults) *float64
}

var keys = []key{
	{"short-read", func(f *Faults) *float64 { return &f.ShortRead }},
	{"short-write", func(f *Faults) *float64 { return &f.ShortWrite }},
	{"eagain", func(f *Faults) *float64 { return &f.Again }},
	{"reset", func(f *Faults) *float64 { return &f.Reset }},
	{"delay", func(f *Faults) *float64 { return &f.Delay }},
	{"dns", func(f *Faults) *float64 { return &f.DNS }},
}

const known = "seed, short-read, short-write, short (both), eagain, reset, delay and dns"

// Parse reads faults such as "seed=1,reset=0.01,short=0.1,delay=5ms@0.1". The names are those
// of the fields, with short for both ShortRead and ShortWrite, and a delay is TIME@PROBABILITY.
// Without a seed it chooses one, which String returns.
func Parse(text string) (Faults, error) {
	f := Faults{Seed: 1 + rand.Uint64N(1e9)}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || value == "" {
			return Faults{}, fmt.Errorf("fault %q has no value; write such as reset=0.01", part)
		}
		if seen[name] {
			return Faults{}, fmt.Errorf("fault %q comes twice; leave out one of them", name)
		}
		seen[name] = true
		if name == "seed" {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return Faults{}, fmt.Errorf("fault %q: %q is not a whole number from 0 to 2^64-1; write such as seed=1", name, value)
			}
			f.Seed = n
			continue
		}
		var fields []*float64
		for _, k := range keys {
			if k.name == name || name == "short" && strings.HasPrefix(k.name, "short-") {
				fields = append(fields, k.p(&f))
			}
		}
		if fields == nil {
			return Faults{}, fmt.Errorf("there is no fault %q; there are %s", name, known)
		}
		if name == "delay" {
			length, p, ok := strings.Cut(value, "@")
			d, err := time.ParseDuration(length)
			if !ok || err != nil || d <= 0 {
				return Faults{}, fmt.Errorf("fault %q: %q is not a time and probability; write such as delay=5ms@0.1", name, value)
			}
			f.DelayTime, value = d, p
		}
		p, err := strconv.ParseFloat(value, 64)
		if err != nil || !(p >= 0 && p <= 1) {
			return Faults{}, fmt.Errorf("fault %q: %q is not a probability; write a number from 0 to 1", name, value)
		}
		for _, field := range fields {
			*field = p
		}
	}
	if seen["short"] && (seen["short-read"] || seen["short-write"]) {
		return Faults{}, fmt.Errorf(`fault "short" is short-read and short-write; leave out the one or the others`)
	}
	return f, nil
}

// String returns f in the form that Parse reads.
func (f Faults) String() string {
	text := "seed=" + strconv.FormatUint(f.Seed, 10)
	for _, k := range keys {
		p := *k.p(&f)
		if p == 0 {
			continue
		}
		text += "," + k.name + "="
		if k.name == "delay" {
			text += f.DelayTime.String() + "@"
		}
		text += strconv.FormatFloat(p, 'g', -1, 64)
	}
	return text
}

// Any reports whether any probability is above 0.
func (f Faults) Any() bool {
	f.Seed, f.DelayTime = 0, 0
	return f != Faults{}
}

// Valid returns an error that names the invalid field of f, or nil.
func (f Faults) Valid() error {
	for _, k := range keys {
		if p := *k.p(&f); !(p >= 0 && p <= 1) {
			return fmt.Errorf("the probability of the fault %q is %v; write a number from 0 to 1", k.name, p)
		}
	}
	if f.DelayTime < 0 || f.Delay > 0 && f.DelayTime == 0 {
		return fmt.Errorf("the DelayTime of faults is %v; write one above 0", f.DelayTime)
	}
	return nil
}
