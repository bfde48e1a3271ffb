package host

import (
	"net/netip"
	"slices"
)

// internal is link-local addresses, and others where clouds answer whoever runs on a
// machine of theirs with its credentials.
var internal = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),     // RFC 3927; AWS, Google, Azure and others at 169.254.169.254
	netip.MustParsePrefix("fe80::/10"),          // RFC 4291, section 2.5.6
	netip.MustParsePrefix("fd00:ec2::254/128"),  // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: an IPv4 address in the last 4 bytes

func isInternal(a netip.Addr) bool {
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	return slices.ContainsFunc(internal, func(p netip.Prefix) bool { return p.Contains(a) })
}

func withinInternal(prefix netip.Prefix) bool {
	return slices.ContainsFunc(internal, func(p netip.Prefix) bool {
		return p.Bits() <= prefix.Bits() && p.Contains(prefix.Addr())
	})
}

// shared is addresses that networks use inside, as private ones: RFC 6598.
var shared = netip.MustParsePrefix("100.64.0.0/10")

func isPrivate(a netip.Addr) bool { return a.IsPrivate() || shared.Contains(a) }

// isPublic is whether a is an address of the Internet, and of one machine there.
func isPublic(a netip.Addr) bool {
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	return a.IsGlobalUnicast() && !isPrivate(a) && !isInternal(a)
}
