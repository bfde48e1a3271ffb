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
