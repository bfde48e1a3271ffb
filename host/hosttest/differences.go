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
	// What WasmEdge does not survive, or not unharmed.
	{sentence: "waiting for nothing at all is EINVAL, and harms no later wait", engine: "wasmedge", notRun: true, why: "it succeeds, and spoils the poller for good"},
	{sentence: "ERROR and TYPE of another length than 4 end no process", engine: "wasmedge", notRun: true, why: "it aborts"},
	{sentence: "resolving for any type of socket ends no process", engine: "wasmedge", notRun: true, why: "it aborts at the first result of type SOCK_RAW"},
	{sentence: "fd_write to a peer that has gone is EPIPE, and no signal", engine: "wasmedge", notRun: true, why: "it dies of SIGPIPE"},
	{sentence: "an address of 128 bytes with an unknown family is refused", engine: "wasmedge", notRun: true, why: "it aborts"},
	{sentence: "a list for names that is said to be longer than memory ends no process", engine: "wasmedge", notRun: true, why: "it allocates 8 bytes for every node before it looks at one"},
	{sentence: "waits go on after a wait with every error there is", engine: "wasmedge", notRun: true, why: "it waits forever for what is already in error"},

	// What WasmEdge 0.14 does otherwise than 0.17.
	{sentence: "a number of subscriptions whose bytes are 2 to the power of 32 is a fault", engine: "wasmedge-0.14", notRun: true, why: "it multiplies in 32 bits, and reads past the guest's memory"},
	{sentence: "a misaligned pointer is not available", engine: "wasmedge-0.14", why: "alignment is not looked at before 0.16", transcript: `sock_open: fd* ESUCCESS
sock_open_v2: fd* ESUCCESS
sock_bind: addr* ESUCCESS
sock_bind_v2: addr* ESUCCESS
sock_accept: newfd* ESUCCESS
sock_accept_v2: newfd* ESUCCESS
sock_connect: addr* ESUCCESS
sock_connect_v2: addr* ESUCCESS
sock_recv: iovs* ESUCCESS, nread* ESUCCESS, roflags* ESUCCESS
sock_recv_v2: iovs* ESUCCESS, nread* ESUCCESS, roflags* ESUCCESS
sock_recv_from: iovs* ESUCCESS, addr* ESUCCESS, port* ESUCCESS, nread* ESUCCESS, roflags* ESUCCESS
sock_recv_from_v2: iovs* ESUCCESS, addr* ESUCCESS, port* ESUCCESS, nread* ESUCCESS, roflags* ESUCCESS
sock_send: iovs* ESUCCESS, nwritten* ESUCCESS
sock_send_v2: iovs* ESUCCESS, nwritten* ESUCCESS
sock_send_to: iovs* ESUCCESS, addr* ESUCCESS, nwritten* ESUCCESS
sock_send_to_v2: iovs* ESUCCESS, addr* ESUCCESS, nwritten* ESUCCESS
sock_getsockopt: size* ESUCCESS
sock_getlocaladdr: addr* ESUCCESS, port* ESUCCESS
sock_getlocaladdr_v2: addr* ESUCCESS, port* ESUCCESS
sock_getpeeraddr: addr* ESUCCESS, port* ESUCCESS
sock_getpeeraddr_v2: addr* ESUCCESS, port* ESUCCESS
sock_getaddrinfo: hints* ESUCCESS, res** ESUCCESS, count* ESUCCESS
poll_oneoff: subs* ESUCCESS, events* ESUCCESS, nevents* ESUCCESS
epoll_oneoff: subs* ESUCCESS, events* ESUCCESS, nevents* ESUCCESS
fd_read: iovs* ESUCCESS, nread* ESUCCESS
fd_write: iovs* ESUCCESS, nwritten* ESUCCESS
fd_fdstat_get: stat* ESUCCESS
`},
	{sentence: "a misaligned pointer is not available for files either", engine: "wasmedge-0.14", why: "alignment is not looked at before 0.16", transcript: `fd_filestat_get: stat* ESUCCESS
`},
	{sentence: "a misaligned pointer is not available, in version 1", engine: "wasmedge-0.14", why: "alignment is not looked at before 0.16", transcript: `sock_accept: newfd* ESUCCESS
sock_recv_from: iovs* ESUCCESS, addr* ESUCCESS, nread* ESUCCESS, roflags* ESUCCESS
sock_getlocaladdr: addr* ESUCCESS, type* ESUCCESS, port* ESUCCESS
sock_getpeeraddr: addr* ESUCCESS, type* ESUCCESS, port* ESUCCESS
`},
	{sentence: "what sock_getaddrinfo fills outside of memory is a fault", engine: "wasmedge-0.14", why: "the fault ends the guest as a trap", transcript: `(exit status 134)
`},

	// What wasisock's host does otherwise, for the better or because of wazero, whose files it has.
	{sentence: "an error of one descriptor leaves the others alone", engine: "wasisock", why: "a regular file is always ready", transcript: `a read EBADF, b write, c read
b write
`},
	{sentence: "a regular file is EPERM, and the call waits for something else", engine: "wasisock", why: "a regular file is always ready", transcript: `a read, b write
too early
`},
	{sentence: "a closed descriptor is EBADF, and the call waits for something else", engine: "wasisock", why: "a wait reports a closed descriptor at once", transcript: `a read EBADF, b write EBADF
too early
`},
	{sentence: "a write event counts what fits in the send buffer", engine: "wasisock", why: "counting would be a system call for each event", transcript: `all of it: false
`},
	{sentence: "BINDTODEVICE is a name", engine: "wasisock", why: "a device is a way around the policy", transcript: `ESUCCESS "" 0
lo: EACCES
ESUCCESS "" 0
another: EACCES
`},
	{sentence: "the options of wasisock's host are unknown elsewhere", engine: "wasisock", why: "they are this host's own", transcript: `TCP_NODELAY 1 ESUCCESS 1 ESUCCESS
TCP_NODELAY 0 ESUCCESS 0 ESUCCESS
TCP_KEEPIDLE 30 ESUCCESS 30 ESUCCESS
TCP_KEEPINTVL 5 ESUCCESS 5 ESUCCESS
TCP_KEEPCNT 3 ESUCCESS 3 ESUCCESS
IPV6_V6ONLY 1 ESUCCESS 1 ESUCCESS
IPV6_V6ONLY 0 ESUCCESS 0 ESUCCESS
SO_REUSEPORT 1 ESUCCESS 1 ESUCCESS
SO_REUSEPORT 0 ESUCCESS 0 ESUCCESS
SO_PORTORDER 1 ENOPROTOOPT 2 ESUCCESS
`},
	{sentence: "a UNIX path of 107 bytes can be bound, and one of 108 too", engine: "wasisock", why: "a path without its NUL is too long", transcript: `107 ESUCCESS true
108 ENAMETOOLONG false
`},
	{sentence: "a datagram's port above 65535 loses its high bits", engine: "wasisock", why: "a port that does not exist is refused, and not another port", transcript: `EINVAL
`},
	{sentence: "a refused datagram makes the socket writable, and ends a wait to read alone with no event", engine: "wasisock", why: "an error makes both directions ready, so that no guest spins", transcript: `writing: write
both: read, write
reading alone ends the call: ESUCCESS
with events: read
`},
	{sentence: "a stream that never connected is ready with a hang-up, to write if both are asked", engine: "wasisock", why: "an error makes both directions ready, so that no guest spins", transcript: `IPv4 reading: read hangup
IPv4 writing: write hangup
IPv4 both: read hangup, write hangup
IPv6 reading: read hangup
IPv6 writing: write hangup
IPv6 both: read hangup, write hangup
`},
	{sentence: "an accepted socket blocks although NONBLOCK was passed", engine: "wasisock", why: "the flag is the new socket's, as it should be", transcript: `sock_accept_v2: ESUCCESS
flags: 4
the listener's flags: 0
`},
	{sentence: "a port above 65535 loses its high bits", engine: "wasisock", why: "a port that does not exist is refused, and not another port", transcript: `65536 + a port that is taken: EINVAL
65536: EINVAL
`},
	{sentence: "waiting to write for a peer that stopped sending ends early, with no event", engine: "wasisock", why: "a wait without an event goes on", transcript: `events: clock
events: clock
reading too: read
`},
	{sentence: "every socket is of the type of streams", engine: "wasisock", why: "datagram sockets say what they are", transcript: `1 2 6
1 1 5
2 2 6
2 1 5
3 2 6
3 1 5
6 6
`},
	{sentence: "a canonical name is written whole, whatever room there is", engine: "wasisock", why: "what does not fit is EAI_MEMORY, and never written", transcript: `EAI_MEMORY, written past: false
26 "" 4 ""
`},
	{sentence: "an address is written whole, whatever room there is", engine: "wasisock", why: "what does not fit is EAI_MEMORY, and never written", transcript: `EAI_MEMORY, written past: false
8 "" 16 ""
`},
	{sentence: "short forms of IPv4 resolve as ever", engine: "wasisock", why: "Go's resolver takes an address in full, or it is a name", transcript: `"127.1" "80": EAI_NONAME
"0x7f.1" "80": EAI_NONAME
"2130706433" "80": EAI_NONAME
"0177.0.0.1" "80": EAI_NONAME
`},
	{sentence: "a service above 65535 loses its high bits", engine: "wasisock", why: "a port that does not exist is refused, and not another port", transcript: `"127.0.0.1" "65536": EAI_SERVICE
"127.0.0.1" "-1": EAI_SERVICE
`},
	{sentence: "a connection's port above 65535 loses its high bits", engine: "wasisock", why: "a port that does not exist is refused, and not another port", transcript: `EINVAL
`},
	{sentence: "a stop of the process during a wait", engine: "wasisock", why: "a signal is retried inside the host", transcript: `waiting
b clock
the waits after it
b clock
b clock
a read
`},
	{sentence: "a first wait while no descriptor is left", engine: "wasisock", why: "the poller is there before the guest starts", transcript: `while none is left: ESUCCESS [clock]
when one is: ESUCCESS [clock]
`},
	{sentence: "UNIX sockets that are not allowed do not open", engine: "wasisock", why: "the policy is asked for the path, so opening succeeds", transcript: `opening: ESUCCESS
binding: EACCES
connecting: EACCES
`},
	{sentence: "renumbering between a socket and a file", engine: "wasisock", why: "sockets and files are numbered apart", transcript: `a socket onto a file: ENOTSUP
a file onto a socket: ENOTSUP
`},
	{sentence: "a misaligned pointer is not available for files either", engine: "wasisock", why: "fd_filestat_get of a file is wazero's own", transcript: `fd_filestat_get: stat* ESUCCESS
`},
	{sentence: "numbers wider than their type lose their high bits", engine: "wasisock", why: "a number that does not fit is EINVAL, and not another number", transcript: `family: EINVAL
type: EINVAL
flags of receiving: EINVAL
flags of sending: EINVAL
flags of accepting: EINVAL
flags of descriptors: EINVAL
how to shut down: EINVAL
`},
	{sentence: "a socket has no position and no file's state", engine: "wasisock", why: "fd_seek is wazero's own, which knows no sockets", transcript: `fd_seek: EBADF
fd_filestat_get: ENOTCAPABLE
`},
	{sentence: "options of wasisock's host are EINVAL elsewhere", engine: "wasisock", why: "they are this host's own", transcript: `NoDelay no error
true no error
KeepAliveIdle no error
30s no error
PortOrder 2 no error
V6Only no error
`},
	{sentence: "the plain names take no address of 128 bytes", engine: "wasisock", why: "binaries built with stealthrocket/net pass them", transcript: `sock_bind ESUCCESS
sock_connect EINPROGRESS
sock_send_to ESUCCESS
sock_bind ESUCCESS
sock_connect EINPROGRESS
sock_send_to ESUCCESS
`},
	{sentence: "a UNIX datagram's sender needs 128 bytes, or the datagram is lost", engine: "wasisock", why: "what is refused takes no datagram", transcript: `sock_recv_from_v2: EINVAL
then: ESUCCESS
sock_recv_from_v2: EINVAL
then: ESUCCESS
`},
}
