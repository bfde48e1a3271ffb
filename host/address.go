package host

import (
	"net/netip"
	"slices"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func among(all []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) })
}

// internal are addresses that a rule has to name: link-local ones, those where clouds give
// a machine its credentials, and those of many machines at once. The clouds' are as their
// documentation had them on 2026-11-28.
var internal = prefixes(
	"169.254.0.0/16",         // RFC 3927; AWS, Google, Azure, Oracle, DigitalOcean and others at 169.254.169.254, AWS's containers at 169.254.170.2 and .23
	"fe80::/10",              // RFC 4291, section 2.5.6
	"fd00:ec2::254/128",      // AWS: instance metadata
	"fd00:ec2::23/128",       // AWS: EKS Pod Identity
	"fd20:ce::254/128",       // Google
	"100.100.100.200/32",     // Alibaba
	"fd00:100::100:200/128",  // Alibaba
	"168.63.129.16/32",       // Azure: WireServer
	"192.0.0.192/32",         // Oracle, classic
	"fd00:c1::a9fe:a9fe/128", // Oracle
	"fd00:42::42/128",        // Scaleway
	"fd00:a9fe:a9fe::1/128",  // Akamai, formerly Linode

	"224.0.0.0/4",        // multicast: RFC 5771
	"ff00::/8",           // multicast: RFC 4291, section 2.7
	"255.255.255.255/32", // limited broadcast: RFC 919, section 7
)

// internalNames are names of such addresses in clouds' documentation.
var internalNames = []string{"metadata.google.internal", "metadata.goog"}

// reserved are addresses that belong to no machine of the Internet: the rows of IANA's
// registries of special-purpose addresses that are not globally reachable, as they stood
// on 2026-11-28, and prefixes that are not unicast any more.
//
// Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and
// https://www.iana.org/assignments/iana-ipv6-special-registry
var reserved = prefixes(
	"0.0.0.0/8",       // RFC 791, section 3.2
	"10.0.0.0/8",      // RFC 1918
	"100.64.0.0/10",   // RFC 6598
	"127.0.0.0/8",     // RFC 1122, section 3.2.1.3
	"169.254.0.0/16",  // RFC 3927
	"172.16.0.0/12",   // RFC 1918
	"192.0.0.0/24",    // RFC 6890, section 2.1
	"192.0.2.0/24",    // RFC 5737
	"192.88.99.0/24",  // RFC 7526
	"192.168.0.0/16",  // RFC 1918
	"198.18.0.0/15",   // RFC 2544
	"198.51.100.0/24", // RFC 5737
	"203.0.113.0/24",  // RFC 5737
	"240.0.0.0/4",     // RFC 1112, section 4

	"64:ff9b:1::/48",  // RFC 8215
	"100::/64",        // RFC 6666
	"100:0:0:1::/64",  // RFC 9780
	"2001::/23",       // RFC 2928; its parts that are globally reachable serve no clients
	"2001:db8::/32",   // RFC 3849
	"2002::/16",       // RFC 3056, section 2
	"3fff::/20",       // RFC 9637
	"5f00::/16",       // RFC 9602
	"fc00::/7",        // RFC 4193
	"fec0::/10",       // RFC 3879
	"fe80::/10",       // RFC 4291, section 2.5.6
	"::/96",           // RFC 4291, section 2.5.5.1
	"::ffff:0:0:0/96", // RFC 2765, section 2.1
)

// private are reserved addresses that networks use inside.
var private = prefixes(
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
	"100.64.0.0/10", // RFC 6598
	"fc00::/7",      // RFC 4193
)

// global is the part of IPv6 that IANA has assigned to machines of the Internet.
var global = netip.MustParsePrefix("2000::/3")

// Prefixes of IPv6 addresses that hold an IPv4 address.
var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052: in the last 4 bytes
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")  // RFC 8215: in the last 4 bytes, or around byte 8
	compatible = netip.MustParsePrefix("::/96")           // RFC 4291, section 2.5.5.1: in the last 4 bytes
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765, section 2.1: in the last 4 bytes
	sixToFour  = netip.MustParsePrefix("2002::/16")       // RFC 3056: behind the prefix
	teredo     = netip.MustParsePrefix("2001::/32")       // RFC 4380, section 4: the server's behind the prefix, the client's inverted at the end
)

// forms returns an address, and the IPv4 addresses that it may be delivered to. An
// IPv4-mapped address must be unmapped before.
func forms(a netip.Addr) []netip.Addr {
	all := []netip.Addr{a}
	if !a.Is6() {
		return all
	}
	b := a.As16()
	add := func(b0, b1, b2, b3 byte) { all = append(all, netip.AddrFrom4([4]byte{b0, b1, b2, b3})) }
	switch {
	case a.IsUnspecified() || a.IsLoopback(): // which compatible holds
	case nat64.Contains(a), compatible.Contains(a), translated.Contains(a):
		add(b[12], b[13], b[14], b[15])
	case nat64Local.Contains(a):
		add(b[12], b[13], b[14], b[15]) // with a prefix of 96 bits
		add(b[6], b[7], b[9], b[10])    // of 48: RFC 6052, section 2.2
		add(b[7], b[9], b[10], b[11])   // of 56
		add(b[9], b[10], b[11], b[12])  // of 64
	case sixToFour.Contains(a):
		add(b[2], b[3], b[4], b[5])
	case teredo.Contains(a):
		add(b[4], b[5], b[6], b[7])
		add(^b[12], ^b[13], ^b[14], ^b[15])
	}
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP: RFC 5214, section 6.1
		add(b[12], b[13], b[14], b[15])
	}
	return all
}

// isInternal reports whether a rule has to name an address, or one that it stands for.
func isInternal(a netip.Addr) bool {
	return slices.ContainsFunc(forms(a), func(a netip.Addr) bool { return among(internal, a) })
}

// withinInternal reports whether a prefix names addresses that a rule has to name.
func withinInternal(prefix netip.Prefix) bool {
	return slices.ContainsFunc(internal, func(p netip.Prefix) bool {
		return p.Bits() <= prefix.Bits() && p.Contains(prefix.Addr())
	})
}

func isPrivate(a netip.Addr) bool { return among(private, a) }

// isPublic reports whether an address, and each that it stands for, is that of one machine
// of the Internet.
func isPublic(a netip.Addr) bool {
	return !isInternal(a) && !slices.ContainsFunc(forms(a), func(a netip.Addr) bool {
		return among(reserved, a) || a.Is6() && !global.Contains(a) && !nat64.Contains(a)
	})
}
