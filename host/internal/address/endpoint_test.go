//go:build linux || darwin

package address

import (
	"net"
	"net/netip"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

func inet(text string) Endpoint {
	at := netip.MustParseAddrPort(text)
	return Inet(at.Addr(), at.Port())
}

func TestReachable(t *testing.T) {
	for from, want := range map[string]string{
		"0.0.0.0:80":          "127.0.0.1:80",
		"[::ffff:0.0.0.0]:80": "[::ffff:127.0.0.1]:80",
		"[::]:80":             "[::1]:80",
		"127.0.0.2:80":        "127.0.0.2:80",
		"[2001:db8::1]:80":    "[2001:db8::1]:80",
	} {
		if got := inet(from).Reachable(); got != inet(want) {
			t.Errorf("%s is reached at %s, want %s", from, got, want)
		}
	}
}

func TestSameAs(t *testing.T) {
	unix := func(path string) Endpoint { return Endpoint{Family: sockabi.AF_UNIX, Path: path} }
	for _, test := range []struct {
		a, b Endpoint
		want bool
	}{
		{inet("127.0.0.1:80"), inet("127.0.0.1:80"), true},
		{inet("127.0.0.1:80"), inet("127.0.0.1:81"), false},
		{inet("127.0.0.1:80"), inet("127.0.0.2:80"), false},
		{inet("127.0.0.1:80"), inet("[::ffff:127.0.0.1]:80"), true},
		{inet("0.0.0.0:80"), inet("[::]:80"), true},
		{inet("0.0.0.0:80"), inet("127.0.0.1:80"), false},
		{inet("0.0.0.0:0"), unix(""), false},
		{unix("/a"), unix("/a"), true},
		{unix("/a"), unix("/b"), false},
	} {
		if got := test.a.SameAs(test.b); got != test.want || test.b.SameAs(test.a) != test.want {
			t.Errorf("%s and %s are the same: %t", test.a, test.b, got)
		}
	}
}

func TestAnywhere(t *testing.T) {
	for at, want := range map[string]bool{
		"0.0.0.0:1": true, "[::]:1": true, "127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"127.0.0.2:1": false, "192.0.2.1:1": false, "[2001:db8::1]:1": false,
	} {
		if got := inet(at).Anywhere(); got != want {
			t.Errorf("%s is an address of every host: %t", at, got)
		}
	}
}

// odd is an address of no kind that a socket has.
type odd string

func (odd) Network() string  { return "odd" }
func (o odd) String() string { return string(o) }

func TestAddressesOfGo(t *testing.T) {
	tcp := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}
	zoned := &net.UDPAddr{IP: net.ParseIP("fe80::1"), Port: 53, Zone: "eth0"}
	for _, test := range []struct {
		addr   net.Addr
		family uint8
		at, is string // as Endpoints are printed
	}{
		{tcp, sockabi.AF_INET4, "192.0.2.1:80", "192.0.2.1:80"},
		{tcp, sockabi.AF_INET6, "192.0.2.1:80", "[::ffff:192.0.2.1]:80"},
		{tcp, sockabi.AF_UNIX, "192.0.2.1:80", "none"},
		{zoned, sockabi.AF_INET6, "[fe80::1]:53", "[fe80::1]:53"},
		{zoned, sockabi.AF_INET4, "[fe80::1]:53", "none"},
		{&net.UnixAddr{Net: "unix", Name: "/socket"}, sockabi.AF_UNIX, "/socket", "/socket"},
		{&net.UnixAddr{Net: "unix"}, sockabi.AF_UNIX, "unnamed", "unnamed"},
		{odd("[::1]:7"), sockabi.AF_INET6, "[::1]:7", "[::1]:7"},
		{odd("somewhere"), sockabi.AF_INET4, "none", "none"},
		{nil, sockabi.AF_INET4, "none", "none"},
	} {
		if at, is := At(test.addr).String(), For(test.family, test.addr).String(); at != test.at || is != test.is {
			t.Errorf("%v is %s, and %s for family %d; want %s and %s", test.addr, at, is, test.family, test.at, test.is)
		}
	}
}

func TestAddressesOfTheKernel(t *testing.T) {
	for _, e := range []Endpoint{
		inet("192.0.2.1:80"), inet("[2001:db8::1]:65535"), inet("[::ffff:192.0.2.1]:1"),
		{Family: sockabi.AF_UNIX, Path: "/socket"}, {Family: sockabi.AF_UNIX, Path: "@name"}, {},
	} {
		if got := Of(e.Sockaddr()); got != e {
			t.Errorf("%s comes back as %s", e, got)
		}
	}
	if got := Unspecified(sockabi.AF_INET6, 80).WithPort(0).WithPort(81); got != inet("[::]:81") {
		t.Errorf("all addresses of IPv6 are %s", got)
	}
}
