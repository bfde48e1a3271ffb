package host

import (
	"net/netip"
	"time"
)

// A Tracer is called after each call of a guest. The guest waits for it. A guest makes one call
// at a time, but several guests can share a Tracer.
type Tracer func(Call)

// A Call is one use of a socket by a guest, or one wait.
type Call struct {
	Name string // the function, such as "sock_connect_v2"

	// Args are the function's arguments, in the order of its parameters. Data in the guest's
	// memory is shown as text if the call has read it; pointers to results are left out. Each
	// text of a Call is one line of at most about 1,000 bytes, with unprintable characters
	// escaped as in a Go string.
	Args []Arg

	// FD is the descriptor that the call used or opened. It has 32 bits; -1 means none, as for
	// a wait, which can be for many.
	FD int64

	// Errno is the name of the call's error, such as "EAGAIN" or "EAI_NONAME", or "errno 999"
	// for a number without a name. "" means success.
	Errno string

	// Result holds the results of a call that succeeded; "" means that it has none.
	Result string

	// Reason explains a failure: the policy's refusal, the resolver's error, or an error of the
	// operating system that has no errno of its own. It may be "".
	Reason string

	Start    time.Time
	Duration time.Duration
}

// An Arg is one argument of a Call.
type Arg struct {
	Name string // as sockabi.Function has it, without the '*' of a pointer
	Text string
}

// A Lookup is one look-up of a name for a guest: by sock_getaddrinfo, or for a DNS message to the
// host's nameserver. An address in numbers is not looked up.
type Lookup struct {
	// Name is the name, without the dot of an absolute one. Like the texts of a Call, it is one
	// line of at most about 1,000 bytes, with unprintable characters escaped.
	Name string

	Type string // of the records, such as "AAAA"; "" for sock_getaddrinfo, which asks for addresses

	Addrs []netip.Addr // the addresses found; the caller may keep them

	// Error is the name of the error, such as "EAI_NONAME" or "EACCES" of sock_getaddrinfo, and
	// "NXDOMAIN" or "REFUSED" of the nameserver. "" means success.
	Error string

	Start    time.Time
	Duration time.Duration
}
