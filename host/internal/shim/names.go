//go:build linux || darwin

package shim

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/wasisock/wasisock/host/internal/names"
	"github.com/wasisock/wasisock/sockabi"
)

// maxNodes is how many nodes of the guest's list are used at most: the guest's max can be any
// number, and its list can be a ring.
const maxNodes = 256

// A node is the place in guest memory for one answer.
type node struct {
	info, addr, data, canon []byte // an AddrInfo, its SockAddr, and the room for the address and for the canonical name
}

// sockGetaddrinfo is sock_getaddrinfo: it looks a name and a service up. The policy must allow to
// resolve a name; an address in numbers needs no rule. SOCK_ANY means streams and datagrams.
//
// Parameters: node*, nodelen bytes; service*, servicelen bytes; hints*, a sockabi.AddrInfo of 28
// bytes; res**, 4 bytes, with a pointer to the first of a list of AddrInfo; max, how many of the
// list are used, at most maxNodes and the length of the list; count*, 4 bytes.
//   - EAI_NONAME: there is neither name nor service, the name does not exist, or is longer than
//     sockabi.MaxName.
//   - EAI_SERVICE: no such service is known, or it is longer than sockabi.MaxService.
//   - EAI_MEMORY: max is 0, or there is no room for an answer; then nothing is written.
//   - EAI_BADFLAG, EAI_FAMILY, EAI_SOCKTYPE, ENOSYS: a hint is unknown.
//   - EAI_NODATA, EAI_ADDRFAMILY: the name, or the number, has no address of that family.
//   - EAI_AGAIN: the resolver fails temporarily, or the guest is at its limit of lookups.
//   - EAI_FAIL, EAI_SYSTEM: the resolver, or the list of the host's addresses, fails.
//   - EACCES: the policy refuses to resolve the name.
//   - EINTR: the guest is stopped.
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
	q := names.Question{
		Node: node, Service: serv,
		Flags: hint.Flags, Family: hint.Family, Kind: hint.SockType, Protocol: hint.Protocol,
	}
	g.Account.Rec.Argf(0, func() string { return strconv.Quote(q.Node) }, 1)
	g.Account.Rec.Argf(2, func() string { return strconv.Quote(q.Service) }, 3)
	switch errno := q.Valid(c.u32(6)); {
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
	answers, canon, errno := g.Names.Resolve(q)
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
	g.Account.Rec.Succeeded(func() string {
		texts := make([]string, len(answers))
		for i, a := range answers {
			texts[i] = a.Addr.String()
		}
		return strconv.Itoa(len(answers)) + " [" + strings.Join(texts, ", ") + "]"
	})
	return 0
}

// upToNUL returns a copy of b up to its first NUL, of at most max bytes. fits reports whether max
// was enough.
func upToNUL(b []byte, max int) (s string, fits bool) {
	end := bytes.IndexByte(b[:min(len(b), max+1)], 0)
	if end < 0 {
		end = min(len(b), max)
		return string(b[:end]), end == len(b)
	}
	return string(b[:end]), true
}

// nodes returns the first nodes, at most max, of the list that begins at ptr.
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

func dataSize(a names.Answer) int {
	if a.Addr.Addr().Is4() {
		return sockabi.SockAddrInet4Size
	}
	return sockabi.SockAddrInet6Size
}

// put writes a to n, and canon with a NUL behind it. It does not change Next and the pointers.
func (n node) put(q names.Question, a names.Answer, canon string) {
	var info sockabi.AddrInfo
	var addr sockabi.SockAddr
	binary.Decode(n.info, le, &info)
	binary.Decode(n.addr, le, &addr)

	info.Flags, info.SockType, info.Protocol = q.Flags, a.Kind, a.Protocol
	info.Family, info.AddrLen = sockabi.AF_INET6, 28
	if a.Addr.Addr().Is4() {
		info.Family, info.AddrLen = sockabi.AF_INET4, 16
	}
	info.CanonNameLen = uint32(len(canon))
	addr.Family, addr.DataLen = info.Family, uint32(dataSize(a))

	var data [sockabi.SockAddrInet6Size]byte
	binary.BigEndian.PutUint16(data[0:], a.Addr.Port())
	if at := 2; info.Family == sockabi.AF_INET4 {
		copy(data[at:], a.Addr.Addr().AsSlice())
	} else {
		at += 4 // skips the flow information
		copy(data[at:], a.Addr.Addr().AsSlice())
	}
	copy(n.data, data[:dataSize(a)])
	if canon != "" {
		copy(n.canon, canon+"\x00")
	}
	binary.Encode(n.addr, le, &addr)
	binary.Encode(n.info, le, &info)
}
