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
	// down, and asks it to finish its pending work. From then on listeners take only the
	// connections that are in their queues. A guest that handles SIGDRAIN leaves it out of the
	// set when it has finished; one that does not has finished when no accepted connection is
	// open. sock_accept fails with EINVAL after that, and also shortly before the guest is stopped.
	SIGDRAIN = 31
)
