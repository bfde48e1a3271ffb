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
// It blocks the whole module, every goroutine, until the resolver answers, which may take many
// seconds and has no timeout. Call it before the program serves. A numeric address is returned
// at once, without asking the host.
//
// It returns at most 64 addresses, each once, without zones, in the host's order of preference.
// The error is an *os.SyscallError with the syscall.Errno of sockabi.EAI_NONAME if the name
// does not exist, and of sockabi.EAI_AGAIN if the resolver has no answer now.
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
