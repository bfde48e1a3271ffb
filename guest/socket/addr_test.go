package socket

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

func inet(s string) Addr { return Addr{AddrPort: netip.MustParseAddrPort(s)} }

func TestAddressesOnTheWire(t *testing.T) {
	long := strings.Repeat("p", sockabi.MaxUnixPath)
	mapped := "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"
	for _, test := range []struct {
		name   string
		addr   Addr
		family uint16
		errno  syscall.Errno
		data   string // what Data begins with, the rest being 0
		back   Addr   // what comes back; the zero Addr if addr itself does
	}{
		{"IPv4", inet("1.2.3.4:80"), sockabi.AF_INET4, 0, "\x01\x02\x03\x04", Addr{}},
		{"port 0", inet("1.2.3.4:0"), sockabi.AF_INET4, 0, "\x01\x02\x03\x04", Addr{}},
		{"the highest port", inet("1.2.3.4:65535"), sockabi.AF_INET4, 0, "\x01\x02\x03\x04", Addr{}},
		{"IPv4 unspecified", inet("0.0.0.0:1"), sockabi.AF_INET4, 0, "", Addr{}},
		{"IPv6", inet("[1::2]:80"), sockabi.AF_INET6, 0, "\x00\x01" + strings.Repeat("\x00", 13) + "\x02", Addr{}},
		{"IPv4 on an IPv6 socket", inet("1.2.3.4:80"), sockabi.AF_INET6, 0, mapped + "\x01\x02\x03\x04", inet("[::ffff:1.2.3.4]:80")},
		{"mapped on an IPv6 socket", inet("[::ffff:1.2.3.4]:80"), sockabi.AF_INET6, 0, mapped + "\x01\x02\x03\x04", Addr{}},
		{"mapped on an IPv4 socket", inet("[::ffff:1.2.3.4]:80"), sockabi.AF_INET4, 0, "\x01\x02\x03\x04", inet("1.2.3.4:80")},
		{"a path", Addr{Path: "/a/b"}, sockabi.AF_UNIX, 0, "/a/b", Addr{}},
		{"a relative path", Addr{Path: "./@b"}, sockabi.AF_UNIX, 0, "./@b", Addr{}},
		{"the longest path", Addr{Path: long}, sockabi.AF_UNIX, 0, long, Addr{}},
		{"an abstract name", Addr{Path: "@b"}, sockabi.AF_UNIX, 0, "\x00b", Addr{}},
		{"the longest abstract name", Addr{Path: "@" + long[1:]}, sockabi.AF_UNIX, 0, "\x00" + long[1:], Addr{}},

		{"no address", Addr{}, sockabi.AF_INET4, syscall.EDESTADDRREQ, "", Addr{}},
		{"a port alone", Addr{AddrPort: netip.AddrPortFrom(netip.Addr{}, 80)}, sockabi.AF_INET4, syscall.EDESTADDRREQ, "", Addr{}},
		{"IPv6 on an IPv4 socket", inet("[1::2]:80"), sockabi.AF_INET4, syscall.EAFNOSUPPORT, "", Addr{}},
		{"IPv4 on a UNIX socket", inet("1.2.3.4:80"), sockabi.AF_UNIX, syscall.EAFNOSUPPORT, "", Addr{}},
		{"a path on an IPv4 socket", Addr{Path: "/a"}, sockabi.AF_INET4, syscall.EAFNOSUPPORT, "", Addr{}},
		{"a path on an IPv6 socket", Addr{Path: "/a"}, sockabi.AF_INET6, syscall.EAFNOSUPPORT, "", Addr{}},
		{"a zone", inet("[fe80::1%lo]:80"), sockabi.AF_INET6, syscall.EINVAL, "", Addr{}},
		{"a zone on a mapped address", inet("[::ffff:1.2.3.4%lo]:80"), sockabi.AF_INET4, syscall.EINVAL, "", Addr{}},
		{"both a path and an address", Addr{inet("1.2.3.4:80").AddrPort, "/a"}, sockabi.AF_UNIX, syscall.EINVAL, "", Addr{}},
		{"a path too long", Addr{Path: long + "p"}, sockabi.AF_UNIX, syscall.ENAMETOOLONG, "", Addr{}},
		{"an abstract name too long", Addr{Path: "@" + long}, sockabi.AF_UNIX, syscall.ENAMETOOLONG, "", Addr{}},
		{"an empty abstract name", Addr{Path: "@"}, sockabi.AF_UNIX, syscall.EINVAL, "", Addr{}},
		{"a NUL in a path", Addr{Path: "/a\x00b"}, sockabi.AF_UNIX, syscall.EINVAL, "", Addr{}},
		{"a NUL before a path", Addr{Path: "\x00b"}, sockabi.AF_UNIX, syscall.EINVAL, "", Addr{}},
		{"a NUL in an abstract name", Addr{Path: "@a\x00b"}, sockabi.AF_UNIX, syscall.EINVAL, "", Addr{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := sockabi.AddrStorage{Family: 0xffff, Data: [126]byte{125: 0xff}}
			if e := test.addr.encode(test.family, &st); e != test.errno {
				t.Fatalf("encode: %v, want %v", e, test.errno)
			} else if e != 0 {
				return
			}
			if want := test.data + strings.Repeat("\x00", len(st.Data)-len(test.data)); string(st.Data[:]) != want {
				t.Errorf("encode wrote %q, want %q", st.Data, want)
			}
			if st.Family != test.family {
				t.Errorf("encode wrote family %d, want %d", st.Family, test.family)
			}
			want := test.back
			if want == (Addr{}) {
				want = test.addr
			}
			if got := decode(&st, test.addr.Port(), test.family); got != want {
				t.Errorf("decode: %v, want %v", got, want)
			}
		})
	}
}

func TestAddressesFromTheHost(t *testing.T) {
	unix := func(sun string) sockabi.AddrStorage {
		st := sockabi.AddrStorage{Family: sockabi.AF_UNIX}
		copy(st.Data[:], sun)
		return st
	}
	full := strings.Repeat("p", len(sockabi.AddrStorage{}.Data))
	for _, test := range []struct {
		name   string
		st     sockabi.AddrStorage
		family uint16
		want   Addr
	}{
		{"an unnamed UNIX end has no address", unix(""), sockabi.AF_UNIX, Addr{}},
		{"what follows a path is ignored", unix("/a\x00b"), sockabi.AF_UNIX, Addr{Path: "/a"}},
		{"a path that begins with @ is not an abstract name", unix("@b"), sockabi.AF_UNIX, Addr{Path: "./@b"}},
		{"an abstract name ends before its padding", unix("\x00b" + strings.Repeat("\x00", 105)), sockabi.AF_UNIX, Addr{Path: "@b"}},
		{"an abstract name may hold a NUL", unix("\x00b\x00c"), sockabi.AF_UNIX, Addr{Path: "@b\x00c"}},
		{"a path ends with sun_path", unix(full), sockabi.AF_UNIX, Addr{Path: full[:108]}},
		{"garbage for a family is not an address", sockabi.AddrStorage{Family: 0x5e}, sockabi.AF_UNIX, Addr{}},
		{"no family is not an address", sockabi.AddrStorage{}, sockabi.AF_INET4, Addr{}},
		{"a closed socket has no address", sockabi.AddrStorage{Data: [126]byte{'/'}}, sockabi.AF_UNSPEC, Addr{}},
		{"another family is not an address", unix("/a"), sockabi.AF_INET4, Addr{}},
	} {
		if got := decode(&test.st, 7, test.family); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestAddressesAsText(t *testing.T) {
	for _, test := range []struct {
		addr Addr
		want string
	}{
		{Addr{}, ""},
		{inet("1.2.3.4:80"), "1.2.3.4:80"},
		{inet("[::1]:80"), "[::1]:80"},
		{inet("[::ffff:1.2.3.4]:80"), "[::ffff:1.2.3.4]:80"},
		{Addr{Path: "/a"}, "/a"},
		{Addr{Path: "@a"}, "@a"},
	} {
		if got := test.addr.String(); got != test.want {
			t.Errorf("%#v is %q, want %q", test.addr, got, test.want)
		}
	}
}
