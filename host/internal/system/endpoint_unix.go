//go:build linux || darwin

package system

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// An endpoint is the address of one end of a socket. The zero endpoint is none.
type endpoint struct {
	family uint8          // sockabi.AF_*
	addr   netip.AddrPort // of an internet socket
	path   string         // of a UNIX socket, on the host; "@name" is the abstract name, "" an unnamed end
	place  *place         // where the guest's path leads; nil for an abstract name
}

func (e endpoint) String() string {
	switch {
	case e.family == sockabi.AF_UNIX && e.path != "":
		return e.path
	case e.family == sockabi.AF_UNIX:
		return "unnamed"
	case e.family == sockabi.AF_UNSPEC:
		return "none"
	}
	return e.addr.String()
}

// inet is the endpoint of an address as the guest wrote it, IPv4-mapped or not.
func inet(addr netip.Addr, port uint16) endpoint {
	e := endpoint{family: sockabi.AF_INET4, addr: netip.AddrPortFrom(addr, port)}
	if addr.Is6() {
		e.family = sockabi.AF_INET6
	}
	return e
}

// reachable is e as a destination: the unspecified address as a destination is
// this machine's loopback, for every kernel, and the policy shall see it so.
func (e endpoint) reachable() endpoint {
	switch a := e.addr.Addr(); a {
	case netip.IPv4Unspecified():
		return inet(netip.AddrFrom4([4]byte{127, 0, 0, 1}), e.addr.Port())
	case netip.AddrFrom16(netip.AddrFrom4([4]byte{}).As16()):
		return inet(netip.AddrFrom16(netip.AddrFrom4([4]byte{127, 0, 0, 1}).As16()), e.addr.Port())
	case netip.IPv6Unspecified():
		return inet(netip.IPv6Loopback(), e.addr.Port())
	}
	return e
}

// sockaddr is e for the kernel, without a place.
func (e endpoint) sockaddr() unix.Sockaddr {
	switch e.family {
	case sockabi.AF_INET4:
		return &unix.SockaddrInet4{Port: int(e.addr.Port()), Addr: e.addr.Addr().As4()}
	case sockabi.AF_INET6:
		return &unix.SockaddrInet6{Port: int(e.addr.Port()), Addr: e.addr.Addr().As16()}
	case sockabi.AF_UNIX:
		return &unix.SockaddrUnix{Name: e.path}
	}
	return nil
}

func endpointOf(sa unix.Sockaddr) endpoint {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return inet(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return inet(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrUnix:
		if sa.Name == "@" { // how package unix spells an unnamed end
			return endpoint{family: sockabi.AF_UNIX}
		}
		return endpoint{family: sockabi.AF_UNIX, path: sa.Name}
	}
	return endpoint{}
}

// suits tells whether a socket of this family and kind takes e, with the error
// that Linux gives where it does not. IPv6 datagram sockets send to IPv4.
func (s *socket) suits(e endpoint, binding bool) error {
	switch {
	case e.family == s.family:
		return nil
	case s.family == sockabi.AF_UNIX:
		return unix.EINVAL
	case s.family == sockabi.AF_INET4 || e.family == sockabi.AF_UNIX:
		return unix.EAFNOSUPPORT
	case s.kind == sockabi.SOCK_DGRAM && !binding:
		return nil
	}
	return unix.EINVAL
}
