//go:build wasip1

package net

import "syscall"

// The interfaces are those that can be told without asking for them, which WASI cannot:
// loopback, and one with the addresses from which routing sends to the world. A policy
// that lets the program reach neither of the addresses in routed hides that one.

const (
	loopbackIndex = 1
	routedIndex   = 2
)

// routed is addresses for documentation (RFC 5737, RFC 3849), which default routes
// reach. Nothing is sent there: connecting a UDP socket is only choosing its route.
var routed = []syscall.Sockaddr{
	&syscall.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}, Port: 9},
	&syscall.SockaddrInet6{Addr: [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}, Port: 9},
}

func interfaceTable(ifindex int) ([]Interface, error) {
	all := []Interface{{Index: loopbackIndex, MTU: 65536, Name: "lo", Flags: FlagUp | FlagLoopback | FlagRunning}}
	if len(routedAddrs()) > 0 {
		all = append(all, Interface{Index: routedIndex, MTU: 1500, Name: "eth0", Flags: FlagUp | FlagBroadcast | FlagMulticast | FlagRunning})
	}
	switch {
	case ifindex == 0:
		return all, nil
	case ifindex <= len(all):
		return all[ifindex-1 : ifindex], nil
	}
	return nil, nil
}

func interfaceAddrTable(ifi *Interface) ([]Addr, error) {
	var all []Addr
	if ifi == nil || ifi.Index == loopbackIndex {
		all = append(all, &IPNet{IP: IPv4(127, 0, 0, 1), Mask: CIDRMask(8, 32)})
		if supportsIPv6() {
			all = append(all, &IPNet{IP: IPv6loopback, Mask: CIDRMask(128, 128)})
		}
	}
	if ifi == nil || ifi.Index == routedIndex {
		all = append(all, routedAddrs()...)
	}
	return all, nil
}

func interfaceMulticastAddrTable(ifi *Interface) ([]Addr, error) { return nil, nil }

// routedAddrs returns the addresses from which routing sends to the world. Their
// networks are not known.
func routedAddrs() (all []Addr) {
	for _, to := range routed {
		var ip IP
		switch sa := routedFrom(to).(type) {
		case *syscall.SockaddrInet4:
			ip = IPv4(sa.Addr[0], sa.Addr[1], sa.Addr[2], sa.Addr[3])
		case *syscall.SockaddrInet6:
			ip = IP(sa.Addr[:])
		}
		if ip == nil || ip.IsLoopback() || ip.IsUnspecified() {
			continue
		}
		bits := 128
		if ip.To4() != nil {
			bits = 32
		}
		all = append(all, &IPNet{IP: ip, Mask: CIDRMask(bits, bits)})
	}
	return all
}

// routedFrom returns the address from which routing sends to another, nil if it does
// not.
func routedFrom(to syscall.Sockaddr) syscall.Sockaddr {
	family := syscall.AF_INET
	if _, ok := to.(*syscall.SockaddrInet6); ok {
		family = syscall.AF_INET6
	}
	s, err := syscall.Socket(family, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(s)
	if syscall.Connect(s, to) != nil {
		return nil
	}
	from, _ := syscall.Getsockname(s)
	return from
}
