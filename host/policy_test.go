package host_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

func request(op host.Op, network, at string) host.Request {
	return host.Request{Op: op, Network: network, Addr: netip.MustParseAddrPort(at)}
}

func TestWhatRulesAllow(t *testing.T) {
	dial := func(at string) host.Request { return request(host.OpDial, "tcp", at) }
	unix := func(path string) host.Request {
		return host.Request{Op: host.OpDial, Network: "unix", Path: path}
	}
	resolve := func(name string) host.Request { return host.Request{Op: host.OpResolve, Host: name} }

	for _, test := range []struct {
		rule    string
		request host.Request
		want    bool
	}{
		// What is not named is not allowed.
		{"dial tcp 127.0.0.1:80", dial("127.0.0.1:80"), true},
		{"dial tcp 127.0.0.1:80", dial("127.0.0.1:81"), false},
		{"dial tcp 127.0.0.1:80", dial("127.0.0.2:80"), false},
		{"dial tcp 127.0.0.1:80", dial("[::1]:80"), false},
		{"dial tcp 127.0.0.1:80", request(host.OpListen, "tcp", "127.0.0.1:80"), false},
		{"dial tcp 127.0.0.1:80", request(host.OpSend, "tcp", "127.0.0.1:80"), false},
		{"dial tcp 127.0.0.1:80", request(host.OpDial, "udp", "127.0.0.1:80"), false},
		{"dial tcp 127.0.0.1:80", host.Request{}, false},
		{"dial tcp *:*", host.Request{Op: host.OpDial, Network: "tcp"}, false},
		{"dial tcp *:*", host.Request{Op: host.OpDial, Network: "tcp4", Addr: netip.MustParseAddrPort("127.0.0.1:80")}, false},
		{"send udp 10.0.0.1:53", request(host.OpSend, "udp", "10.0.0.1:53"), true},
		{"listen udp 10.0.0.1:53", request(host.OpListen, "udp", "10.0.0.1:53"), true},
		{" \tdial  tcp\t127.0.0.1:80 ", dial("127.0.0.1:80"), true},

		// Prefixes.
		{"dial tcp 10.0.0.0/8:443", dial("10.255.255.255:443"), true},
		{"dial tcp 10.0.0.0/8:443", dial("11.0.0.0:443"), false},
		{"dial tcp 10.0.0.0/32:443", dial("10.0.0.0:443"), true},
		{"dial tcp 0.0.0.0/0:443", dial("192.0.2.1:443"), true},
		{"dial tcp 0.0.0.0/0:443", dial("[2001:db8::1]:443"), false},
		{"dial tcp [fd00::/8]:443", dial("[fdff::1]:443"), true},
		{"dial tcp [fd00::/8]:443", dial("[fe00::1]:443"), false},
		{"dial tcp [::/0]:443", dial("[2001:db8::1]:443"), true},
		{"dial tcp [::/0]:443", dial("192.0.2.1:443"), false},
		{"dial tcp *:443", dial("192.0.2.1:443"), true},
		{"dial tcp *:443", dial("[2001:db8::1]:443"), true},

		// An IPv4-mapped address is the IPv4 address, in the rule and in the request.
		{"dial tcp 127.0.0.1:80", dial("[::ffff:127.0.0.1]:80"), true},
		{"dial tcp [::ffff:127.0.0.1]:80", dial("127.0.0.1:80"), true},
		{"dial tcp [::ffff:7f00:1]:80", dial("[::ffff:127.0.0.1]:80"), true},
		{"dial tcp [::ffff:10.0.0.0/104]:80", dial("10.1.2.3:80"), true},
		{"dial tcp [::ffff:10.0.0.0/104]:80", dial("11.1.2.3:80"), false},
		{"dial tcp [::ffff:0.0.0.0/96]:80", dial("11.1.2.3:80"), true},
		{"dial tcp [::/0]:80", dial("[::ffff:127.0.0.1]:80"), false},
		{"dial tcp 127.0.0.1:80", dial("[::127.0.0.1]:80"), false}, // IPv4-compatible is not IPv4-mapped
		{"dial tcp 127.0.0.1:80", dial("[64:ff9b::127.0.0.1]:80"), false},

		// The unspecified addresses are themselves.
		{"listen tcp 0.0.0.0:80", request(host.OpListen, "tcp", "0.0.0.0:80"), true},
		{"listen tcp 0.0.0.0:80", request(host.OpListen, "tcp", "127.0.0.1:80"), false},
		{"listen tcp 0.0.0.0:80", request(host.OpListen, "tcp", "[::]:80"), false},
		{"listen tcp [::]:80", request(host.OpListen, "tcp", "0.0.0.0:80"), false},
		{"dial tcp 127.0.0.0/8:80", dial("0.0.0.0:80"), false},

		// Zones.
		{"dial tcp [fe80::1]:80", dial("[fe80::1%eth0]:80"), false},
		{"dial tcp [fe80::/10]:80", dial("[fe80::1%eth0]:80"), false},
		{"dial tcp *:80", dial("[fe80::1%eth0]:80"), false},

		// Ports.
		{"dial tcp 127.0.0.1:8000-8999", dial("127.0.0.1:8000"), true},
		{"dial tcp 127.0.0.1:8000-8999", dial("127.0.0.1:8999"), true},
		{"dial tcp 127.0.0.1:8000-8999", dial("127.0.0.1:7999"), false},
		{"dial tcp 127.0.0.1:8000-8999", dial("127.0.0.1:9000"), false},
		{"dial tcp 127.0.0.1:1-65535", dial("127.0.0.1:0"), false},
		{"dial tcp 127.0.0.1:0-65535", dial("127.0.0.1:0"), true},
		{"dial tcp 127.0.0.1:*", dial("127.0.0.1:65535"), true},
		{"dial tcp 127.0.0.1:*", dial("127.0.0.1:0"), true},
		{"listen tcp 127.0.0.1:0", request(host.OpListen, "tcp", "127.0.0.1:0"), true},
		{"listen tcp 127.0.0.1:0", request(host.OpListen, "tcp", "127.0.0.1:1"), false},

		// Paths.
		{"dial unix /run/a.sock", unix("/run/a.sock"), true},
		{"dial unix /run/a.sock", unix("/run//a.sock"), false},
		{"dial unix /run/a.sock", unix("/run/a.sock/"), false},
		{"dial unix /run/a.sock", unix("/run/A.sock"), false},
		{"dial unix /run/a.sock", unix("/run/a.sock\x00"), false},
		{"dial unix /run/a.sock", host.Request{Op: host.OpDial, Network: "unixgram", Path: "/run/a.sock"}, false},
		{"dial unixgram /run/a.sock", host.Request{Op: host.OpDial, Network: "unixgram", Path: "/run/a.sock"}, true},
		{"send unixgram /run/*", host.Request{Op: host.OpSend, Network: "unixgram", Path: "/run/a.sock"}, true},
		{"dial unix /run/app/*", unix("/run/app/a.sock"), true},
		{"dial unix /run/app/*", unix("/run/app/deep/a.sock"), true},
		{"dial unix /run/app/*", unix("/run/app"), false},
		{"dial unix /run/app/*", unix("/run/app/"), false},
		{"dial unix /run/app/*", unix("/run/app2/a.sock"), false},
		{"dial unix /run/app/*", unix("/run/app/../a.sock"), false},
		{"dial unix /run/app/*", unix("/run/app/.."), false},
		{"dial unix /run/app/*", unix("/run/app/./a.sock"), false},
		{"dial unix /run/app/*", unix("/run/app//a.sock"), false},
		{"dial unix /*", unix("/run/a.sock"), true},
		{"dial unix /*", unix("run/a.sock"), false},
		{"dial unix /*", unix("@name"), false},
		{"dial unix *", unix("@name"), true},
		{"dial unix *", unix("/run/a.sock"), true},
		{"dial unix @name", unix("@name"), true},
		{"dial unix @name", unix("/@name"), false},
		{`dial unix "/run/my app.sock"`, unix("/run/my app.sock"), true},
		{`dial unix "/*"`, unix("/*"), true},
		{`dial unix "/*"`, unix("/run/a.sock"), false},
		{`dial unix "/run/*"`, unix("/run/*"), true},
		{`dial unix "/run/*"`, unix("/run/a.sock"), false},
		{`dial unix "/run/my app"/*`, unix("/run/my app/a.sock"), true},
		{`dial unix "/run/my app"/*`, unix("/run/my ap/a.sock"), false},
		{`dial unix "/run/\x00"`, unix("/run/\x00"), true},

		// Names.
		{"resolve example.com", resolve("example.com"), true},
		{"resolve example.com", resolve("EXAMPLE.COM."), true},
		{"resolve Example.COM.", resolve("example.com"), true},
		{"resolve example.com", resolve("example.com.."), false},
		{"resolve example.com", resolve("www.example.com"), false},
		{"resolve example.com", resolve("example.com\x00.evil.test"), false},
		{"resolve example.com", resolve(""), false},
		{"resolve example.com", dial("127.0.0.1:80"), false},
		{"resolve *.example.com", resolve("www.example.com"), true},
		{"resolve *.example.com", resolve("a.b.Example.com."), true},
		{"resolve *.example.com", resolve("example.com"), false},
		{"resolve *.example.com", resolve("evilexample.com"), false},
		{"resolve *.example.com", resolve(".example.com"), false},
		{"resolve *.example.com", resolve("*.example.com"), false},
		{"resolve *.example.com", resolve("www.example.com.evil.test"), false},
		{"resolve *.example.com", resolve("evil.test\x00.example.com"), false},
		{"resolve *.example.com", resolve("evil.test .example.com"), false},
		{"resolve *.example.com", resolve("evil.test/.example.com"), false},
		{"resolve *", resolve("anything.test"), true},
		{"resolve *", resolve("a b"), false},
		{"resolve *", resolve(""), false},
		{"resolve kelvin.test", resolve("\u212aelvin.test"), false}, // only ASCII letters have two cases
		{"resolve münchen.test", resolve("münchen.test"), true},
	} {
		policy, err := host.ParsePolicy(test.rule)
		if err != nil {
			t.Errorf("rule %q: %v", test.rule, err)
			continue
		}
		if got := policy(test.request) == nil; got != test.want {
			t.Errorf("rule %q allows %+v: %v, want %v", test.rule, test.request, got, test.want)
		}
	}
}

func TestRulesThatAreRefusedSayWhatToWrite(t *testing.T) {
	for _, test := range []struct{ rule, want string }{
		{"", `it is empty; write one such as "listen tcp 127.0.0.1:1234"`},
		{"   ", "it is empty"},
		{"connect tcp 127.0.0.1:80", "rules begin with dial, listen, send or resolve"},
		{"DIAL tcp 127.0.0.1:80", "rules begin with dial"},
		{"dial", "the network is missing; write dial tcp, udp, unix or unixgram"},
		{"dial 127.0.0.1:80", `the network is "127.0.0.1:80"; there are tcp, udp, unix and unixgram`},
		{"dial tcp4 127.0.0.1:80", "there are tcp, udp"},
		{"dial TCP 127.0.0.1:80", "there are tcp, udp"},
		{"dial tcp", "the address is missing; write one such as 127.0.0.1:1234"},
		{"dial tcp 127.0.0.1", `the port of "127.0.0.1" is missing; write "127.0.0.1:80", or "127.0.0.1:*" for all`},
		{"dial tcp [::1]", `write "[::1]:80"`},
		{"dial tcp *", `write "*:80", or "*:*" for all`},
		{"dial tcp :80", "is neither an address nor a name; write one such as 127.0.0.1"},
		{"listen tcp example.com:80", "one listens at addresses"},
		{"dial tcp example.com", `write "example.com:80"`},
		{"dial tcp example.com:http", "is not a port"},
		{"dial tcp www.*.com:80", "is neither an address nor a name"},
		{"dial tcp example.com:80 in 10.0.0.1/8", "has bits after its first 8"},
		{"dial tcp example.com:80 in example.org", "is neither an address nor a name"},
		{"dial tcp example.com:80 on 10.0.0.0/8", "is not a port"},
		{"dial tcp 10.0.0.1:80 in 10.0.0.0/8", "is not a name, and only what a name means"},
		{"dial tcp *:80 in 10.0.0.0/8", "is not a name, and only what a name means"},
		{"dial tcp 127.1:80", "is neither an address nor a name; write one such as 127.0.0.1"},
		{"dial tcp 127.0.0.01:80", "is neither an address nor a name; write one such as 127.0.0.1"},
		{"dial tcp 0x7f000001:80", "is neither an address nor a name; write one such as 127.0.0.1"},
		{"dial tcp 2130706433:80", "is neither an address nor a name; write one such as 127.0.0.1"},
		{"dial tcp 127.0.0.1 :80", "is neither an address nor a name; write one such as 127.0.0.1"},
		{"dial tcp 127.0.0.1:80 443", "is not a port"},
		{"dial tcp ::1:80", "in brackets, as in [::1]:80"},
		{"dial tcp fd00::/8:443", "in brackets"},
		{"dial tcp 1.2.3.4:80:90", "is not clear"},
		{"dial tcp [fd00::]/8:443", "do not close before the port"},
		{"dial tcp [::1:80", "do not close before the port"},
		{"dial tcp [127.0.0.1]:80", "takes no brackets; write 127.0.0.1:PORT"},
		{"dial tcp [localhost]:80", "is not an IPv6 address"},
		{"dial tcp []:80", "is not an IPv6 address"},
		{"dial tcp [fe80::1%eth0]:80", "has a zone; guests have none: write [fe80::1]"},
		{"dial tcp 10.0.0.0/33:80", "write 0 to 32 after the slash"},
		{"dial tcp 10.0.0.0/08:80", "is not a prefix length"},
		{"dial tcp 10.0.0.0/-1:80", "is not a prefix length"},
		{"dial tcp 10.0.0.0/:80", "is not a prefix length"},
		{"dial tcp 10.0.0.0/255.0.0.0:80", "is not a prefix length"},
		{"dial tcp [fd00::/129]:80", "write 0 to 128"},
		{"dial tcp 10.0.0.1/8:80", "has bits after its first 8; write 10.0.0.0/8"},
		{"dial tcp [::ffff:0.0.0.0/80]:80", "has bits after its first 80"},
		{"dial tcp 127.0.0.1:", "is not a port"},
		{"dial tcp 127.0.0.1:http", "is not a port"},
		{"dial tcp 127.0.0.1:65536", "is not a port"},
		{"dial tcp 127.0.0.1:-1", "is not a port"},
		{"dial tcp 127.0.0.1:+80", "is not a port"},
		{"dial tcp 127.0.0.1:080", "is not a port"},
		{"dial tcp 127.0.0.1:80-", "is not a port"},
		{"dial tcp 127.0.0.1:1-2-3", "is not a port"},
		{"dial tcp 127.0.0.1:90-80", "ends before it begins; write 80-90"},
		{"dial tcp 127.0.0.1:8*", "is not a port"},
		{"dial unix", "the path is missing"},
		{"dial unix /run/my app.sock", "has spaces; put it in double quotes"},
		{"dial unix a.sock", `the path "a.sock" is relative; write an absolute one, such as /run/app.sock, or @NAME for an abstract name`},
		{"deny dial unix ./@name", "is relative"},
		{"dial unix run/*", "is relative"},
		{`dial unix "*"`, "is relative"},
		{`dial unix ""`, "is relative"},
		{`dial unix "/run/a`, "is not quoted right"},
		{`dial unix "/run/a"b`, "is not quoted right"},
		{`dial unix "/run/a" /*`, "is not quoted right"},
		{"dial tcp \n", `write "\n:80"`},
		{"dial unix /run/../*", "is written in a roundabout way"},
		{"dial unix /run//app\n/*", "is written in a roundabout way"},
		{"resolve", "the name is missing"},
		{"resolve www.*.com", "is not a host name"},
		{"resolve *example.com", "is not a host name"},
		{"resolve *.*", "is not a host name"},
		{"resolve *.", "is not a host name"},
		{"resolve .", "is not a host name"},
		{"resolve a..b", "is not a host name"},
		{"resolve example.com:80", "is not a host name"},
		{"resolve http://example.com", "is not a host name"},
		{"resolve a b", "is not a host name"},
		{"resolve " + strings.Repeat("a.", 127) + "aa", "is not a host name"},
	} {
		_, err := host.ParsePolicy("dial tcp 127.0.0.1:80", test.rule)
		switch {
		case err == nil:
			t.Errorf("rule %q is accepted", test.rule)
		case !strings.Contains(err.Error(), test.want):
			t.Errorf("rule %q: %v, want %s", test.rule, err, test.want)
		case !strings.HasPrefix(err.Error(), "rule \"") || strings.Contains(err.Error(), "\n"):
			t.Errorf("rule %q: %v does not name the rule, or is several lines", test.rule, err)
		}
	}
}

func TestWithoutRulesNothingIsAllowed(t *testing.T) {
	policy, err := host.ParsePolicy()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []host.Request{
		request(host.OpDial, "tcp", "127.0.0.1:80"),
		{Op: host.OpResolve, Host: "localhost"},
		{Op: host.OpListen, Network: "unix", Path: "/a"},
		{},
	} {
		if err := policy(r); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%+v: %v, want a refusal", r, err)
		}
	}
}

func TestOneOfSeveralRulesSuffices(t *testing.T) {
	policy, err := host.ParsePolicy("listen tcp 127.0.0.1:80", "resolve *", "dial tcp 127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	if err := policy(request(host.OpDial, "tcp", "127.0.0.1:80")); err != nil {
		t.Error(err)
	}
}

func TestARefusalNamesTheRuleThatIsMissing(t *testing.T) {
	policy, _ := host.ParsePolicy()
	err := policy(request(host.OpListen, "tcp", "127.0.0.1:1234"))
	if err == nil || !strings.HasSuffix(err.Error(), "no rule allows listen tcp 127.0.0.1:1234") {
		t.Error(err)
	}
}

func TestRule(t *testing.T) {
	for _, test := range []struct {
		request host.Request
		want    string
	}{
		{request(host.OpListen, "tcp", "127.0.0.1:1234"), "listen tcp 127.0.0.1:1234"},
		{request(host.OpDial, "udp", "[::1]:53"), "dial udp [::1]:53"},
		{request(host.OpSend, "udp", "[::ffff:10.0.0.1]:0"), "send udp 10.0.0.1:0"},
		{host.Request{Op: host.OpResolve, Host: "WWW.example.com."}, "resolve www.example.com"},
		{host.Request{Op: host.OpResolve, Host: "a'\nb"}, `resolve "a\x27\nb"`},
		{host.Request{Op: host.OpDial, Network: "unix", Path: "/run/a.sock"}, "dial unix /run/a.sock"},
		{host.Request{Op: host.OpDial, Network: "unix", Path: "@a"}, "dial unix @a"},
		{host.Request{Op: host.OpDial, Network: "unixgram", Path: "/run/*"}, `dial unixgram "/run/*"`},
		{host.Request{Op: host.OpDial, Network: "unix", Path: "*"}, `dial unix "*"`},
		{host.Request{Op: host.OpDial, Network: "unix", Path: "a b,c'd"}, `dial unix "a b\x2cc\x27d"`},
		{host.Request{Op: host.OpDial, Network: "unix", Path: "\u202e\xff"}, `dial unix "\u202e\xff"`},
		{host.Request{Op: host.OpDial, Network: "unix", Path: "/a b,c'd"}, `dial unix "/a b\x2cc\x27d"`},
		{host.Request{Op: host.OpDial, Network: "unix"}, `dial unix ""`},
	} {
		if got := test.request.Rule(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.request, got, test.want)
		}
	}
}

// checkRoundTrip holds that the rule of a request allows it, and is safe to print.
func checkRoundTrip(t *testing.T, r host.Request) {
	t.Helper()
	rule := r.Rule()
	if strings.ContainsAny(rule, "\n\r,'\x00\x1b") {
		t.Errorf("%+v: the rule %q is not safe to print or to copy", r, rule)
	}
	if r.Addr.Addr().Zone() != "" {
		return
	}
	policy, err := host.ParsePolicy(rule)
	if err != nil {
		if r.Op == host.OpResolve || strings.HasPrefix(r.Network, "unix") && !strings.HasPrefix(r.Path, "/") && !strings.HasPrefix(r.Path, "@") {
			return // no name or path that a rule could have
		}
		t.Fatalf("%+v: %v", r, err)
	}
	if err := policy(r); err != nil {
		t.Errorf("%+v: %v", r, err)
	}
}

func FuzzRuleOfARequest(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1}, uint16(80), "/run/a.sock")
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x7f\x00\x00\x01"), uint16(0), "a b'*/*")
	const most = 1000 // bytes: a rule of more, each escaped, is cut
	f.Fuzz(func(t *testing.T, ip []byte, port uint16, text string) {
		text = text[:min(len(text), most)]
		for _, op := range []host.Op{host.OpDial, host.OpListen, host.OpSend} {
			for _, network := range []string{"tcp", "udp"} {
				if addr, ok := netip.AddrFromSlice(ip); ok {
					checkRoundTrip(t, host.Request{Op: op, Network: network, Addr: netip.AddrPortFrom(addr, port)})
				}
			}
			for _, network := range []string{"unix", "unixgram"} {
				checkRoundTrip(t, host.Request{Op: op, Network: network, Path: text})
			}
		}
		checkRoundTrip(t, host.Request{Op: host.OpResolve, Host: text})
	})
}

// FuzzParsePolicy holds that no rule reaches beyond its first two words.
func FuzzParsePolicy(f *testing.F) {
	for _, rule := range []string{"dial tcp 127.0.0.0/8:80-90", "listen udp [fd00::/8]:*", "send unixgram \"/a b\"/*", "resolve *.example.com"} {
		f.Add(rule)
	}
	loopback := netip.MustParseAddrPort("127.0.0.1:80")
	f.Fuzz(func(t *testing.T, rule string) {
		policy, err := host.ParsePolicy(rule)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is several lines: %v", err)
			}
			return
		}
		words := strings.Fields(rule)
		if words[0] == "all" {
			return
		}
		for _, op := range []host.Op{host.OpDial, host.OpListen, host.OpSend, host.OpResolve, ""} {
			for _, network := range []string{"tcp", "udp", "unix", "unixgram", ""} {
				err := policy(host.Request{Op: op, Network: network, Addr: loopback, Path: "/a", Host: "a.example.com"})
				if err == nil && (words[0] != string(op) || op != host.OpResolve && words[1] != network) {
					t.Errorf("%q allows %s %s", rule, op, network)
				}
			}
		}
		if policy(host.Request{Op: host.OpDial, Network: "tcp", Addr: netip.MustParseAddrPort("[fe80::1%a]:80")}) == nil {
			t.Errorf("%q allows a zone", rule)
		}
	})
}
