package host

import (
	"reflect"
	"testing"
)

func TestReachOf(t *testing.T) {
	everywhere := []PortRange{{0, 65535}}
	for _, test := range []struct {
		rules []string
		want  Reach
	}{
		{nil, Reach{}},
		{[]string{"all"}, Reach{Dial: everywhere, Listen: everywhere, Bind: []string{"/"}, Abstract: true}},
		{[]string{"deny all", "deny dial tcp *:*"}, Reach{}},
		{[]string{"dial tcp 10.0.0.0/8:80", "dial tcp *.example.com:8000-8999", "dial tcp a.example in 10.0.0.0/8:*"}, Reach{}},
		{[]string{"dial tcp 10.0.0.0/8:80", "dial tcp *.example.com:8000-8999 in [fd00::/8]", "deny dial tcp *:81"}, Reach{Dial: []PortRange{{80, 80}, {8000, 8999}}}},
		{[]string{"dial tcp [::1]:*", "listen tcp 127.0.0.1:0"}, Reach{Dial: everywhere, Listen: []PortRange{{0, 0}}}},
		{[]string{"dial udp *:*", "send udp *:*", "listen udp *:*", "resolve *"}, Reach{}},
		{[]string{"dial unix *"}, Reach{Abstract: true}},
		{[]string{"send unixgram @a", "listen unix @b"}, Reach{Abstract: true}},
		{[]string{"listen unix @b", "dial unix /run/*"}, Reach{}},
		{[]string{"listen unix *"}, Reach{Bind: []string{"/"}}},
		{[]string{"listen unix /*", "listen unixgram /a.sock"}, Reach{Bind: []string{"/", "/"}}},
		{[]string{"listen unix /run/app/*", `listen unixgram "/run/b c/d.sock"`}, Reach{Bind: []string{"/run/app", "/run/b c"}}},
	} {
		got, err := ReachOf(test.rules...)
		if _, invalid := ParsePolicy(test.rules...); (err != nil) != (invalid != nil) || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: %+v, %v; want %+v", test.rules, got, err, test.want)
		}
	}
}
