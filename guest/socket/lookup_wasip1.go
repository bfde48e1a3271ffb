package socket

import (
	"net/netip"
	"slices"
	"syscall"
	"unsafe"

	"github.com/wasisock/wasisock/sockabi"
)

const maxLookup = 64

// lookupResult is one node of the list that sock_getaddrinfo fills, with all it
// points to. The host checks neither size.
type lookupResult struct {
	info sockabi.AddrInfo
	addr sockabi.SockAddr
	data [sockabi.SockAddrInet6Size]byte
	name [256]byte // canonical: not asked for, but some host may write it
}

// lookup is static, as scratch is and for the same reasons.
var lookup [maxLookup]lookupResult

// sysLookup asks for streams: WasmEdge aborts when asked for any type.
func sysLookup(host string) ([]netip.Addr, syscall.Errno) {
	addrs := make([]netip.Addr, 0, maxLookup) // now, so that nothing is allocated later
	for i := range lookup {
		r := &lookup[i]
		*r = lookupResult{}
		r.addr = sockabi.SockAddr{DataLen: uint32(len(r.data)), Data: pointer(unsafe.Pointer(&r.data))}
		r.info.Addr = pointer(unsafe.Pointer(&r.addr))
		r.info.CanonName = pointer(unsafe.Pointer(&r.name))
		r.info.CanonNameLen = uint32(len(r.name))
		if i+1 < len(lookup) {
			r.info.Next = pointer(unsafe.Pointer(&lookup[i+1]))
		}
	}
	hints := sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM, Protocol: sockabi.IPPROTO_TCP}
	first := pointer(unsafe.Pointer(&lookup))
	var count uint32
	name := unsafe.Pointer(unsafe.StringData(host))
	e := sock_getaddrinfo(name, uint32(len(host)), name, 0, &hints, &first, maxLookup, &count)
	if e != 0 {
		return nil, e
	}
	for i := range min(int(count), maxLookup) {
		if ip, ok := lookup[i].ip(); ok && !slices.Contains(addrs, ip) {
			addrs = append(addrs, ip)
		}
	}
	return addrs, 0
}

func (r *lookupResult) ip() (netip.Addr, bool) {
	switch r.addr.Family {
	case sockabi.AF_INET4:
		return netip.AddrFrom4([4]byte(r.data[2:])), true
	case sockabi.AF_INET6:
		return netip.AddrFrom16([16]byte(r.data[6:])), true
	}
	return netip.Addr{}, false
}
