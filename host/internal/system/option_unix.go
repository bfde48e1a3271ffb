//go:build linux || darwin

package system

import (
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// A form is what the value of an option is.
type form uint8

const (
	formInt    form = iota // an int32
	formFixed              // an int32 that can only be read
	formType               // SO_TYPE, like formFixed
	formErrno              // SO_ERROR, like formFixed
	formLinger             // a sockabi.Linger
	formTime               // a sockabi.Timeval
	formDevice             // a device name
)

// An option is a socket option of the guest's, and the operating system's that
// stands behind it.
type option struct {
	name        string
	level, code int // the operating system's
	form        form
}

type optionKey struct{ level, name uint32 }

var options = map[optionKey]option{
	{sockabi.SOL_SOCKET, sockabi.SO_REUSEADDR}:    {"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_TYPE}:         {"SO_TYPE", 0, 0, formType},
	{sockabi.SOL_SOCKET, sockabi.SO_ERROR}:        {"SO_ERROR", unix.SOL_SOCKET, unix.SO_ERROR, formErrno},
	{sockabi.SOL_SOCKET, sockabi.SO_DONTROUTE}:    {"SO_DONTROUTE", unix.SOL_SOCKET, unix.SO_DONTROUTE, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_BROADCAST}:    {"SO_BROADCAST", unix.SOL_SOCKET, unix.SO_BROADCAST, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_SNDBUF}:       {"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_RCVBUF}:       {"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE}:    {"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_OOBINLINE}:    {"SO_OOBINLINE", unix.SOL_SOCKET, unix.SO_OOBINLINE, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_LINGER}:       {"SO_LINGER", unix.SOL_SOCKET, unix.SO_LINGER, formLinger},
	{sockabi.SOL_SOCKET, sockabi.SO_RCVLOWAT}:     {"SO_RCVLOWAT", unix.SOL_SOCKET, unix.SO_RCVLOWAT, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_RCVTIMEO}:     {"SO_RCVTIMEO", unix.SOL_SOCKET, unix.SO_RCVTIMEO, formTime},
	{sockabi.SOL_SOCKET, sockabi.SO_SNDTIMEO}:     {"SO_SNDTIMEO", unix.SOL_SOCKET, unix.SO_SNDTIMEO, formTime},
	{sockabi.SOL_SOCKET, sockabi.SO_ACCEPTCONN}:   {"SO_ACCEPTCONN", unix.SOL_SOCKET, unix.SO_ACCEPTCONN, formFixed},
	{sockabi.SOL_SOCKET, sockabi.SO_BINDTODEVICE}: {"SO_BINDTODEVICE", 0, 0, formDevice},
	{sockabi.SOL_SOCKET, sockabi.SO_REUSEPORT}:    {"SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, formInt},
	{sockabi.SOL_SOCKET, sockabi.SO_PORTORDER}:    {"SO_PORTORDER", 0, 0, formFixed},
	{sockabi.SOL_TCP, sockabi.TCP_NODELAY}:        {"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, formInt},
	{sockabi.SOL_TCP, sockabi.TCP_KEEPIDLE}:       {"TCP_KEEPIDLE", unix.IPPROTO_TCP, netos.KeepIdle, formInt},
	{sockabi.SOL_TCP, sockabi.TCP_KEEPINTVL}:      {"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, formInt},
	{sockabi.SOL_TCP, sockabi.TCP_KEEPCNT}:        {"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, formInt},
	{sockabi.SOL_IPV6, sockabi.IPV6_V6ONLY}:       {"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, formInt},
}

func optionOf(level, name uint32) (option, bool) {
	o, ok := options[optionKey{level, name}]
	return o, ok
}

// getInt is the value of an option that is a number: of SO_ERROR the guest's
// errno, of SO_TYPE the guest's type.
func (g *guest) getInt(s *socket, o option) (int, error) {
	switch {
	case o.form == formType:
		return int(s.kind), nil
	case o.name == "SO_PORTORDER":
		return sockabi.PORTORDER_NETWORK, nil
	}
	if o.form == formErrno {
		if err := g.failure(s, nil); err != nil {
			return int(g.wire(err)), nil
		}
	}
	v, err := s.backend.getInt(o)
	if o.form == formErrno && err == nil && v != 0 {
		v = int(g.wire(unix.Errno(v)))
	}
	return v, err
}

func setInt(s *socket, o option, v int) error {
	return unix.SetsockoptInt(s.backend.options(), o.level, o.code, v)
}

func getLinger(s *socket) (sockabi.Linger, error) {
	v, err := unix.GetsockoptLinger(s.backend.options(), unix.SOL_SOCKET, netos.Linger)
	if err != nil {
		return sockabi.Linger{}, err
	}
	return sockabi.Linger{OnOff: v.Onoff, Seconds: v.Linger}, nil
}

func setLinger(s *socket, v sockabi.Linger) error {
	err := unix.SetsockoptLinger(s.backend.options(), unix.SOL_SOCKET, netos.Linger, &unix.Linger{Onoff: v.OnOff, Linger: v.Seconds})
	if err == nil {
		s.lingers = v.OnOff != 0 && v.Seconds != 0
	}
	return err
}

func getTime(s *socket, o option) (sockabi.Timeval, error) {
	v, err := unix.GetsockoptTimeval(s.backend.options(), o.level, o.code)
	if err != nil {
		return sockabi.Timeval{}, err
	}
	return sockabi.Timeval{Seconds: int64(v.Sec), Microseconds: int64(v.Usec)}, nil
}

// setTime sets the timeout of the guest's blocking calls. The kernel's own has
// no effect, as its calls do not block; it is set so that it can be read back,
// and for the kernel to judge the value.
func setTime(s *socket, o option, v sockabi.Timeval) error {
	if v.Microseconds < 0 || v.Microseconds >= 1e6 {
		return unix.EDOM
	}
	timeout := -time.Second
	if v.Seconds >= 0 {
		timeout = time.Duration(min(v.Seconds, math.MaxInt32))*time.Second + time.Duration(v.Microseconds)*time.Microsecond
	}
	tv := unix.NsecToTimeval(int64(timeout))
	if err := unix.SetsockoptTimeval(s.backend.options(), o.level, o.code, &tv); err != nil {
		return err
	}
	if o.code == unix.SO_RCVTIMEO {
		s.rcvtimeo = timeout
	} else {
		s.sndtimeo = timeout
	}
	return nil
}

// shutdown of 0 is that of SHUT_RD. A listener of the host's ends for this guest alone.
func (g *guest) shutdown(s *socket, how uint8) error {
	retires, err := s.backend.shutdown(how)
	if retires {
		g.retire(s)
		s.shut = true
	}
	return err
}
