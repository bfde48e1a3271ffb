//go:build wasip1

package net

import (
	"internal/poll"
	"internal/sockabi"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/net/dns/dnsmessage"
)

// Where no /etc/resolv.conf names a server, the host's own resolver is the name
// server: its address is a zone that no interface has, which errors show, and what
// package net sends there is answered by sock_getaddrinfo. So everything that package
// net does with names works the same, for every Resolver.
//
// sock_getaddrinfo takes as long as it takes, and all goroutines wait.

const hostResolverZone = "sock_getaddrinfo"

// init reads DNS_SERVER: an address, with a port or without. It is asked in place of
// the servers in /etc/resolv.conf.
func init() {
	defaultNS = []string{"[::%" + hostResolverZone + "]:53"}
	server := os.Getenv("DNS_SERVER")
	if server == "" {
		return
	}
	if _, _, err := SplitHostPort(server); err != nil {
		server = JoinHostPort(server, "53")
	}
	resolvConf.initOnce.Do(func() {
		resolvConf.init()
		conf := resolvConf.dnsConfig.Load()
		conf.servers, conf.noReload = []string{server}, true
	})
}

func isHostResolver(addr sockaddr) bool {
	a, ok := addr.(*UDPAddr)
	return ok && a != nil && a.Zone == hostResolverZone
}

// dialHostResolver gives the conversation a socket that nothing is sent on, so that
// deadlines and Close work as ever.
func dialHostResolver(net string, addr sockaddr) (*netFD, error) {
	s, err := sysSocket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	fd, err := made(newFD(s, syscall.AF_INET, syscall.SOCK_DGRAM, net))
	if err != nil {
		poll.CloseFunc(s)
		return nil, err
	}
	if err := fd.init(); err != nil {
		fd.Close()
		return nil, err
	}
	fd.resolver = new(hostResolver)
	fd.setAddr(nil, addr)
	return fd, nil
}

// A hostResolver is one conversation: a question, and its answer.
type hostResolver struct{ answer []byte }

func (r *hostResolver) read(p []byte) (int, error) {
	if r.answer == nil {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, r.answer)
	r.answer = nil
	return n, nil
}

func (r *hostResolver) write(p []byte) (int, error) {
	answer, err := answerQuestion(p)
	if err != nil {
		return 0, os.NewSyscallError("sock_getaddrinfo", err)
	}
	r.answer = answer
	return len(p), nil
}

// answerQuestion answers a DNS message with one question.
func answerQuestion(query []byte) ([]byte, error) {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	header.Response, header.RecursionAvailable = true, true
	var addrs []IP
	switch q.Type {
	case dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeCNAME:
		name := q.Name.String()
		if len(name) > 1 && name[len(name)-1] == '.' {
			name = name[:len(name)-1]
		}
		var e syscall.Errno
		addrs, e = hostLookup(name, q.Type)
		switch sockabi.Errno(e) {
		case 0, sockabi.EAI_NODATA, sockabi.EAI_ADDRFAMILY:
		case sockabi.EAI_NONAME:
			header.RCode = dnsmessage.RCodeNameError
		case sockabi.EAI_AGAIN, sockabi.EAI_FAIL, sockabi.EAI_SYSTEM:
			header.RCode = dnsmessage.RCodeServerFailure
		default:
			return nil, e
		}
	default:
		header.RCode = dnsmessage.RCodeNotImplemented
	}
	b := dnsmessage.NewBuilder(nil, header)
	b.EnableCompression()
	b.StartQuestions()
	b.Question(q)
	b.StartAnswers()
	for _, ip := range addrs {
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		if ip4 := ip.To4(); ip4 != nil {
			b.AResource(h, dnsmessage.AResource{A: [4]byte(ip4)})
		} else {
			b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: [16]byte(ip)})
		}
	}
	return b.Finish()
}

//go:wasmimport wasi_snapshot_preview1 sock_getaddrinfo
//go:noescape
func sock_getaddrinfo(node unsafe.Pointer, nodelen uint32, service unsafe.Pointer, servicelen uint32, hints *sockabi.AddrInfo, res *uint32, max uint32, count *uint32) uint32

const maxLookup = 16

// lookupResults is the list that sock_getaddrinfo fills. The host does not check the
// sizes of what it writes to.
var lookupResults [maxLookup]struct {
	info sockabi.AddrInfo
	addr sockabi.SockAddr
	data [sockabi.SockAddrInet6Size]byte
	name [256]byte
}

func pointer(p unsafe.Pointer) uint32 { return uint32(uintptr(p)) }

// hostLookup asks for streams: WasmEdge aborts when asked for any type.
func hostLookup(name string, qtype dnsmessage.Type) ([]IP, syscall.Errno) {
	hints := sockabi.AddrInfo{Family: sockabi.AF_INET4, SockType: sockabi.SOCK_STREAM, Protocol: sockabi.IPPROTO_TCP}
	if qtype == dnsmessage.TypeAAAA {
		hints.Family = sockabi.AF_INET6
	}
	for i := range lookupResults {
		r := &lookupResults[i]
		r.addr = sockabi.SockAddr{DataLen: uint32(len(r.data)), Data: pointer(unsafe.Pointer(&r.data))}
		r.info = sockabi.AddrInfo{
			Addr:         pointer(unsafe.Pointer(&r.addr)),
			CanonName:    pointer(unsafe.Pointer(&r.name)),
			CanonNameLen: uint32(len(r.name)),
		}
		if i+1 < maxLookup {
			r.info.Next = pointer(unsafe.Pointer(&lookupResults[i+1].info))
		}
	}
	first := pointer(unsafe.Pointer(&lookupResults[0].info))
	var count uint32
	node := unsafe.Pointer(unsafe.StringData(name))
	e := sock_getaddrinfo(node, uint32(len(name)), node, 0, &hints, &first, maxLookup, &count)
	runtime.KeepAlive(name)
	if e != 0 {
		return nil, syscall.Errno(e)
	}
	var addrs []IP
	for i := range min(count, maxLookup) {
		switch r := &lookupResults[i]; r.addr.Family {
		case sockabi.AF_INET4:
			addrs = append(addrs, append(IP(nil), r.data[2:6]...))
		case sockabi.AF_INET6:
			addrs = append(addrs, append(IP(nil), r.data[6:22]...))
		}
	}
	return addrs, 0
}
