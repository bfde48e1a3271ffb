package sockabi

// wasisock's own extension of the extension: socket options that WasmEdge does
// not have. WasmEdge answers EINVAL to them, in every version tried, so a guest
// finds out by asking, and must be able to go on without. Level 6 and 41 and
// the names at them are Linux's; the names at SOL_SOCKET keep clear of any that
// WasmEdge may add.

// Levels of wasisock's options, besides SOL_SOCKET.
const (
	SOL_TCP  = 6
	SOL_IPV6 = 41
)

// Options at SOL_TCP, of TCP sockets only. Values are an int32.
const (
	TCP_NODELAY   = 1
	TCP_KEEPIDLE  = 4 // seconds of silence before the first keep-alive probe
	TCP_KEEPINTVL = 5 // seconds between probes
	TCP_KEEPCNT   = 6 // probes without an answer that end the connection
)

// IPV6_V6ONLY at SOL_IPV6: whether an IPv6 socket refuses IPv4. An int32; to be
// set before the socket is bound. Without this option a [::] socket serves both.
const IPV6_V6ONLY = 26

// Options at SOL_SOCKET. Values are an int32.
const (
	// SO_REUSEPORT lets several sockets share one address and port.
	SO_REUSEPORT = 0x5701

	// SO_PORTORDER, read-only, of any socket, is the byte order of the port that
	// sock_recv_from writes: PORTORDER_NETWORK or PORTORDER_LITTLE. It saves a
	// guest the loopback datagram that it must otherwise send to itself to learn.
	SO_PORTORDER = 0x5702
)

// Values of SO_PORTORDER.
const (
	PORTORDER_LITTLE  = 1 // least significant byte first
	PORTORDER_NETWORK = 2 // most significant byte first, as WasmEdge does
)

// EVENTTYPE_SIGNAL is a tag of subscriptions, of which a poll has one at most; a second
// is EEXIST. Timeout is the set of signals that the guest handles, bit 1<<SIGTERM for
// SIGTERM, and Precision those that it ignores. Both hold from then on, also after a poll
// without such a subscription. The event's NBytes is the set of those that have arrived
// since the last such event, and are handled. WasmEdge answers EINVAL in the event.
const EVENTTYPE_SIGNAL = 0x57

// Signals, by WASI's numbers.
const (
	SIGHUP   = 1
	SIGINT   = 2
	SIGQUIT  = 3
	SIGUSR1  = 10
	SIGUSR2  = 12
	SIGTERM  = 15
	SIGWINCH = 27

	// MaxSignal is the highest number of a signal.
	MaxSignal = 30

	// SIGDRAIN is no signal that can be sent. It arrives once when the host shuts the guest
	// down, and says: end what is in work. Listeners take no more connections then, but those
	// in their queues. As long as the guest handles it, sock_accept does not fail for that: it
	// leaves it out of the set when it is done. In a guest that does not handle it, that is
	// when no accepted connection is open. In both, sock_accept fails with EINVAL afterwards,
	// and also shortly before the guest is stopped.
	SIGDRAIN = 31
)
