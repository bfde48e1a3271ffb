package host_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// TestDenyWins tries policies of several rules, separated by semicolons.
func TestDenyWins(t *testing.T) {
	dial := func(at string) host.Request { return request(host.OpDial, "tcp", at) }
	unix := func(path string) host.Request {
		return host.Request{Op: host.OpDial, Network: "unix", Path: path}
	}
	resolve := func(name string) host.Request { return host.Request{Op: host.OpResolve, Host: name} }
	for _, test := range []struct {
		rules   string
		request host.Request
		denied  string // rule; "-" is allowed, "" is not allowed
	}{
		{"deny dial tcp 10.0.0.1:80", dial("10.0.0.1:80"), "deny dial tcp 10.0.0.1:80"},
		{"deny dial tcp 10.0.0.1:80", dial("10.0.0.2:80"), ""},
		{"dial tcp *:80; deny dial tcp 10.0.0.0/8:*", dial("10.0.0.1:80"), "deny dial tcp 10.0.0.0/8:*"},
		{"deny dial tcp 10.0.0.0/8:*; dial tcp *:80", dial("10.0.0.1:80"), "deny dial tcp 10.0.0.0/8:*"},
		{"dial tcp *:80; deny dial tcp 10.0.0.0/8:*", dial("11.0.0.1:80"), "-"},
		{"dial tcp *:80; deny dial tcp 10.0.0.0/8:*", dial("[::ffff:10.0.0.1]:80"), "deny dial tcp 10.0.0.0/8:*"},
		{"dial tcp *:80; deny dial tcp 10.0.0.0/8:*", dial("[64:ff9b::10.0.0.1]:80"), "deny dial tcp 10.0.0.0/8:*"},
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[64:ff9b:1::10.0.0.1]:80"), "deny dial tcp 10.0.0.1:*"},
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[64:ff9b:1:a00:0:100::]:80"), "deny dial tcp 10.0.0.1:*"}, // RFC 6052, with a prefix of 48 bits
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[2002:a00:1::1]:80"), "deny dial tcp 10.0.0.1:*"},
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[2001:0:a00:1::]:80"), "deny dial tcp 10.0.0.1:*"},            // Teredo's server
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[2001:0:101:101::f5ff:fffe]:80"), "deny dial tcp 10.0.0.1:*"}, // Teredo's client
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[::10.0.0.1]:80"), "deny dial tcp 10.0.0.1:*"},
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[::ffff:0:10.0.0.1]:80"), "deny dial tcp 10.0.0.1:*"},
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[fd00::200:5efe:10.0.0.1]:80"), "deny dial tcp 10.0.0.1:*"},
		{"dial tcp *:80; deny dial tcp 10.0.0.1:*", dial("[64:ff9b::10.0.0.2]:80"), "-"},
		{"dial tcp *:80; deny dial tcp 0.0.0.0/0:*", dial("[::1]:80"), "-"}, // stands for no other
		{"dial tcp 10.0.0.1:80", dial("[64:ff9b::10.0.0.1]:80"), ""},
		{"dial tcp 10.0.0.1:80", dial("[2002:a00:1::1]:80"), ""},
		{"dial tcp *:80; deny dial tcp *:25", dial("10.0.0.1:80"), "-"},
		{"dial tcp *:*; deny dial tcp *:25", dial("10.0.0.1:25"), "deny dial tcp *:25"},
		{"dial tcp *:*; deny dial udp *:*", dial("10.0.0.1:25"), "-"},
		{"dial tcp 169.254.169.254:80; deny dial tcp *:*", dial("169.254.169.254:80"), "deny dial tcp *:*"},
		{"dial unix *; deny dial unix /run/docker.sock", unix("/run/docker.sock"), "deny dial unix /run/docker.sock"},
		{"dial unix *; deny dial unix /run/docker.sock", unix("/run/./x/../docker.sock"), "deny dial unix /run/docker.sock"},
		{"dial unix *; deny dial unix /run/docker.sock", unix("/run/other.sock"), "-"},
		{"dial unix *; deny dial unix /run/*", unix("//run/a"), "deny dial unix /run/*"},
		{"dial unix *; deny dial unix /run/*", unix("/run/../tmp/a"), "-"},
		{"dial unix *; deny dial unix /run/*", unix("/tmp/../run/a"), "deny dial unix /run/*"},
		{"resolve *; deny resolve *.internal", resolve("Metadata.Google.Internal."), "deny resolve *.internal"},
		{"resolve *; deny resolve *.internal", resolve("example.com"), "-"},
		{"all", dial("169.254.169.254:80"), "-"},
		{"all", resolve("a b"), "-"},
		{"all; deny resolve *", resolve("example.com"), "deny resolve *"},
		{"all; deny resolve *", unix("/run/a"), "-"},
		{"all; deny all", unix("/run/a"), "deny all"},
	} {
		policy, err := host.ParsePolicy(strings.Split(test.rules, "; ")...)
		if err != nil {
			t.Errorf("%s: %v", test.rules, err)
			continue
		}
		err = policy(test.request)
		got := "-"
		if err != nil {
			var refusal *host.Refusal
			if !errors.As(err, &refusal) || !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: %v is not a refusal", test.rules, err)
				continue
			}
			got = refusal.Rule
		}
		if got != test.denied {
			t.Errorf("%s, %s: %q, want %q", test.rules, test.request.Rule(), got, test.denied)
		}
	}
	if _, err := host.ParsePolicy("deny"); err == nil || !strings.Contains(err.Error(), `rule "deny": it is empty`) {
		t.Error(err)
	}
	if _, err := host.ParsePolicy("all of it"); err == nil || !strings.Contains(err.Error(), `leave out "of it"`) {
		t.Error(err)
	}
	if _, err := host.ParsePolicy("deny deny dial tcp *:*"); err == nil {
		t.Error("twice deny is accepted")
	}
}

// TestInternalAddressesAreNamed: wide rules hold no addresses of the machine's own
// secrets.
func TestInternalAddressesAreNamed(t *testing.T) {
	for _, test := range []struct {
		rule, at string
		want     bool
	}{
		{"dial tcp *:80", "169.254.169.254:80", false},
		{"dial tcp *:80", "[::ffff:169.254.169.254]:80", false},
		{"dial tcp *:80", "[64:ff9b::169.254.169.254]:80", false},
		{"dial tcp *:80", "[64:ff9b::192.0.2.1]:80", true},
		{"dial tcp *:80", "[fe80::1]:80", false},
		{"dial tcp *:80", "[fd00:ec2::254]:80", false},
		{"dial tcp *:80", "[fd20:ce::254]:80", false},
		{"dial tcp *:80", "100.100.100.200:80", false},
		{"dial tcp *:80", "168.63.129.16:80", false},
		{"dial tcp *:80", "192.0.0.192:80", false},
		{"dial tcp *:80", "169.253.255.255:80", true},
		{"dial tcp 0.0.0.0/0:80", "169.254.169.254:80", false},
		{"dial tcp 169.0.0.0/8:80", "169.254.1.1:80", false},
		{"dial tcp 169.0.0.0/8:80", "169.1.1.1:80", true},
		{"dial tcp [::/0]:80", "[fe80::1]:80", false},
		{"dial tcp 169.254.169.254:80", "169.254.169.254:80", true},
		{"dial tcp 169.254.0.0/16:80", "169.254.169.254:80", true},
		{"dial tcp 169.254.169.0/24:80", "169.254.169.254:80", true},
		{"dial tcp [fe80::/10]:80", "[fe80::1]:80", true},
		{"dial tcp 168.63.129.16/32:80", "168.63.129.16:80", true},
		{"dial tcp *:80", "[fd00:ec2::23]:80", false},
		{"dial tcp *:80", "[fd00:42::42]:80", false},
		{"dial tcp *:80", "[fd00:a9fe:a9fe::1]:80", false},
		{"dial tcp *:80", "[fd00:c1::a9fe:a9fe]:80", false},
		{"dial tcp *:80", "[fd00:100::100:200]:80", false},
		{"dial tcp *:80", "[64:ff9b:1::169.254.169.254]:80", false},
		{"dial tcp *:80", "[2002:a9fe:a9fe::1]:80", false},
		{"dial tcp *:80", "[2001:0:a9fe:a9fe::1]:80", false},
		{"dial tcp *:80", "[2001::5601:5601]:80", false}, // Teredo: the inverse of 169.254.169.254
		{"dial tcp *:80", "[::169.254.169.254]:80", false},
		{"dial tcp *:80", "[::ffff:0:169.254.169.254]:80", false},
		{"dial tcp *:80", "[2606::5efe:169.254.169.254]:80", false},
		{"dial tcp *:80", "[2606:2800::1]:80", true},
		{"dial tcp [64:ff9b::/96]:80", "[64:ff9b::169.254.169.254]:80", false},
		{"dial tcp [64:ff9b::a9fe:a9fe]:80", "[64:ff9b::169.254.169.254]:80", true},
		{"send udp *:53", "224.0.0.251:53", false},
		{"send udp *:53", "[ff02::fb]:53", false},
		{"send udp *:53", "255.255.255.255:53", false},
		{"dial udp *:53", "224.0.0.251:53", false},
		{"send udp 0.0.0.0/0:53", "239.1.2.3:53", false},
		{"send udp [::/0]:53", "[ff02::fb]:53", false},
		{"send udp 224.0.0.251:53", "224.0.0.251:53", true},
		{"send udp 224.0.0.0/4:53", "224.0.0.251:53", true},
		{"send udp [ff02::/16]:53", "[ff02::fb]:53", true},
		{"send udp 255.255.255.255:53", "255.255.255.255:53", true},
		{"send udp *:80", "169.254.169.254:80", false},
		{"listen tcp *:80", "169.254.1.1:80", true},
	} {
		policy, err := host.ParsePolicy(test.rule)
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(test.rule)
		if got := policy(request(host.Op(words[0]), words[1], test.at)) == nil; got != test.want {
			t.Errorf("%s allows %s: %v, want %v", test.rule, test.at, got, test.want)
		}
	}
}
