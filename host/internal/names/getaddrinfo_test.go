package names

import (
	"net"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

func TestAddrconfig(t *testing.T) {
	v4 := &net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}
	v6 := &net.IPNet{IP: net.ParseIP("2001:db8::1"), Mask: net.CIDRMask(64, 128)}
	lo4 := &net.IPNet{IP: net.IPv4(127, 0, 0, 1), Mask: net.CIDRMask(8, 32)}
	lo6 := &net.IPNet{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)}
	const addrconfig = sockabi.AI_ADDRCONFIG
	for _, test := range []struct {
		flags  uint16
		family uint8
		have   []net.Addr
		want   uint8
		ok     bool
	}{
		{0, sockabi.AF_INET6, []net.Addr{v4}, sockabi.AF_INET6, true},
		{0, sockabi.AF_UNSPEC, []net.Addr{v4}, sockabi.AF_UNSPEC, true},
		{addrconfig, sockabi.AF_UNSPEC, []net.Addr{v4, v6}, sockabi.AF_UNSPEC, true},
		{addrconfig, sockabi.AF_UNSPEC, []net.Addr{lo4, lo6, v4}, sockabi.AF_INET4, true},
		{addrconfig, sockabi.AF_UNSPEC, []net.Addr{lo4, lo6, v6}, sockabi.AF_INET6, true},
		{addrconfig, sockabi.AF_UNSPEC, []net.Addr{lo4, lo6}, sockabi.AF_UNSPEC, true},
		{addrconfig, sockabi.AF_INET6, []net.Addr{v4}, sockabi.AF_INET6, false},
		{addrconfig, sockabi.AF_INET4, []net.Addr{v6}, sockabi.AF_INET4, false},
		{addrconfig, sockabi.AF_INET4, []net.Addr{v4}, sockabi.AF_INET4, true},
		{addrconfig | sockabi.AI_V4MAPPED, sockabi.AF_INET6, []net.Addr{v4}, sockabi.AF_INET6, true},
	} {
		q := Question{Flags: test.flags, Family: test.family}
		if got, ok := q.configured(test.have); ok != test.ok || ok && got != test.want {
			t.Errorf("%+v: %d, %v", test, got, ok)
		}
	}
}
