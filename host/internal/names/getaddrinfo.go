package names

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// Resolve answers q. It asks the policy before the resolver, and waits at most until Interrupt. It
// ignores the context of the call: if that were done first, the guest would get EINTR before it is
// known that the guest is stopped.
func (n *Names) Resolve(q Question) (answers []Answer, canon string, errno sockabi.Errno) {
	ctx, cancel := context.WithCancel(n.account.Ended)
	defer cancel()

	addrs, errno, literal := q.literal()
	if errno != 0 && literal {
		return nil, "", errno
	}
	if !literal {
		began := time.Now()
		defer func() {
			failure := ""
			if errno != 0 {
				failure = errno.Name()
			}
			n.report(began, q.Node, "", addrs, failure)
		}()
	}
	if !literal && !n.isOwn(q.Node) {
		if errno := n.account.Ask(host.Request{Op: host.OpResolve, Host: q.Node}); errno != 0 {
			return nil, "", errno
		}
	}
	if !literal && !n.account.MayLookUp() {
		return nil, "", sockabi.EAI_AGAIN
	}
	transports, errno := q.ports(ctx, n.Resolver, q.transports())
	if errno != 0 {
		return nil, "", errno
	}
	if canon = q.Node; !literal {
		if addrs, errno = n.addresses(ctx, q); errno != 0 {
			return nil, "", errno
		}
		for _, a := range addrs {
			n.learn(a.Unmap(), strings.TrimSuffix(q.Node, "."), q.Node)
		}
		if q.Flags&sockabi.AI_CANONNAME != 0 {
			if cname, err := n.Resolver.LookupCNAME(ctx, q.Node); err == nil {
				canon = strings.TrimSuffix(cname, ".")
			}
		}
	}
	if q.Flags&sockabi.AI_CANONNAME == 0 {
		canon = ""
	}
	for _, addr := range addrs {
		for _, t := range transports {
			t.Addr = netip.AddrPortFrom(addr, t.Addr.Port())
			answers = append(answers, t)
		}
	}
	return answers, canon, 0
}

// addresses returns the addresses of the name in q.
func (n *Names) addresses(ctx context.Context, q Question) ([]netip.Addr, sockabi.Errno) {
	if q.Flags&sockabi.AI_ADDRCONFIG != 0 {
		local, err := net.InterfaceAddrs()
		if err != nil {
			return nil, sockabi.EAI_SYSTEM
		}
		family, ok := q.configured(local)
		if !ok {
			return nil, sockabi.EAI_NONAME
		}
		q.Family = family
	}
	network := "ip"
	switch {
	case q.Family == sockabi.AF_INET4:
		network = "ip4"
	case q.Family == sockabi.AF_INET6 && q.Flags&sockabi.AI_V4MAPPED == 0:
		network = "ip6"
	}
	addrs, err := n.Resolver.LookupNetIP(ctx, network, q.Node)
	if err != nil {
		return nil, n.resolution(err)
	}
	for i, a := range addrs { // the resolver returns IPv4 addresses in both forms
		addrs[i] = a.Unmap()
	}
	if addrs = q.choose(addrs); len(addrs) == 0 {
		return nil, sockabi.EAI_NODATA
	}
	return addrs, 0
}

// Valid returns the errno of a question that is invalid without any lookup, or 0.
func (q Question) Valid(max uint32) sockabi.Errno {
	const flags = sockabi.AI_PASSIVE | sockabi.AI_CANONNAME | sockabi.AI_NUMERICHOST | sockabi.AI_NUMERICSERV |
		sockabi.AI_V4MAPPED | sockabi.AI_ALL | sockabi.AI_ADDRCONFIG
	switch {
	case q.Node == "" && q.Service == "":
		return sockabi.EAI_NONAME
	case max == 0:
		return sockabi.EAI_MEMORY
	case q.Flags&^flags != 0 || q.Flags&sockabi.AI_CANONNAME != 0 && q.Node == "":
		return sockabi.EAI_BADFLAG
	case q.Family > sockabi.AF_INET6:
		return sockabi.EAI_FAMILY
	case q.Protocol > sockabi.IPPROTO_UDP || q.Kind > sockabi.SOCK_STREAM:
		return sockabi.ENOSYS
	case len(q.transports()) == 0:
		return sockabi.EAI_SOCKTYPE
	}
	return 0
}

// resolution returns the errno of sock_getaddrinfo for an error of the resolver. Once the guest is
// interrupted, that is EINTR for every error.
func (n *Names) resolution(err error) sockabi.Errno {
	if err == nil {
		return 0
	}
	n.account.Rec.Failed(err)
	var dns *net.DNSError
	var none *net.AddrError
	switch {
	case n.account.Ended.Err() != nil:
		return sockabi.EINTR
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return sockabi.EINTR
	case errors.As(err, &none):
		return sockabi.EAI_NODATA
	case !errors.As(err, &dns):
		return sockabi.EAI_FAIL
	case dns.IsNotFound:
		return sockabi.EAI_NONAME
	case dns.IsTimeout || dns.IsTemporary:
		return sockabi.EAI_AGAIN
	}
	return sockabi.EAI_FAIL
}
