package names

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/hostfault"
	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
)

// newNames returns the Names of a guest with these rules.
func newNames(t testing.TB, rules ...string) *Names {
	t.Helper()
	policy, err := host.ParsePolicy(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return newNamesOf(t, policy, hostfault.Faults{})
}

func newNamesOf(t testing.TB, policy host.Policy, faults hostfault.Faults) *Names {
	t.Helper()
	a := new(account.Account)
	a.Open(host.Limits{}, faults, policy, nil)
	ctx, cancel := context.WithCancel(context.Background())
	a.Ended = ctx
	t.Cleanup(func() {
		cancel()
		a.Wait()
	})
	n := new(Names)
	n.Open(a, namestest.Resolver{}, false)
	return n
}

func TestAnswers(t *testing.T) {
	n := newNames(t, "resolve *", "deny resolve bad.test")
	for _, test := range []struct {
		name string
		kind dnsmessage.Type
		want string
	}{
		{"both.test.", dnsmessage.TypeA, "success CNAME canonical.both.test. A 192.0.2.1"},
		{"both.test.", dnsmessage.TypeAAAA, "success CNAME canonical.both.test. AAAA 2001:db8::1"},
		{"four.test.", dnsmessage.TypeA, "success A 192.0.2.1"},
		{"four.test.", dnsmessage.TypeAAAA, "success"},
		{"none.test.", dnsmessage.TypeA, "nameerror"},
		{"later.test.", dnsmessage.TypeA, "serverfailure"},
		{"slow.test.", dnsmessage.TypeA, "serverfailure"},
		{"odd.test.", dnsmessage.TypeA, "serverfailure"},
		{"broken.test.", dnsmessage.TypeA, "refused"},
		{"bad.test.", dnsmessage.TypeA, "refused"},
		{"bad.test.", dnsmessage.TypeMX, "refused"},
		{"a b.test.", dnsmessage.TypeA, "refused"},
		{".", dnsmessage.TypeNS, "refused"},
		{"x.test.", dnsmessage.TypeCNAME, "success CNAME canonical.x.test."},
		{"x.test.", dnsmessage.TypeMX, "success MX 10 mail.x.test."},
		{"x.test.", dnsmessage.TypeNS, "success NS ns.x.test."},
		{"_sip._tcp.x.test.", dnsmessage.TypeSRV, "success SRV 1 2 5060 srv._sip._tcp.x.test."},
		{"x.test.", dnsmessage.TypeTXT, "success TXT 1 14"},
		{"big.test.", dnsmessage.TypeTXT, "success truncated"},
		{"1.2.0.192.in-addr.arpa.", dnsmessage.TypePTR, "success PTR name-of-192-0-2-1.test."},
		{strings.Repeat("1.", 31) + "2.ip6.arpa.", dnsmessage.TypePTR, "success PTR name-of-2111-1111-1111-1111-1111-1111-1111-1111.test."},
		{"1.2.0.in-addr.arpa.", dnsmessage.TypePTR, "nameerror"},
		{"1.2.0.256.in-addr.arpa.", dnsmessage.TypePTR, "nameerror"},
		{"x.test.", dnsmessage.TypeSOA, "success"},
	} {
		if got := namestest.Said(t, n.answer(t.Context(), namestest.Query(t, test.name, test.kind, 4096), maxDatagram)); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.name, test.kind, got, test.want)
		}
	}
	big := namestest.Query(t, "big.test.", dnsmessage.TypeTXT, 0)
	if got := namestest.Said(t, n.answer(t.Context(), big, maxDatagram)); got != "success truncated" {
		t.Errorf("without EDNS: %s", got)
	}
	for _, payload := range []int{0, 1232, 4096} { // which is about datagrams
		if got := namestest.Said(t, n.answer(t.Context(), namestest.Query(t, "big.test.", dnsmessage.TypeTXT, payload), 65535)); got != "success TXT 12 3000" {
			t.Errorf("a stream, EDNS with %d: %s", payload, got)
		}
	}
}

func TestMessagesThatAreNoQueries(t *testing.T) {
	n := newNames(t, "resolve *")
	good := namestest.Query(t, "both.test.", dnsmessage.TypeA, 0)
	change := func(i int, b byte) []byte {
		changed := append([]byte(nil), good...)
		changed[i] = b
		return changed
	}
	for _, test := range []struct {
		name  string
		query []byte
		want  string
	}{
		{"nothing", nil, "nothing"},
		{"half a header", good[:6], "nothing"},
		{"a response", change(2, 0x80), "nothing"},
		{"another opcode", change(2, 0x10), "notimplemented"},
		{"a header alone", good[:12], "formaterror"},
		{"a cut question", good[:len(good)-1], "formaterror"},
		{"no question", change(5, 0), "formaterror"},
		{"two questions", change(5, 2), "formaterror"},
		{"another class", change(len(good)-1, 3), "notimplemented"},
	} {
		if got := namestest.Said(t, n.answer(t.Context(), test.query, maxDatagram)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestAPolicyThatPanicsIsNoAnswer(t *testing.T) {
	n := newNamesOf(t, func(host.Request) error { panic("boom") }, hostfault.Faults{})
	if a := n.answerSafely(t.Context(), namestest.Query(t, "both.test.", dnsmessage.TypeA, 0), maxDatagram); a != nil {
		t.Error(namestest.Said(t, a))
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(namestest.Query(f, "both.test.", dnsmessage.TypeA, 4096))
	f.Add(namestest.Query(f, "1.2.0.192.in-addr.arpa.", dnsmessage.TypePTR, 0))
	f.Add(namestest.Query(f, "big.test.", dnsmessage.TypeTXT, 512))
	n := newNames(f, "resolve *", "deny resolve hang.test")
	f.Fuzz(func(t *testing.T, q []byte) {
		a := n.answer(t.Context(), q, maxDatagram)
		if a == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(a); err != nil || len(a) > maxDatagram {
			t.Errorf("%d bytes, %v", len(a), err)
		}
	})
}

// TestLookupsAreReported asks the nameserver and sock_getaddrinfo for the same names.
func TestLookupsAreReported(t *testing.T) {
	n := newNames(t, "resolve *", "deny resolve bad.test")
	var got string
	n.OnLookup = func(l host.Lookup) { got += fmt.Sprint(l.Name, " ", l.Type, " ", l.Addrs, " ", l.Error, "\n") }
	for _, test := range []struct {
		name string
		kind dnsmessage.Type
		want string
	}{
		{"both.test", dnsmessage.TypeA, "both.test A [192.0.2.1] \nboth.test  [2001:db8::1 192.0.2.1] \n"},
		{"both.test", dnsmessage.TypeAAAA, "both.test AAAA [2001:db8::1] \nboth.test  [2001:db8::1 192.0.2.1] \n"},
		{"none.test", dnsmessage.TypeA, "none.test A [] NXDOMAIN\nnone.test  [] EAI_NONAME\n"},
		{"later.test", dnsmessage.TypeA, "later.test A [] SERVFAIL\nlater.test  [] EAI_AGAIN\n"},
		{"bad.test", dnsmessage.TypeMX, "bad.test MX [] REFUSED\nbad.test  [] EACCES\n"},
		{"a\x1bb.test", dnsmessage.TypeTXT, "a\\x1bb.test TXT [] REFUSED\na\\x1bb.test  [] EACCES\n"},
		{"192.0.2.9", dnsmessage.TypePTR, "192.0.2.9 PTR [] \n"},
	} {
		got = ""
		n.answer(t.Context(), namestest.Query(t, test.name+".", test.kind, 0), maxDatagram)
		n.Resolve(Question{Node: test.name})
		if got != test.want {
			t.Errorf("%q: got  %q\nwant %q", test.name, got, test.want)
		}
	}
}
