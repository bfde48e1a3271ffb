package host

import "time"

// A Tracer is told of each call of a guest's when it has ended. The guest waits for
// it. A guest makes one call at a time, but several guests can share a Tracer.
type Tracer func(Call)

// A Call is one use of a socket by a guest, or one wait.
type Call struct {
	Name string // the function, such as "sock_connect_v2"

	// Args are the function's arguments, in the order of its parameters. What lies
	// in the guest's memory stands there as text, where the call came as far as to
	// read it; pointers to results are left out. All texts of a Call are of one line, of
	// some 1,000 bytes at most; what cannot be printed is escaped as in a Go string.
	Args []Arg

	// FD is the descriptor that the call is about: the one it was given, or the one
	// that it opened. It has 32 bits; -1 means none, as of a wait, which can be for many.
	FD int64

	// Errno is why the call failed, such as "EAGAIN" or "EAI_NONAME", and "errno 999"
	// for a number without a name. "" is success.
	Errno string

	// Result holds the results of a call that succeeded; "" means that it has none.
	Result string

	// Reason explains a failure: the policy's refusal, the resolver's error, or
	// an error of the operating system that no errno stands for. "" is nothing more.
	Reason string

	Start    time.Time
	Duration time.Duration
}

// An Arg is one argument of a Call.
type Arg struct {
	Name string // as sockabi.Function has it, without the '*' of a pointer
	Text string
}
