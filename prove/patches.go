package main

import (
	"go/version"
	"regexp"
)

var goBuild = regexp.MustCompile(`(?m)^//go:build .*$`)

// A patch replaces every old by new in a file of Go, which must have old at least once.
type patch struct {
	file     string
	old, new string
	remove   bool
	since    string // the first version of Go that has old; "" means all
}

func (p patch) appliesTo(v string) bool {
	return p.since == "" || version.Compare(v, p.since) >= 0
}

const (
	fake    = `"js", "wasip1":`
	noFake  = `"js":`
	equals  = ` || runtime.GOOS == "wasip1"`
	hopOpt  = "syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS, 1"
	ttlOpt  = "syscall.IPPROTO_IP, syscall.IP_TTL, 1"
	someOpt = "syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1"
)

// patches undoes the parts of Go's tests that exist because the network of wasip1 is a fake.
var patches = []patch{
	{file: "net/dial_test.go", old: fake, new: noFake},
	{file: "net/file_test.go", old: fake, new: noFake},
	{file: "net/ipsock_test.go", old: equals, new: "", since: "go1.27"},
	{file: "net/parse_test.go", old: `"windows", "wasip1":`, new: `"windows":`},
	{file: "net/platform_test.go", old: fake, new: noFake},
	{file: "net/rawconn_test.go", old: fake, new: noFake},
	{file: "net/udpsock_test.go", old: fake, new: noFake},
	{file: "net/unixsock_test.go", old: fake, new: noFake},
	{file: "net/unixsock_test.go", old: `case "android", "linux"`, new: `case "wasip1", "android", "linux"`}, // the address of an unnamed end is "@"
	{file: "crypto/tls/handshake_client_test.go", old: equals, new: "", since: "go1.25"},
	{file: "crypto/tls/handshake_server_test.go", old: equals, new: "", since: "go1.25"},
	{file: "net/smtp/smtp_test.go", old: equals, new: ""},

	// The nameservers for a resolv.conf without any are not those of the host's resolver.
	{file: "net/main_test.go", old: "\tsetupTestData()\n", new: "\tsetupTestData()\n\tdefaultNS = defaultResolvConf.servers\n"},

	// A namespace has all that these tests need.
	noExternalNetwork("net/dial_test.go", "TestDialCancel"),
	anyNetwork("net/dial_test.go", "TestDialerFallbackDelay"),
	anyNetwork("net/dial_test.go", "TestProhibitionaryDialArg"),
	anyNetwork("net/listen_test.go", "TestWildWildcardListener"),
	anyNetwork("net/lookup_test.go", "TestLookupNullByte"),
	noExternalNetwork("net/lookup_test.go", "TestNilResolverLookup"),
	anyNetwork("net/tcpsock_test.go", "TestTCPListenerName"),
	anyNetwork("net/udpsock_test.go", "TestUDPConnLocalName"),

	// A namespace has an unspecified address to listen at.
	{file: "net/platform_test.go", old: "wildcard && !testenv.HasExternalNetwork()", new: "wildcard && !testenv.HasExternalNetwork() && false"},

	// Guests have abstract names, those of the host, but no sequenced packets.
	{file: "net/platform_test.go", old: `address[0] == '@' && runtime.GOOS != "linux"`, new: `false`},
	{file: "net/platform_test.go", old: `"ios", "plan9", "windows":
			return false
		}
	}`, new: `"ios", "plan9", "windows", "wasip1":
			return false
		}
	}`},

	// The tests need any option of a level; these levels have none here.
	{file: "net/rawconn_unix_test.go", old: hopOpt, new: someOpt},
	{file: "net/rawconn_unix_test.go", old: ttlOpt, new: someOpt},

	// It tests that File and FileConn do not work.
	{file: "net/file_wasip1_test.go", remove: true},
}

// anyNetwork returns a patch that runs a test although it requires the Internet.
func anyNetwork(file, test string) patch {
	head := "\nfunc " + test + "(t *testing.T) {\n\t"
	return patch{file: file, old: head + "testenv.MustHaveExternalNetwork(t)\n", new: head + "_ = testenv.MustHaveExternalNetwork\n"}
}

// noExternalNetwork returns such a patch for a test that requires it in package net's own way.
func noExternalNetwork(file, test string) patch {
	head := "\nfunc " + test + "(t *testing.T) {\n"
	return patch{file: file, old: head + "\tmustHaveExternalNetwork(t)\n", new: head}
}

// forWASIP1 lists tests that Go has for unix only and that are valid here too, forJS those of the
// fake network.
var (
	forWASIP1 = []string{
		"internal/poll/export_posix_test.go",
		"internal/poll/fd_posix_test.go",
		"net/addrselect_test.go",
		"net/conf_test.go",
		"net/dial_unix_test.go",
		"net/dnsclient_unix_test.go",
		"net/dnsconfig_unix_test.go",
		"net/main_unix_test.go",
		"net/nss_test.go",
		"net/rawconn_unix_test.go",
		"net/tcpconn_keepalive_conf_posix_test.go",
		"net/tcpconn_keepalive_conf_unix_test.go",
		"net/tcpconn_keepalive_posix_test.go",
		"net/tcpconn_keepalive_test.go",
		"net/write_unix_test.go",
	}
	forJS = []string{
		"net/main_wasm_test.go",
		"net/net_fake_test.go",
		"net/rawconn_stub_test.go",
	}
)
