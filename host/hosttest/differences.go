package hosttest

import "strings"

// A difference is a sentence whose transcript is another on some engines than
// on the oracle, or which is not run there.
type difference struct {
	sentence   string
	engine     string // an engine's name, or what several begin with
	why        string
	notRun     bool
	transcript string
}

// differenceOf is the row of a sentence on an engine.
func differenceOf(sentence, engine string) (difference, bool) {
	for _, d := range differences {
		if d.sentence == sentence && strings.HasPrefix(engine, d.engine) {
			return d, true
		}
	}
	return difference{}, false
}

// differences are all that is allowed.
var differences = []difference{
	{sentence: "waiting for nothing at all is EINVAL, and harms no later wait", engine: "wasmedge", notRun: true, why: "it succeeds, and spoils the poller for good"},
	{sentence: "ERROR and TYPE of another length than 4 end no process", engine: "wasmedge", notRun: true, why: "it aborts"},
	{sentence: "resolving for any type of socket ends no process", engine: "wasmedge", notRun: true, why: "it aborts at the first result of type SOCK_RAW"},
	{sentence: "fd_write to a peer that has gone is EPIPE, and no signal", engine: "wasmedge", notRun: true, why: "it dies of SIGPIPE"},
	{sentence: "an address of 128 bytes with an unknown family is refused", engine: "wasmedge", notRun: true, why: "it aborts"},
	{sentence: "a list for names that is longer than memory is a fault", engine: "wasmedge", notRun: true, why: "it allocates 8 bytes for every node before it looks at one"},
	{sentence: "waits go on after a wait with every error there is", engine: "wasmedge", notRun: true, why: "it waits for ever for what is already in error"},
	{sentence: "a wait tells of a closed descriptor at once", engine: "wasmedge", notRun: true, why: "it tells when something else happens"},
	{sentence: "a number of subscriptions whose bytes are 2 to the power of 32 is a fault", engine: "wasmedge-0.14", notRun: true, why: "it multiplies in 32 bits, and reads past the guest's memory"},
}
