package socket

import (
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/wasisock/wasisock/sockabi"
)

// Lookup resolves a host name with the host's resolver, files and DNS included.
//
// It blocks the whole module, every goroutine, for as long as the resolver takes,
// which may be many seconds and has no limit here. Call it before a program
// serves anyone. An IP address in text is not asked of the host and returns at
// once.
//
// The host's addresses are in its order of preference, each once, without zones;
// no more than 64. A name that does not exist is syscall.Errno of
// sockabi.EAI_NONAME, a resolver that cannot say now of sockabi.EAI_AGAIN, each
// in an *os.SyscallError.
func Lookup(host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	var addrs []netip.Addr
	e := syscall.Errno(sockabi.EAI_NONAME)
	if host != "" && len(host) <= 255 && strings.IndexByte(host, 0) < 0 {
		addrs, e = sysLookup(host)
	}
	if e == 0 && len(addrs) == 0 {
		e = syscall.Errno(sockabi.EAI_NODATA)
	}
	if e >= syscall.Errno(sockabi.EAI_ADDRFAMILY) && e <= syscall.Errno(sockabi.EAI_SYSTEM) {
		return nil, &os.SyscallError{Syscall: "sock_getaddrinfo", Err: explained{e, explainLookup(sockabi.Errno(e))}}
	}
	return addrs, fail("sock_getaddrinfo", e)
}
