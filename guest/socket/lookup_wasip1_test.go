package socket

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

func TestLookupOfLocalhost(t *testing.T) {
	for range 2 { // the host writes into the same memory again
		addrs, err := Lookup("localhost")
		if errors.Is(err, os.ErrPermission) {
			t.Skip(err)
		}
		if err != nil || !slices.ContainsFunc(addrs, netip.Addr.IsLoopback) {
			t.Fatalf("Lookup: %v, %v", addrs, err)
		}
		for i, ip := range addrs {
			if !ip.IsLoopback() || slices.Contains(addrs[:i], ip) {
				t.Errorf("Lookup: %v", addrs)
			}
		}
	}
}

func TestLookupOfWhatNeedsNoHost(t *testing.T) {
	for _, text := range []string{"127.0.0.1", "::1", "::ffff:1.2.3.4", "192.0.2.1"} {
		if got, err := Lookup(text); err != nil || len(got) != 1 || got[0].String() != text {
			t.Errorf("Lookup(%q): %v, %v", text, got, err)
		}
	}
}

func TestLookupOfNoName(t *testing.T) {
	// None of these makes a resolver ask the network.
	for _, name := range []string{"", strings.Repeat("x", 64), strings.Repeat("x", 256), "local\x00host", "\x00"} {
		addrs, err := Lookup(name)
		if errors.Is(err, os.ErrPermission) {
			t.Skip(err)
		}
		var call *os.SyscallError
		if addrs != nil || !errors.As(err, &call) || call.Syscall != "sock_getaddrinfo" ||
			!errors.Is(err, syscall.Errno(sockabi.EAI_NONAME)) || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("Lookup(%.9q): %v, %v", name, addrs, err)
		}
	}
}
