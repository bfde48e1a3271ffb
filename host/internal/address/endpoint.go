//go:build linux || darwin

// Package address has the addresses of sockets, as the guest names them and as the host reaches
// them, and resolves the paths of UNIX sockets.
package address

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/sockabi"
)

// An Endpoint is the address of one end of a socket. The zero endpoint means no address.
type Endpoint struct {
	Family uint8          // sockabi.AF_*
	Addr   netip.AddrPort // of an internet socket
	Path   string         // of a UNIX socket, on the host; "@name" is the abstract name, "" an unnamed end
	Place  *place         // the file of the guest's path; nil for an abstract name
}

func (e Endpoint) String() string {
	switch {
	case e.Family == sockabi.AF_UNIX && e.Path != "":
		return e.Path
	case e.Family == sockabi.AF_UNIX:
		return "unnamed"
	case e.Family == sockabi.AF_UNSPEC:
		return "none"
	}
	return e.Addr.String()
}

// Inet returns the endpoint of an address as the guest wrote it, IPv4-mapped or not.
func Inet(addr netip.Addr, port uint16) Endpoint {
	e := Endpoint{Family: sockabi.AF_INET4, Addr: netip.AddrPortFrom(addr, port)}
	if addr.Is6() {
		e.Family = sockabi.AF_INET6
	}
	return e
}

// Reachable returns e as a destination. As a destination, the unspecified address means this
// machine's loopback in every kernel, so the policy must get the loopback address.
func (e Endpoint) Reachable() Endpoint {
	switch a := e.Addr.Addr(); a {
	case netip.IPv4Unspecified():
		return Inet(netip.AddrFrom4([4]byte{127, 0, 0, 1}), e.Addr.Port())
	case netip.AddrFrom16(netip.AddrFrom4([4]byte{}).As16()):
		return Inet(netip.AddrFrom16(netip.AddrFrom4([4]byte{127, 0, 0, 1}).As16()), e.Addr.Port())
	case netip.IPv6Unspecified():
		return Inet(netip.IPv6Loopback(), e.Addr.Port())
	}
	return e
}

// Sockaddr returns e for the kernel. It does not resolve a place.
func (e Endpoint) Sockaddr() unix.Sockaddr {
	switch e.Family {
	case sockabi.AF_INET4:
		return &unix.SockaddrInet4{Port: int(e.Addr.Port()), Addr: e.Addr.Addr().As4()}
	case sockabi.AF_INET6:
		return &unix.SockaddrInet6{Port: int(e.Addr.Port()), Addr: e.Addr.Addr().As16()}
	case sockabi.AF_UNIX:
		return &unix.SockaddrUnix{Name: e.Path}
	}
	return nil
}

func Of(sa unix.Sockaddr) Endpoint {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return Inet(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return Inet(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrUnix:
		if sa.Name == "@" { // package unix's form of an unnamed end
			return Endpoint{Family: sockabi.AF_UNIX}
		}
		return Endpoint{Family: sockabi.AF_UNIX, Path: sa.Name}
	}
	return Endpoint{}
}

// WithPort returns e with another port, unless that is 0.
func (e Endpoint) WithPort(port uint16) Endpoint {
	if port != 0 {
		e.Addr = netip.AddrPortFrom(e.Addr.Addr(), port)
	}
	return e
}

// SameAs reports whether a listener at e is reached at f. The unspecified addresses of IPv4 and
// IPv6 count as the same.
func (e Endpoint) SameAs(f Endpoint) bool {
	a, b := e.Addr.Addr().Unmap(), f.Addr.Addr().Unmap()
	return e.Path == f.Path && a.IsValid() == b.IsValid() && e.Addr.Port() == f.Addr.Port() &&
		(a == b || a.IsUnspecified() && b.IsUnspecified())
}

// Anywhere reports whether e is an address of every host.
func (e Endpoint) Anywhere() bool {
	a := e.Addr.Addr().Unmap()
	return a.IsUnspecified() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a == netip.IPv6Loopback()
}

// For returns the endpoint of a for a socket of that family, or the zero endpoint.
func For(family uint8, a net.Addr) Endpoint {
	e := At(a)
	ip := e.Addr.Addr()
	switch {
	case e.Family == family:
		return e
	case family == sockabi.AF_INET6 && ip.Is4():
		return Inet(netip.AddrFrom16(ip.As16()), e.Addr.Port())
	}
	return Endpoint{}
}

// At returns the endpoint of a, or the zero endpoint if a is not the address of a socket.
func At(a net.Addr) Endpoint {
	switch a := a.(type) {
	case nil:
	case *net.UnixAddr:
		return Endpoint{Family: sockabi.AF_UNIX, Path: a.Name}
	default:
		if at, err := netip.ParseAddrPort(a.String()); err == nil {
			return Inet(at.Addr().Unmap().WithZone(""), at.Port())
		}
	}
	return Endpoint{}
}

func Unspecified(family uint8, port uint16) Endpoint {
	switch family {
	case sockabi.AF_INET4:
		return Inet(netip.IPv4Unspecified(), port)
	case sockabi.AF_INET6:
		return Inet(netip.IPv6Unspecified(), port)
	}
	return Endpoint{Family: family}
}
