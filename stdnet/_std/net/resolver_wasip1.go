//go:build wasip1

package net

import (
	"context"
	"internal/bytealg"
	"internal/poll"
	"internal/sockabi"
	"internal/stringslite"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/net/dns/dnsmessage"
)

// Where no /etc/resolv.conf names a server, the host's own resolver is the name
// server: its address is a zone that no interface has, and what
// package net sends there is answered by sock_getaddrinfo. So everything that package
// net does with names works the same, for every Resolver.
//
// sock_getaddrinfo takes as long as it takes, and all goroutines wait.

const (
	hostResolverZone = "sock_getaddrinfo"
	hostResolverAddr = "[::%" + hostResolverZone + "]:53"
)

// hostSearch is the search list where the host's resolver is the name server: a name that
// ends in it was written without a dot at its end, and the host has a search list of its
// own for such names. Others are absolute.
const hostSearch = "search-list-of-the-host."

// init reads DNS_SERVER: an address, with a port or without. It is asked in place of
// the servers in /etc/resolv.conf.
func init() {
	defaultNS = []string{hostResolverAddr}
	lookupIP := testHookLookupIP
	testHookLookupIP = func(ctx context.Context, fn func(context.Context, string, string) ([]IPAddr, error), network, name string) ([]IPAddr, error) {
		addrs, err := lookupIP(ctx, fn, network, name)
		return addrs, ofHostResolver(err)
	}
	server := os.Getenv("DNS_SERVER")
	if server != "" {
		if _, _, err := SplitHostPort(server); err != nil {
			server = JoinHostPort(server, "53")
		}
	}
	resolvConf.initOnce.Do(func() {
		resolvConf.init()
		conf := resolvConf.dnsConfig.Load()
		switch {
		case server != "":
			conf.servers, conf.noReload = []string{server}, true
		case len(conf.servers) > 0 && conf.servers[0] == hostResolverAddr:
			conf.search, conf.ndots = []string{hostSearch}, 1<<10
		}
	})
}

// isHostResolver reports whether addr is the host's resolver, and whether it is asked over
// a stream.
func isHostResolver(addr sockaddr) (is, stream bool) {
	switch a := addr.(type) {
	case *UDPAddr:
		return a != nil && a.Zone == hostResolverZone, false
	case *TCPAddr:
		return a != nil && a.Zone == hostResolverZone, true
	}
	return false, false
}

// dialHostResolver gives the conversation a socket that nothing is sent on, so that
// deadlines and Close work as ever.
func dialHostResolver(net string, addr sockaddr, stream bool) (*netFD, error) {
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
	fd.resolver = &hostResolver{stream: stream}
	var laddr Addr
	if stream { // dialling TCP wants one
		laddr = &TCPAddr{}
	}
	fd.setAddr(laddr, addr)
	return fd, nil
}

// A hostResolver is one conversation: a question, and its answer. In a stream each has its
// length in front, in two bytes.
type hostResolver struct {
	stream bool
	answer []byte
}

func (r *hostResolver) read(p []byte) (int, error) {
	if r.answer == nil {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, r.answer)
	if r.answer = r.answer[n:]; !r.stream || len(r.answer) == 0 {
		r.answer = nil
	}
	return n, nil
}

func (r *hostResolver) write(p []byte) (int, error) {
	if !r.stream {
		answer, err := answerQuestion(p, maxDNSPacketSize)
		if err != nil {
			return 0, err
		}
		r.answer = answer
		return len(p), nil
	}
	const length, longest = 2, 1<<16 - 1
	if len(p) < length {
		return 0, syscall.EINVAL
	}
	answer, err := answerQuestion(p[length:], longest)
	if err != nil {
		return 0, err
	}
	r.answer = append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...)
	return len(p), nil
}

// A lookupRefused is the error for a name that the host's policy does not let the guest look up.
type lookupRefused struct{ name string }

const refused = "permission denied: no rule allows it to resolve "

func (e *lookupRefused) Error() string { return refused + e.name }

func (e *lookupRefused) Unwrap() error { return syscall.EACCES }

// ofHostResolver returns an error of the host's resolver as one that names no server, since
// nothing was sent anywhere.
func ofHostResolver(err error) error {
	e, ok := err.(*DNSError)
	if !ok || e.Server != hostResolverAddr {
		return err
	}
	shown := *e
	shown.Server = ""
	if i := stringslite.Index(e.Err, refused); i >= 0 {
		shown.Err, shown.UnwrapErr = e.Err[i:], syscall.EACCES
	}
	return &shown
}

// answerQuestion answers a DNS message with one question, in at most size bytes. A longer
// answer is cut, after which package net asks over a stream.
func answerQuestion(query []byte, size int) ([]byte, error) {
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
	owner := q.Name // of the addresses
	switch q.Type {
	case dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeCNAME:
		name, relative := stringslite.CutSuffix(q.Name.String(), "."+hostSearch)
		if name == "localhost." { // which files know without the dot alone
			name = "localhost"
		}
		var canon string
		var e syscall.Errno
		addrs, canon, e = hostLookup(name, q.Type)
		if canon == "" && relative {
			canon = name
		}
		if canon != "" {
			if n, err := dnsmessage.NewName(absolute(canon)); err == nil {
				owner = n
			}
		}
		switch sockabi.Errno(e) {
		case 0, sockabi.EAI_NODATA, sockabi.EAI_ADDRFAMILY:
		case sockabi.EAI_NONAME:
			header.RCode = dnsmessage.RCodeNameError
		case sockabi.EAI_AGAIN, sockabi.EAI_FAIL, sockabi.EAI_SYSTEM:
			header.RCode = dnsmessage.RCodeServerFailure
		case sockabi.EACCES:
			name, _ = stringslite.CutSuffix(name, ".")
			return nil, &lookupRefused{name}
		default:
			return nil, os.NewSyscallError("sock_getaddrinfo", e)
		}
	default:
		header.RCode = dnsmessage.RCodeNotImplemented
	}
	answer, err := packAnswer(header, q, owner, addrs)
	if err == nil && len(answer) > size {
		header.Truncated = true
		answer, err = packAnswer(header, q, q.Name, nil)
	}
	return answer, err
}

func absolute(name string) string {
	if len(name) > 0 && name[len(name)-1] == '.' {
		return name
	}
	return name + "."
}

// packAnswer packs the answer to q: addresses of owner, which q's name is an alias of if
// it is another.
func packAnswer(header dnsmessage.Header, q dnsmessage.Question, owner dnsmessage.Name, addrs []IP) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, header)
	b.EnableCompression()
	b.StartQuestions()
	b.Question(q)
	b.StartAnswers()
	if len(addrs) > 0 && owner != q.Name {
		b.CNAMEResource(dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}, dnsmessage.CNAMEResource{CNAME: owner})
	}
	for _, ip := range addrs {
		h := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET}
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

// A lookupResult is one of those that sock_getaddrinfo fills. The host does not check the
// sizes of what it writes to.
type lookupResult struct {
	info sockabi.AddrInfo
	addr sockabi.SockAddr
	data [sockabi.SockAddrInet6Size]byte
	name [256]byte
}

const (
	fewResults  = 16
	manyResults = 4096
)

func pointer(p unsafe.Pointer) uint32 { return uint32(uintptr(p)) }

// hostLookup asks for streams: WasmEdge aborts when asked for any type. canon is the name
// that name is an alias of, or name itself, if the host says.
func hostLookup(name string, qtype dnsmessage.Type) (addrs []IP, canon string, e syscall.Errno) {
	addrs, canon, full, e := hostLookupIn(make([]lookupResult, fewResults), name, qtype)
	if full {
		addrs, canon, _, e = hostLookupIn(make([]lookupResult, manyResults), name, qtype)
	}
	return addrs, canon, e
}

// hostLookupIn looks up into results. If full there may be more than fit.
func hostLookupIn(results []lookupResult, name string, qtype dnsmessage.Type) (addrs []IP, canon string, full bool, e syscall.Errno) {
	hints := sockabi.AddrInfo{Flags: sockabi.AI_CANONNAME, Family: sockabi.AF_INET4, SockType: sockabi.SOCK_STREAM, Protocol: sockabi.IPPROTO_TCP}
	if qtype == dnsmessage.TypeAAAA {
		hints.Family = sockabi.AF_INET6
	}
	for i := range results {
		r := &results[i]
		r.addr = sockabi.SockAddr{DataLen: uint32(len(r.data)), Data: pointer(unsafe.Pointer(&r.data))}
		r.info = sockabi.AddrInfo{
			Addr:         pointer(unsafe.Pointer(&r.addr)),
			CanonName:    pointer(unsafe.Pointer(&r.name)),
			CanonNameLen: uint32(len(r.name)),
		}
		if i+1 < len(results) {
			r.info.Next = pointer(unsafe.Pointer(&results[i+1].info))
		}
	}
	first := pointer(unsafe.Pointer(&results[0].info))
	var count uint32
	node := unsafe.Pointer(unsafe.StringData(name))
	e = syscall.Errno(sock_getaddrinfo(node, uint32(len(name)), node, 0, &hints, &first, uint32(len(results)), &count))
	runtime.KeepAlive(name)
	if e == 0 {
		n := min(int(count), len(results))
		for i := range results[:n] {
			switch r := &results[i]; r.addr.Family {
			case sockabi.AF_INET4:
				addrs = append(addrs, append(IP(nil), r.data[2:6]...))
			case sockabi.AF_INET6:
				addrs = append(addrs, append(IP(nil), r.data[6:22]...))
			}
		}
		full = n == len(results)
		text := results[0].name[:]
		if end := bytealg.IndexByte(text, 0); end > 0 {
			canon = string(text[:end])
		}
	}
	runtime.KeepAlive(results)
	return addrs, canon, full, e
}
