package sockabi

// wasisock's own extension of the extension, besides its options.

// EVENTTYPE_SIGNAL is a tag of subscriptions. A poll has one at most; a second
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

	// SIGDRAIN is not a signal that can be sent. It arrives once when the host shuts the guest
	// down, and says: end what is in work. Listeners take no more connections then, but those
	// in their queues. As long as the guest handles it, sock_accept does not fail for that: it
	// leaves it out of the set when it is done. In a guest that does not handle it, that is
	// when no accepted connection is open. In both, sock_accept fails with EINVAL afterwards,
	// and also shortly before the guest is stopped.
	SIGDRAIN = 31
)
