//go:build linux || darwin

package sockets

import (
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// An Option is a socket option of the guest, and that of the operating system behind it.
type Option struct {
	sockabi.Option
	code
}

// A code is the operating system's level and number of an option.
type code struct{ level, number int }

type optionKey struct{ level, number uint32 }

// codes holds the operating system's options behind the guest's. Other options of the guest are
// answered without the operating system.
var codes = map[optionKey]code{
	{sockabi.SOL_SOCKET, sockabi.SO_REUSEADDR}:  {unix.SOL_SOCKET, unix.SO_REUSEADDR},
	{sockabi.SOL_SOCKET, sockabi.SO_ERROR}:      {unix.SOL_SOCKET, unix.SO_ERROR},
	{sockabi.SOL_SOCKET, sockabi.SO_DONTROUTE}:  {unix.SOL_SOCKET, unix.SO_DONTROUTE},
	{sockabi.SOL_SOCKET, sockabi.SO_BROADCAST}:  {unix.SOL_SOCKET, unix.SO_BROADCAST},
	{sockabi.SOL_SOCKET, sockabi.SO_SNDBUF}:     {unix.SOL_SOCKET, unix.SO_SNDBUF},
	{sockabi.SOL_SOCKET, sockabi.SO_RCVBUF}:     {unix.SOL_SOCKET, unix.SO_RCVBUF},
	{sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE}:  {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
	{sockabi.SOL_SOCKET, sockabi.SO_OOBINLINE}:  {unix.SOL_SOCKET, unix.SO_OOBINLINE},
	{sockabi.SOL_SOCKET, sockabi.SO_LINGER}:     {unix.SOL_SOCKET, unix.SO_LINGER},
	{sockabi.SOL_SOCKET, sockabi.SO_RCVLOWAT}:   {unix.SOL_SOCKET, unix.SO_RCVLOWAT},
	{sockabi.SOL_SOCKET, sockabi.SO_RCVTIMEO}:   {unix.SOL_SOCKET, unix.SO_RCVTIMEO},
	{sockabi.SOL_SOCKET, sockabi.SO_SNDTIMEO}:   {unix.SOL_SOCKET, unix.SO_SNDTIMEO},
	{sockabi.SOL_SOCKET, sockabi.SO_ACCEPTCONN}: {unix.SOL_SOCKET, unix.SO_ACCEPTCONN},
	{sockabi.SOL_SOCKET, sockabi.SO_REUSEPORT}:  {unix.SOL_SOCKET, unix.SO_REUSEPORT},
	{sockabi.SOL_TCP, sockabi.TCP_NODELAY}:      {unix.IPPROTO_TCP, unix.TCP_NODELAY},
	{sockabi.SOL_TCP, sockabi.TCP_KEEPIDLE}:     {unix.IPPROTO_TCP, netos.KeepIdle},
	{sockabi.SOL_TCP, sockabi.TCP_KEEPINTVL}:    {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL},
	{sockabi.SOL_TCP, sockabi.TCP_KEEPCNT}:      {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
	{sockabi.SOL_IPV6, sockabi.IPV6_V6ONLY}:     {unix.IPPROTO_IPV6, unix.IPV6_V6ONLY},
}

// OptionOf returns the option with a level and a number, and whether there is one.
func OptionOf(level, number uint32) (Option, bool) {
	o, ok := sockabi.OptionOf(level, number)
	return Option{o, codes[optionKey{level, number}]}, ok
}

// Int returns the value of an option that is a number. For SO_ERROR it is the guest's errno, for
// SO_TYPE the guest's type.
func (g *Guest) Int(s *Socket, o Option) (int, sockabi.Errno) {
	switch {
	case o.Form == sockabi.FormType:
		return int(s.kind), 0
	case o.Name == "SO_PORTORDER":
		return sockabi.PORTORDER_NETWORK, 0
	}
	if o.Form == sockabi.FormErrno {
		if err := g.failure(s, nil); err != nil {
			return int(g.wire(err)), 0
		}
	}
	v, err := s.backend.getInt(o)
	if o.Form == sockabi.FormErrno && err == nil && v != 0 {
		v = int(g.wire(unix.Errno(v)))
	}
	return v, g.wire(err)
}

// SetInt sets an option that is a number.
func (g *Guest) SetInt(s *Socket, o Option, v int) sockabi.Errno {
	return g.setOption(s, o, func(s *Socket) error {
		return unix.SetsockoptInt(s.backend.options(), o.level, o.number, v)
	})
}

// Linger returns the linger time that is set on the host's socket.
func (g *Guest) Linger(s *Socket) (sockabi.Linger, sockabi.Errno) {
	v, err := unix.GetsockoptLinger(s.backend.options(), unix.SOL_SOCKET, netos.Linger)
	if err != nil {
		return sockabi.Linger{}, g.wire(err)
	}
	return sockabi.Linger{OnOff: v.Onoff, Seconds: v.Linger}, 0
}

// SetLinger sets the linger time.
func (g *Guest) SetLinger(s *Socket, o Option, v sockabi.Linger) sockabi.Errno {
	return g.setOption(s, o, func(s *Socket) error {
		err := unix.SetsockoptLinger(s.backend.options(), unix.SOL_SOCKET, netos.Linger, &unix.Linger{Onoff: v.OnOff, Linger: v.Seconds})
		if err == nil {
			s.lingers = v.OnOff != 0 && v.Seconds != 0
		}
		return err
	})
}

// Timeout returns an option that is a time.
func (g *Guest) Timeout(s *Socket, o Option) (sockabi.Timeval, sockabi.Errno) {
	v, err := unix.GetsockoptTimeval(s.backend.options(), o.level, o.number)
	if err != nil {
		return sockabi.Timeval{}, g.wire(err)
	}
	return sockabi.Timeval{Seconds: int64(v.Sec), Microseconds: int64(v.Usec)}, 0
}

// SetTimeout sets the timeout of the guest's blocking calls. It returns EDOM if its microseconds
// are not below a million.
func (g *Guest) SetTimeout(s *Socket, o Option, v sockabi.Timeval) sockabi.Errno {
	return g.setOption(s, o, func(s *Socket) error { return setTime(s, o, v) })
}

// Device returns the device that s is bound to, or "".
func (g *Guest) Device(s *Socket) (string, sockabi.Errno) {
	name, err := netos.BoundDevice(s.fd)
	return name, g.wire(err)
}

// setTime sets a timeout. The kernel's timeout has no effect, since its calls do not block. It is
// set so that the guest can read it back, and so that the kernel checks the value.
func setTime(s *Socket, o Option, v sockabi.Timeval) error {
	if v.Microseconds < 0 || v.Microseconds >= 1e6 {
		return unix.EDOM
	}
	timeout := -time.Second
	if v.Seconds >= 0 {
		timeout = time.Duration(min(v.Seconds, math.MaxInt32))*time.Second + time.Duration(v.Microseconds)*time.Microsecond
	}
	tv := unix.NsecToTimeval(int64(timeout))
	if err := unix.SetsockoptTimeval(s.backend.options(), o.level, o.number, &tv); err != nil {
		return err
	}
	if o.number == unix.SO_RCVTIMEO {
		s.rcvtimeo = timeout
	} else {
		s.sndtimeo = timeout
	}
	return nil
}
