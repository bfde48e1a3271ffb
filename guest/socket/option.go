package socket

import (
	"time"

	"github.com/wasisock/wasisock/sockabi"
)

// An Option is a socket option with values of type T.
//
// Set fails with EINVAL for a value that the ABI cannot carry, and with ENOPROTOOPT for a
// read-only option. Get and Set fail with EINVAL for an option that the host does not have. A
// duration is rounded up to the option's unit.
type Option[T bool | int | time.Duration | Linger | string] struct {
	level, name int32
	form        form[T]
}

// Get returns the option's value.
func (o Option[T]) Get(s *Socket) (T, error) {
	v, e := o.form.get(s, o.level, o.name)
	return v, fail("sock_getsockopt", e)
}

// Set changes the option's value.
func (o Option[T]) Set(s *Socket, v T) error {
	return fail("sock_setsockopt", o.form.set(s, o.level, o.name, v))
}

// With returns a function that sets the option, for the parameter before of Dial, Listen,
// ListenPacket and DialPacket.
func (o Option[T]) With(v T) func(*Socket) error {
	return func(s *Socket) error { return o.Set(s, v) }
}

// A Linger says whether Close of a stream waits until the peer has taken all data, and for how
// long, in whole seconds. A Timeout of 0 discards the data and resets the connection. With any
// other the whole guest waits in Close.
type Linger struct {
	On      bool
	Timeout time.Duration
}

// Options of every host. They have the meaning of POSIX, and may be set at any time unless
// noted.
var (
	ReuseAddr  = flag(sockabi.SOL_SOCKET, sockabi.SO_REUSEADDR) // before binding; Listen sets it for TCP
	DontRoute  = flag(sockabi.SOL_SOCKET, sockabi.SO_DONTROUTE)
	Broadcast  = flag(sockabi.SOL_SOCKET, sockabi.SO_BROADCAST)
	KeepAlive  = flag(sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE)
	OOBInline  = flag(sockabi.SOL_SOCKET, sockabi.SO_OOBINLINE)
	AcceptConn = flag(sockabi.SOL_SOCKET, sockabi.SO_ACCEPTCONN) // read-only: whether it listens

	SendBuffer      = number(sockabi.SOL_SOCKET, sockabi.SO_SNDBUF) // bytes; Linux answers twice what was set
	ReceiveBuffer   = number(sockabi.SOL_SOCKET, sockabi.SO_RCVBUF) // bytes; Linux answers twice what was set
	ReceiveLowWater = number(sockabi.SOL_SOCKET, sockabi.SO_RCVLOWAT)

	// Type is sockabi.SOCK_STREAM or sockabi.SOCK_DGRAM. Read-only.
	Type = number(sockabi.SOL_SOCKET, sockabi.SO_TYPE)

	// Error is the pending error as a syscall.Errno, or 0. Read-only. Reading it clears it on
	// the host, but not for Connected or Read, which still return it.
	Error = Option[int]{sockabi.SOL_SOCKET, sockabi.SO_ERROR, form[int]{getError, setInt}}

	// CloseLinger decides what Close does with data that the peer has not yet taken.
	CloseLinger = Option[Linger]{sockabi.SOL_SOCKET, sockabi.SO_LINGER, form[Linger]{getLinger, setLinger}}

	// ReceiveTimeout and SendTimeout, in microseconds, do nothing to a socket
	// that does not block, such as all of this package. 0 means no limit.
	ReceiveTimeout = Option[time.Duration]{sockabi.SOL_SOCKET, sockabi.SO_RCVTIMEO, form[time.Duration]{getTimeval, setTimeval}}
	SendTimeout    = Option[time.Duration]{sockabi.SOL_SOCKET, sockabi.SO_SNDTIMEO, form[time.Duration]{getTimeval, setTimeval}}

	// BindToDevice is the only network interface that the socket uses, such as "lo"; "" means
	// all. It fails with EPERM if the host lacks the privilege.
	BindToDevice = Option[string]{sockabi.SOL_SOCKET, sockabi.SO_BINDTODEVICE, form[string]{getString, setString}}
)

// Options of wasisock's host. WasmEdge answers EINVAL.
var (
	ReusePort = flag(sockabi.SOL_SOCKET, sockabi.SO_REUSEPORT) // before binding
	NoDelay   = flag(sockabi.SOL_TCP, sockabi.TCP_NODELAY)
	V6Only    = flag(sockabi.SOL_IPV6, sockabi.IPV6_V6ONLY) // before binding

	KeepAliveIdle     = seconds(sockabi.SOL_TCP, sockabi.TCP_KEEPIDLE)
	KeepAliveInterval = seconds(sockabi.SOL_TCP, sockabi.TCP_KEEPINTVL)
	KeepAliveCount    = number(sockabi.SOL_TCP, sockabi.TCP_KEEPCNT)

	// PortOrder is sockabi.PORTORDER_NETWORK or PORTORDER_LITTLE. Read-only.
	// ReadFrom asks it by itself.
	PortOrder = number(sockabi.SOL_SOCKET, sockabi.SO_PORTORDER)
)

func flag(level, name int32) Option[bool] {
	return Option[bool]{level, name, form[bool]{getBool, setBool}}
}

func number(level, name int32) Option[int] {
	return Option[int]{level, name, form[int]{getInt, setInt}}
}

func seconds(level, name int32) Option[time.Duration] {
	return Option[time.Duration]{level, name, form[time.Duration]{getSeconds, setSeconds}}
}
