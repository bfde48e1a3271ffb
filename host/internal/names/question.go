package names

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/wasisock/wasisock/sockabi"
)

// A resolver has the methods of *net.Resolver that this package uses.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupCNAME(ctx context.Context, host string) (string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNS(ctx context.Context, name string) ([]*net.NS, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupPort(ctx context.Context, network, service string) (int, error)
}

// A Question holds the parameters of sock_getaddrinfo.
type Question struct {
	Node, Service  string // "" means none
	Flags          uint16 // sockabi.AI_*
	Family         uint8  // sockabi.AF_*
	Kind, Protocol uint8  // sockabi.SOCK_*, sockabi.IPPROTO_*
}

// An Answer is one address that answers a Question.
type Answer struct {
	Addr           netip.AddrPort
	Kind, Protocol uint8
}

// transports returns the transports for the kind and protocol asked for, streams first.
func (q Question) transports() []Answer {
	var all []Answer
	for _, t := range []Answer{
		{Kind: sockabi.SOCK_STREAM, Protocol: sockabi.IPPROTO_TCP},
		{Kind: sockabi.SOCK_DGRAM, Protocol: sockabi.IPPROTO_UDP},
	} {
		if (q.Kind == sockabi.SOCK_ANY || q.Kind == t.Kind) && (q.Protocol == sockabi.IPPROTO_IP || q.Protocol == t.Protocol) {
			all = append(all, t)
		}
	}
	return all
}

// ports returns the transports that have the service, with its port. It returns an errno if the
// service is unknown.
func (q Question) ports(ctx context.Context, r resolver, transports []Answer) ([]Answer, sockabi.Errno) {
	if q.Service == "" {
		return transports, 0
	}
	number, err := strconv.ParseUint(q.Service, 10, 16)
	if err != nil && q.Flags&sockabi.AI_NUMERICSERV != 0 {
		return nil, sockabi.EAI_NONAME
	}
	var found []Answer
	for _, t := range transports {
		if err != nil {
			network := map[uint8]string{sockabi.IPPROTO_TCP: "tcp", sockabi.IPPROTO_UDP: "udp"}[t.Protocol]
			port, err := r.LookupPort(ctx, network, q.Service)
			if err != nil {
				continue
			}
			number = uint64(port)
		}
		t.Addr = netip.AddrPortFrom(netip.Addr{}, uint16(number))
		found = append(found, t)
	}
	if len(found) == 0 {
		return nil, sockabi.EAI_SERVICE
	}
	return found, 0
}

// literal returns the addresses that need no resolver: those of an empty node and of an address in
// numbers. ok is false if the node is a name.
func (q Question) literal() (addrs []netip.Addr, errno sockabi.Errno, ok bool) {
	v4, v6 := netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()
	if q.Flags&sockabi.AI_PASSIVE != 0 {
		v4, v6 = netip.IPv4Unspecified(), netip.IPv6Unspecified()
	}
	switch {
	case q.Node != "":
		addr, err := netip.ParseAddr(q.Node)
		if err != nil || addr.Zone() != "" { // the extension has no zones
			return nil, sockabi.EAI_NONAME, q.Flags&sockabi.AI_NUMERICHOST != 0
		}
		if addrs = q.choose([]netip.Addr{addr}); addrs == nil {
			return nil, sockabi.EAI_ADDRFAMILY, true
		}
		return addrs, 0, true
	case q.Family == sockabi.AF_INET4:
		return []netip.Addr{v4}, 0, true
	case q.Family == sockabi.AF_INET6:
		return []netip.Addr{v6}, 0, true
	case q.Flags&sockabi.AI_PASSIVE != 0:
		return []netip.Addr{v4, v6}, 0, true
	}
	return []netip.Addr{v6, v4}, 0, true
}

// choose returns the addresses of the family asked for. With AI_V4MAPPED, it returns IPv4-mapped
// addresses if there is no IPv6 address, and with AI_ALL too also beside IPv6 addresses.
func (q Question) choose(addrs []netip.Addr) []netip.Addr {
	var v4, v6 []netip.Addr
	for _, a := range addrs {
		if a = a.WithZone(""); a.Is4() || a.Is4In6() && q.Family != sockabi.AF_INET6 {
			v4 = append(v4, a.Unmap())
		} else {
			v6 = append(v6, a)
		}
	}
	switch q.Family {
	case sockabi.AF_INET4:
		return v4
	case sockabi.AF_INET6:
		if q.Flags&sockabi.AI_V4MAPPED != 0 && (len(v6) == 0 || q.Flags&sockabi.AI_ALL != 0) {
			for _, a := range v4 {
				v6 = append(v6, netip.AddrFrom16(a.As16()))
			}
		}
		return v6
	}
	for i, a := range addrs {
		addrs[i] = a.WithZone("")
	}
	return addrs
}

// configured returns the family to ask for with AI_ADDRCONFIG: a family in which this machine has
// an address besides loopback. ok is false if the family asked for is not one.
func (q Question) configured(addrs []net.Addr) (family uint8, ok bool) {
	var v4, v6 bool
	for _, a := range addrs {
		if n, isNet := a.(*net.IPNet); isNet && !n.IP.IsLoopback() {
			v4 = v4 || n.IP.To4() != nil
			v6 = v6 || n.IP.To4() == nil
		}
	}
	switch {
	case q.Flags&sockabi.AI_ADDRCONFIG == 0 || v4 == v6 && q.Family == sockabi.AF_UNSPEC:
		return q.Family, true
	case q.Family == sockabi.AF_INET4:
		return q.Family, v4
	case q.Family == sockabi.AF_INET6:
		return q.Family, v6 || v4 && q.Flags&sockabi.AI_V4MAPPED != 0
	case v4:
		return sockabi.AF_INET4, true
	}
	return sockabi.AF_INET6, true
}
