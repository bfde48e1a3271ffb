// Package hostfault says which faults of the network a guest is to meet, so that tests
// can see how it copes.
//
//	cmd.Faults = hostfault.Faults{Seed: 1, ShortRead: 0.1, Reset: 0.01}
//
// Each is one that a real network can show, and no data is changed. What a guest meets
// depends on the seed and on what it does: the dice are thrown for each socket and each
// direction by themselves, once for each call that finds something to receive or room
// to send. How often a guest finds nothing, and how its connections take turns, changes
// nothing.
package hostfault

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Faults are probabilities, from 0 for never to 1 for always. The zero value is a
// network without faults.
type Faults struct {
	// Seed decides which calls fail.
	Seed uint64

	// ShortRead is of a call that receives from a stream: it gives less than there is
	// and the guest has room for, and at least 1 byte. The rest comes later.
	ShortRead float64

	// ShortWrite is of a call that sends on a stream: it sends less than it is given,
	// and at least 1 byte, and says so.
	ShortWrite float64

	// Again is of a call on a non-blocking socket that is ready: it answers EAGAIN. The
	// socket stays ready, and the next such call is spared.
	Again float64

	// Reset is of a call that receives or sends on a connection: it answers ECONNRESET,
	// and the connection is over. Then there is nothing more to receive, and sending is
	// EPIPE. The peer sees a reset, or the end where the connection is not TCP or the
	// host no Linux.
	Reset float64

	// Delay is of a call that receives or sends, which begins DelayTime later, during
	// which the whole guest waits; and of a lookup of addresses.
	Delay     float64
	DelayTime time.Duration

	// DNS is of a lookup of addresses: sock_getaddrinfo of a name answers EAI_AGAIN, the
	// host's nameserver SERVFAIL, and sending to another on a connected UDP socket, to
	// port 53, is ECONNREFUSED.
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

// Parse reads faults such as "seed=1,reset=0.01,short=0.1,delay=5ms@0.1". There are the
// names of the fields, short for both ShortRead and ShortWrite, and TIME@PROBABILITY for
// a delay. Without a seed it chooses one, which String returns.
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

// String is f as Parse reads it.
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

// Any reports whether there is any fault at all.
func (f Faults) Any() bool {
	f.Seed, f.DelayTime = 0, 0
	return f != Faults{}
}

// Valid says what is wrong with f, or nil.
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
