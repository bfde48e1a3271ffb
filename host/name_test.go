package host_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host"
)

// TestNamesAllowWhatTheyMean is about dials to addresses that the guest was told of.
func TestNamesAllowWhatTheyMean(t *testing.T) {
	for _, test := range []struct {
		rule  string
		names string
		addr  string
		want  bool
	}{
		{"dial tcp example.com:80", "example.com", "93.184.216.34:80", true},
		{"dial tcp example.com:80", "EXAMPLE.com.", "93.184.216.34:80", true},
		{"dial tcp Example.COM.:80", "example.com", "93.184.216.34:80", true},
		{"dial tcp example.com:80", "example.com", "[2606:2800::1]:80", true},
		{"dial tcp example.com:80", "example.com", "93.184.216.34:81", false},
		{"dial tcp example.com:80-90", "example.com", "93.184.216.34:81", true},
		{"dial tcp example.com:80", "", "93.184.216.34:80", false},
		{"dial tcp example.com:80", "example.org", "93.184.216.34:80", false},
		{"dial tcp example.com:80", "a.example.com", "93.184.216.34:80", false},
		{"dial tcp *.example.com:80", "a.b.example.com", "93.184.216.34:80", true},
		{"dial tcp *.example.com:80", "example.com", "93.184.216.34:80", false},
		{"dial tcp *.example.com:80", "badexample.com", "93.184.216.34:80", false},
		{"dial udp example.com:80", "example.com", "93.184.216.34:80", false},
		{"send tcp example.com:80", "example.com", "93.184.216.34:80", false},

		// rebinding
		{"dial tcp db.example.com:80", "db.example.com", "10.0.0.1:80", true},
		{"dial tcp db.example.com:80", "db.example.com", "[fd00::1]:80", true},
		{"dial tcp db.example.com:80", "db.example.com", "[::ffff:10.0.0.1]:80", true},
		{"dial tcp db.example.com:80", "db.example.com", "100.64.0.1:80", true},
		{"dial tcp *.example.com:80", "a.example.com", "10.0.0.1:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[fd00::1]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[::ffff:10.0.0.1]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "100.64.0.1:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[64:ff9b::10.0.0.1]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[64:ff9b::93.184.216.34]:80", true},
		{"dial tcp *.example.com:80", "a.example.com", "[64:ff9b:1::93.184.216.34]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "0.0.0.5:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "240.0.0.1:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "198.18.0.1:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[fec0::1]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[2002:5db8:d822::1]:80", false}, // 93.184.216.34
		{"dial tcp *.example.com:80", "a.example.com", "[2001::1]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[2001:db8::1]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[::93.184.216.34]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[::ffff:0:93.184.216.34]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[2606:2800::5efe:10.0.0.1]:80", false},
		{"dial tcp *.example.com:80", "a.example.com", "[4000::1]:80", false},
		{"dial tcp db.example.com:80", "db.example.com", "[64:ff9b::10.0.0.1]:80", false},
		{"dial tcp db.example.com:80", "db.example.com", "[2002:a00:1::]:80", false},
		{"dial tcp *.example.com:80 in 10.0.0.0/8", "a.example.com", "10.0.0.1:80", true},
		{"dial tcp *.example.com:80 in 10.0.0.0/8", "a.example.com", "11.0.0.1:80", false},
		{"dial tcp *.example.com:80 in [fd00::/8]", "a.example.com", "[fd00::1]:80", true},
		{"dial tcp db.example.com:80", "db.example.com", "127.0.0.1:80", false},
		{"dial tcp db.example.com:80", "db.example.com", "[::1]:80", false},
		{"dial tcp db.example.com:80", "db.example.com", "0.0.0.0:80", false},
		{"dial tcp db.example.com:80", "db.example.com", "224.0.0.1:80", false},
		{"dial tcp db.example.com:80", "db.example.com", "169.254.169.254:80", false},
		{"dial tcp db.example.com:80", "db.example.com", "[fd00:ec2::254]:80", false},
		{"dial tcp db.example.com:80", "db.example.com", "[fe80::1]:80", false},
		{"dial tcp db.example.com:80 in 127.0.0.0/8", "db.example.com", "127.0.0.1:80", true},
		{"dial tcp db.example.com:80 in *", "db.example.com", "127.0.0.1:80", true},
		{"dial tcp db.example.com:80 in *", "db.example.com", "169.254.169.254:80", false},
		{"dial tcp db.example.com:80 in 169.254.169.254", "db.example.com", "169.254.169.254:80", true},

		// localhost
		{"dial tcp localhost:80", "", "127.0.0.1:80", true},
		{"dial tcp localhost:80", "", "[::1]:80", true},
		{"dial tcp localhost:80", "localhost", "10.0.0.1:80", false},
		{"dial tcp a.localhost:80", "a.localhost", "127.0.0.1:80", true},
		{"dial tcp a.localhost:80", "", "127.0.0.1:80", false},
	} {
		r := host.Request{Op: host.OpDial, Network: "tcp", Addr: netip.MustParseAddrPort(test.addr)}
		if test.names != "" {
			r.Names = []string{"other.example", test.names}
		}
		policy, err := host.ParsePolicy(test.rule)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if err := policy(r); (err == nil) != test.want {
			t.Errorf("%s, of %q %s: %v, want %t", test.rule, test.names, test.addr, err, test.want)
		}
	}
}

func TestNamesAllowToResolveThem(t *testing.T) {
	policy, err := host.ParsePolicy("dial tcp example.com:443", "send udp *.ntp.example:123", "dial tcp localhost:80")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"example.com": true, "EXAMPLE.COM.": true, "a.ntp.example": true, "localhost": true,
		"ntp.example": false, "www.example.com": false,
	} {
		if err := policy(host.Request{Op: host.OpResolve, Host: name}); (err == nil) != want {
			t.Errorf("%s: %v, want %t", name, err, want)
		}
	}
}

// TestNamesAreNotDenied: an address can be used without its name.
func TestNamesAreNotDenied(t *testing.T) {
	for _, rule := range []string{"deny dial tcp bad.example:*", "deny dial tcp *.bad.example:*", "deny send udp localhost:53"} {
		if _, err := host.ParsePolicy("all", rule); err == nil || !strings.Contains(err.Error(), "write deny resolve ") {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// TestTheNarrowestRuleOfAName is the name where that suffices.
func TestTheNarrowestRuleOfAName(t *testing.T) {
	for _, test := range []struct{ addr, want string }{
		{"93.184.216.34:80", "dial tcp example.com:80"},
		{"10.0.0.1:80", "dial tcp example.com:80"},
		{"127.0.0.1:80", "dial tcp 127.0.0.1:80"},
		{"169.254.169.254:80", "dial tcp 169.254.169.254:80"},
	} {
		r := host.Request{Op: host.OpDial, Network: "tcp", Addr: netip.MustParseAddrPort(test.addr), Names: []string{"Example.com."}}
		if got := r.Rule(); got != test.want {
			t.Errorf("%s: %s, want %s", test.addr, got, test.want)
		}
		if policy, err := host.ParsePolicy(r.Rule()); err != nil || policy(r) != nil {
			t.Errorf("%s: %s does not allow it", test.addr, r.Rule())
		}
	}
}
