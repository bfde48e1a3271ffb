//go:build linux || darwin

package system

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// maxNodes is how many nodes of the guest's list are looked at: its max can be
// anything, and its list a ring.
const maxNodes = 256

// A node is where one answer goes.
type node struct {
	info, addr, data, canon []byte // an AddrInfo, its SockAddr, and the room for their data
}

// sock_getaddrinfo: a number needs no permission, a name that of the policy to
// resolve it. EAI_MEMORY is no room for an answer; nothing is written then. A
// list that ends before max has as many nodes as it has. The errors are else
// those of WasmEdge. SOCK_ANY means streams and datagrams. A name or service that is
// longer than sockabi says is EAI_NONAME or EAI_SERVICE.
func (g *guest) sockGetaddrinfo(c call) sockabi.Errno {
	if !c.aligned(4, 4, 5, 7) {
		return sockabi.EADDRNOTAVAIL
	}
	name, ok1 := c.at(0, uint64(c.u32(1)))
	service, ok2 := c.at(2, uint64(c.u32(3)))
	hints, ok3 := c.at(4, sockabi.AddrInfoSize)
	first, ok4 := c.at(5, 4)
	count, ok5 := c.at(7, 4)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return sockabi.EFAULT
	}
	var hint sockabi.AddrInfo
	binary.Decode(hints, le, &hint)
	node, nodeFits := upToNUL(name, sockabi.MaxName)
	serv, servFits := upToNUL(service, sockabi.MaxService)
	q := question{
		node: node, service: serv,
		flags: hint.Flags, family: hint.Family, kind: hint.SockType, protocol: hint.Protocol,
	}
	g.account.Rec.Argf(0, func() string { return strconv.Quote(q.node) }, 1)
	g.account.Rec.Argf(2, func() string { return strconv.Quote(q.service) }, 3)
	switch errno := q.valid(c.u32(6)); {
	case errno != 0:
		return errno
	case !nodeFits:
		return sockabi.EAI_NONAME
	case !servFits:
		return sockabi.EAI_SERVICE
	}
	nodes, errno := c.nodes(le.Uint32(first), c.u32(6))
	if errno != 0 {
		return errno
	}
	answers, canon, errno := g.resolve(q)
	if errno != 0 {
		return errno
	}
	answers = answers[:min(len(answers), len(nodes))]
	for i, a := range answers {
		if len(nodes[i].data) < dataSize(a) || i == 0 && canon != "" && len(nodes[i].canon) <= len(canon) {
			return sockabi.EAI_MEMORY
		}
	}
	for i, a := range answers {
		nodes[i].put(q, a, canon)
		canon = ""
	}
	le.PutUint32(count, uint32(len(answers)))
	g.account.Rec.Succeeded(func() string {
		texts := make([]string, len(answers))
		for i, a := range answers {
			texts[i] = a.addr.String()
		}
		return strconv.Itoa(len(answers)) + " [" + strings.Join(texts, ", ") + "]"
	})
	return 0
}

// upToNUL returns a copy of b up to its first NUL, but of no more than max bytes. fits
// reports whether that is all.
func upToNUL(b []byte, max int) (s string, fits bool) {
	end := bytes.IndexByte(b[:min(len(b), max+1)], 0)
	if end < 0 {
		end = min(len(b), max)
		return string(b[:end]), end == len(b)
	}
	return string(b[:end]), true
}

// valid checks the question as far as no resolver is needed for it.
func (q question) valid(max uint32) sockabi.Errno {
	const flags = sockabi.AI_PASSIVE | sockabi.AI_CANONNAME | sockabi.AI_NUMERICHOST | sockabi.AI_NUMERICSERV |
		sockabi.AI_V4MAPPED | sockabi.AI_ALL | sockabi.AI_ADDRCONFIG
	switch {
	case q.node == "" && q.service == "":
		return sockabi.EAI_NONAME
	case max == 0:
		return sockabi.EAI_MEMORY
	case q.flags&^flags != 0 || q.flags&sockabi.AI_CANONNAME != 0 && q.node == "":
		return sockabi.EAI_BADFLAG
	case q.family > sockabi.AF_INET6:
		return sockabi.EAI_FAMILY
	case q.protocol > sockabi.IPPROTO_UDP || q.kind > sockabi.SOCK_STREAM:
		return sockabi.ENOSYS
	case len(q.transports()) == 0:
		return sockabi.EAI_SOCKTYPE
	}
	return 0
}

// nodes is the list that begins at ptr, at most max long.
func (c call) nodes(ptr, max uint32) ([]node, sockabi.Errno) {
	var nodes []node
	for len(nodes) == 0 || ptr != 0 && len(nodes) < int(min(max, maxNodes)) {
		var n node
		var info sockabi.AddrInfo
		var addr sockabi.SockAddr
		var ok bool
		if ptr%4 != 0 {
			return nil, sockabi.EADDRNOTAVAIL
		}
		if n.info, ok = c.view(ptr, sockabi.AddrInfoSize); !ok {
			return nil, sockabi.EFAULT
		}
		binary.Decode(n.info, le, &info)
		if n.addr, ok = c.view(info.Addr, sockabi.SockAddrSize); !ok {
			return nil, sockabi.EFAULT
		}
		binary.Decode(n.addr, le, &addr)
		if n.data, ok = c.view(addr.Data, uint64(addr.DataLen)); !ok {
			return nil, sockabi.EFAULT
		}
		if n.canon, ok = c.view(info.CanonName, uint64(info.CanonNameLen)); !ok {
			return nil, sockabi.EFAULT
		}
		nodes = append(nodes, n)
		ptr = info.Next
	}
	return nodes, 0
}

func dataSize(a answer) int {
	if a.addr.Addr().Is4() {
		return sockabi.SockAddrInet4Size
	}
	return sockabi.SockAddrInet6Size
}

// put writes a to n, and canon with a NUL behind it. What Next and the pointers
// are is left alone.
func (n node) put(q question, a answer, canon string) {
	var info sockabi.AddrInfo
	var addr sockabi.SockAddr
	binary.Decode(n.info, le, &info)
	binary.Decode(n.addr, le, &addr)

	info.Flags, info.SockType, info.Protocol = q.flags, a.kind, a.protocol
	info.Family, info.AddrLen = sockabi.AF_INET6, 28
	if a.addr.Addr().Is4() {
		info.Family, info.AddrLen = sockabi.AF_INET4, 16
	}
	info.CanonNameLen = uint32(len(canon))
	addr.Family, addr.DataLen = info.Family, uint32(dataSize(a))

	var data [sockabi.SockAddrInet6Size]byte
	binary.BigEndian.PutUint16(data[0:], a.addr.Port())
	if at := 2; info.Family == sockabi.AF_INET4 {
		copy(data[at:], a.addr.Addr().AsSlice())
	} else {
		at += 4 // flow information
		copy(data[at:], a.addr.Addr().AsSlice())
	}
	copy(n.data, data[:dataSize(a)])
	if canon != "" {
		copy(n.canon, canon+"\x00")
	}
	binary.Encode(n.addr, le, &addr)
	binary.Encode(n.info, le, &info)
}

// resolve answers q. It asks the policy before it asks anyone else, and waits no
// longer than until Interrupt. It does not look at the call's own context: if that was
// done first, the guest would see EINTR before it is known that it is to end.
func (g *guest) resolve(q question) (answers []answer, canon string, errno sockabi.Errno) {
	ctx, cancel := context.WithCancel(g.account.Ended)
	defer cancel()

	addrs, errno, literal := q.literal()
	if errno != 0 && literal {
		return nil, "", errno
	}
	if !literal && !g.isOwn(q.node) {
		if errno := g.account.Ask(host.Request{Op: host.OpResolve, Host: q.node}); errno != 0 {
			return nil, "", errno
		}
	}
	if !literal && !g.account.MayLookUp() {
		return nil, "", sockabi.EAI_AGAIN
	}
	transports, errno := q.ports(ctx, g.resolver, q.transports())
	if errno != 0 {
		return nil, "", errno
	}
	if canon = q.node; !literal {
		if addrs, errno = g.addresses(ctx, q); errno != 0 {
			return nil, "", errno
		}
		for _, a := range addrs {
			g.learn(a.Unmap(), strings.TrimSuffix(q.node, "."), q.node)
		}
		if q.flags&sockabi.AI_CANONNAME != 0 {
			if cname, err := g.resolver.LookupCNAME(ctx, q.node); err == nil {
				canon = strings.TrimSuffix(cname, ".")
			}
		}
	}
	if q.flags&sockabi.AI_CANONNAME == 0 {
		canon = ""
	}
	for _, addr := range addrs {
		for _, t := range transports {
			t.addr = netip.AddrPortFrom(addr, t.addr.Port())
			answers = append(answers, t)
		}
	}
	return answers, canon, 0
}

// addresses is those of the name that q is about.
func (g *guest) addresses(ctx context.Context, q question) ([]netip.Addr, sockabi.Errno) {
	if q.flags&sockabi.AI_ADDRCONFIG != 0 {
		local, err := net.InterfaceAddrs()
		if err != nil {
			return nil, sockabi.EAI_SYSTEM
		}
		family, ok := q.configured(local)
		if !ok {
			return nil, sockabi.EAI_NONAME
		}
		q.family = family
	}
	network := "ip"
	switch {
	case q.family == sockabi.AF_INET4:
		network = "ip4"
	case q.family == sockabi.AF_INET6 && q.flags&sockabi.AI_V4MAPPED == 0:
		network = "ip6"
	}
	addrs, err := g.resolver.LookupNetIP(ctx, network, q.node)
	if err != nil {
		return nil, g.resolution(err)
	}
	for i, a := range addrs { // IPv4 addresses come in both forms
		addrs[i] = a.Unmap()
	}
	if addrs = q.choose(addrs); len(addrs) == 0 {
		return nil, sockabi.EAI_NODATA
	}
	return addrs, 0
}
