package sockabi

// Levels of options. SOL_SOCKET is the only one that WasmEdge knows.
const (
	SOL_SOCKET = 0
	SOL_TCP    = 6
	SOL_IPV6   = 41
)

// Options at SOL_SOCKET. What their values are is in [Options].
const (
	SO_REUSEADDR    = 0
	SO_TYPE         = 1 // SOCK_*; a length other than 4 aborts WasmEdge
	SO_ERROR        = 2 // an Errno, cleared by the read; a length other than 4 aborts WasmEdge
	SO_DONTROUTE    = 3
	SO_BROADCAST    = 4
	SO_SNDBUF       = 5 // Linux answers twice what was set
	SO_RCVBUF       = 6 // Linux answers twice what was set
	SO_KEEPALIVE    = 7
	SO_OOBINLINE    = 8
	SO_LINGER       = 9
	SO_RCVLOWAT     = 10
	SO_RCVTIMEO     = 11
	SO_SNDTIMEO     = 12
	SO_ACCEPTCONN   = 13
	SO_BINDTODEVICE = 14
)

// wasisock's own options, which WasmEdge does not have. It answers EINVAL to them, in every
// version tried, so a guest finds out by asking, and must be able to go on without. Level 6
// and 41 and the names at them are Linux's; the names at SOL_SOCKET keep clear of any that
// WasmEdge may add.
const (
	// SO_REUSEPORT lets several sockets share one address and port.
	SO_REUSEPORT = 0x5701

	// SO_PORTORDER, of any socket, is the byte order of the port that
	// sock_recv_from writes: PORTORDER_NETWORK or PORTORDER_LITTLE. It saves a
	// guest the loopback datagram that it must otherwise send to itself to learn.
	SO_PORTORDER = 0x5702

	// Options at SOL_TCP are of TCP sockets only.
	TCP_NODELAY   = 1
	TCP_KEEPIDLE  = 4 // seconds of silence before the first keep-alive probe
	TCP_KEEPINTVL = 5 // seconds between probes
	TCP_KEEPCNT   = 6 // probes without an answer that end the connection

	// IPV6_V6ONLY at SOL_IPV6 is whether an IPv6 socket refuses IPv4; to be
	// set before the socket is bound. Without this option a [::] socket serves both.
	IPV6_V6ONLY = 26
)

// Values of SO_PORTORDER.
const (
	PORTORDER_LITTLE  = 1 // least significant byte first
	PORTORDER_NETWORK = 2 // most significant byte first, as WasmEdge does
)

// A Form is the layout of an option's value.
type Form uint8

const (
	FormBool    Form = iota // an int32, 0 or 1
	FormInt                 // an int32
	FormSeconds             // an int32
	FormType                // an int32, SOCK_*
	FormErrno               // an int32, an Errno
	FormLinger              // a Linger
	FormTime                // a Timeval
	FormDevice              // a device's name
)

// An Option is an option of sock_getsockopt and sock_setsockopt.
type Option struct {
	Level, Number uint32
	Name          string // such as "SO_TYPE"
	Form          Form

	ReadOnly  bool // to set it is ENOPROTOOPT
	Ours      bool // wasisock's
	Inherited bool // a connection has its listener's value
}

// Options returns all options, in a slice of the caller's own.
func Options() []Option { return append([]Option(nil), options[:]...) }

// OptionOf returns the option of a level and a number, and whether there is one.
func OptionOf(level, number uint32) (o Option, ok bool) {
	for i := range options {
		if o := &options[i]; o.Level == level && o.Number == number {
			return *o, true
		}
	}
	return Option{}, false
}

var options = [...]Option{
	{SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR", FormBool, false, false, false},
	{SOL_SOCKET, SO_TYPE, "SO_TYPE", FormType, true, false, false},
	{SOL_SOCKET, SO_ERROR, "SO_ERROR", FormErrno, true, false, false},
	{SOL_SOCKET, SO_DONTROUTE, "SO_DONTROUTE", FormBool, false, false, true},
	{SOL_SOCKET, SO_BROADCAST, "SO_BROADCAST", FormBool, false, false, true},
	{SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", FormInt, false, false, true},
	{SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", FormInt, false, false, true},
	{SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE", FormBool, false, false, true},
	{SOL_SOCKET, SO_OOBINLINE, "SO_OOBINLINE", FormBool, false, false, true},
	{SOL_SOCKET, SO_LINGER, "SO_LINGER", FormLinger, false, false, true},
	{SOL_SOCKET, SO_RCVLOWAT, "SO_RCVLOWAT", FormInt, false, false, true},
	{SOL_SOCKET, SO_RCVTIMEO, "SO_RCVTIMEO", FormTime, false, false, true},
	{SOL_SOCKET, SO_SNDTIMEO, "SO_SNDTIMEO", FormTime, false, false, true},
	{SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN", FormBool, true, false, false},
	{SOL_SOCKET, SO_BINDTODEVICE, "SO_BINDTODEVICE", FormDevice, false, false, true},
	{SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT", FormBool, false, true, false},
	{SOL_SOCKET, SO_PORTORDER, "SO_PORTORDER", FormInt, true, true, false},
	{SOL_TCP, TCP_NODELAY, "TCP_NODELAY", FormBool, false, true, true},
	{SOL_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE", FormSeconds, false, true, true},
	{SOL_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL", FormSeconds, false, true, true},
	{SOL_TCP, TCP_KEEPCNT, "TCP_KEEPCNT", FormInt, false, true, true},
	{SOL_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY", FormBool, false, true, false},
}
