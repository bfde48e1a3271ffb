//go:build wasip1

package syscall

import (
	"internal/sockabi"
	"unsafe"
)

// extended is whether the host has the options that WasmEdge lacks: 0 until known.
var extended int8

const (
	isExtended = 1 + iota
	notExtended
)

// hasOption is ENOPROTOOPT for an option that the host lacks. WasmEdge would say
// EINVAL, as for a wrong value.
func hasOption(fd, level, name int) Errno {
	switch o, ok := sockabi.OptionOf(uint32(level), uint32(name)); {
	case !ok:
		return ENOPROTOOPT // one of Linux's
	case !o.Ours:
		return 0
	}
	if extended == 0 {
		var order int32
		size := uint32(4)
		switch sock_getsockopt(int32(fd), SOL_SOCKET, sockabi.SO_PORTORDER, unsafe.Pointer(&order), &size) {
		case 0:
			extended = isExtended
		case EINVAL:
			extended = notExtended
		}
	}
	if extended == notExtended {
		return ENOPROTOOPT
	}
	return 0
}

func GetsockoptInt(fd, level, opt int) (value int, err error) {
	if e := hasOption(fd, level, opt); e != 0 {
		return 0, e
	}
	var v int32
	size := uint32(4)
	if e := sock_getsockopt(int32(fd), int32(level), int32(opt), unsafe.Pointer(&v), &size); e != 0 {
		return 0, errnoErr(e)
	}
	if level == SOL_SOCKET && opt == SO_TYPE {
		switch v {
		case sockabi.SOCK_STREAM:
			return SOCK_STREAM, nil
		case sockabi.SOCK_DGRAM:
			return SOCK_DGRAM, nil
		}
	}
	return int(v), nil
}

func SetsockoptInt(fd, level, opt int, value int) error {
	if e := hasOption(fd, level, opt); e != 0 {
		return e
	}
	v := int32(value)
	return errnoErr(sock_setsockopt(int32(fd), int32(level), int32(opt), unsafe.Pointer(&v), 4))
}

func SetsockoptLinger(fd, level, opt int, l *Linger) error {
	if gathers {
		if e, _ := gatherEnd(fd, false); e != 0 {
			return e
		}
	}
	v := sockabi.Linger{OnOff: l.Onoff, Seconds: l.Linger}
	return errnoErr(sock_setsockopt(int32(fd), int32(level), int32(opt), unsafe.Pointer(&v), sockabi.LingerSize))
}

func SetReadDeadline(fd int, t int64) error { return ENOSYS }

func SetWriteDeadline(fd int, t int64) error { return ENOSYS }

// portOrder is how this host writes the port in sock_recv_from: 0 until known.
var portOrder int

// senderPort reads the port that sock_recv_from wrote.
func senderPort(fd int) uint16 {
	b := scratch.sender
	if portOrder == 0 && b[0] != b[1] {
		kept := scratch.storage
		portOrder = learnPortOrder(fd)
		scratch.storage = kept
	}
	if portOrder == sockabi.PORTORDER_LITTLE {
		return uint16(b[1])<<8 | uint16(b[0])
	}
	return uint16(b[0])<<8 | uint16(b[1])
}

// learnPortOrder asks the host, and if it does not say, sends a datagram to itself
// over loopback. A port of two equal bytes shows nothing, so then from another.
func learnPortOrder(fd int) int {
	if order, err := GetsockoptInt(fd, SOL_SOCKET, sockabi.SO_PORTORDER); err == nil {
		return order
	}
	for _, sa := range []Sockaddr{
		&SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}},
		&SockaddrInet6{Addr: [16]byte{15: 1}},
	} {
		for range 8 {
			if order := loopbackPortOrder(sa); order != 0 {
				return order
			}
		}
	}
	return sockabi.PORTORDER_NETWORK
}

// loopbackPortOrder is 0 if there is nothing to report.
func loopbackPortOrder(loopback Sockaddr) int {
	family := AF_INET
	if _, ok := loopback.(*SockaddrInet6); ok {
		family = AF_INET6
	}
	fd, err := Socket(family, SOCK_DGRAM, 0)
	if err != nil {
		return 0
	}
	defer Close(fd)
	if SetNonblock(fd, true) != nil || Bind(fd, loopback) != nil {
		return 0
	}
	self, err := Getsockname(fd)
	if err != nil {
		return 0
	}
	port := uint16(scratch.port)
	if port>>8 == port&0xff || Sendto(fd, nil, 0, self) != nil {
		return 0
	}
	// Loopback delivers before Sendto returns; the repetitions are for a host where it
	// does not, and for what others send to the port.
	for range 1000 {
		if _, _, e := recv(fd, nil, 0); e != 0 {
			continue
		}
		switch b := scratch.sender; port {
		case uint16(b[0])<<8 | uint16(b[1]):
			return sockabi.PORTORDER_NETWORK
		case uint16(b[1])<<8 | uint16(b[0]):
			return sockabi.PORTORDER_LITTLE
		}
	}
	return 0
}
