//go:build linux || darwin

package system

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/sockabi"
)

// query is a message that asks for a type of a name, with EDNS if payload is above 0.
func query(t testing.TB, name string, kind dnsmessage.Type, payload int) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	if payload > 0 {
		var h dnsmessage.ResourceHeader
		h.SetEDNS0(payload, dnsmessage.RCodeSuccess, false)
		m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// said is what an answer says, such as "success A 192.0.2.1".
func said(t testing.TB, b []byte) string {
	t.Helper()
	if b == nil {
		return "nothing"
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	if !m.Response || m.ID != 7 || !m.RecursionAvailable {
		t.Errorf("%+v", m.Header)
	}
	text := strings.ToLower(strings.TrimPrefix(m.RCode.String(), "RCode"))
	if m.Truncated {
		text += " truncated"
	}
	for _, r := range m.Answers {
		if r.Header.TTL != answerTTL {
			t.Errorf("TTL %d", r.Header.TTL)
		}
		text += " " + strings.TrimPrefix(r.Header.Type.String(), "Type") + " "
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			text += netip.AddrFrom4(b.A).String()
		case *dnsmessage.AAAAResource:
			text += netip.AddrFrom16(b.AAAA).String()
		case *dnsmessage.CNAMEResource:
			text += b.CNAME.String()
		case *dnsmessage.MXResource:
			text += fmt.Sprint(b.Pref, " ", b.MX)
		case *dnsmessage.NSResource:
			text += b.NS.String()
		case *dnsmessage.PTRResource:
			text += b.PTR.String()
		case *dnsmessage.SRVResource:
			text += fmt.Sprint(b.Priority, b.Weight, b.Port, " ", b.Target)
		case *dnsmessage.TXTResource:
			text += fmt.Sprint(len(b.TXT), " ", len(strings.Join(b.TXT, "")))
		}
	}
	return text
}

func newNameTester(t testing.TB, rules ...string) *tester {
	t.Helper()
	policy, err := host.ParsePolicy(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return newNameTesterOf(t, policy)
}

func newNameTesterOf(t testing.TB, policy host.Policy) *tester {
	t.Helper()
	g := newTester(t, Config{Policy: policy, Nameserver: true})
	g.resolver = fewNames{}
	return g
}

func TestAnswers(t *testing.T) {
	g := newNameTester(t, "resolve *", "deny resolve bad.test")
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
		if got := said(t, g.answer(t.Context(), query(t, test.name, test.kind, 4096), maxDatagram)); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.name, test.kind, got, test.want)
		}
	}
	big := query(t, "big.test.", dnsmessage.TypeTXT, 0)
	if got := said(t, g.answer(t.Context(), big, maxDatagram)); got != "success truncated" {
		t.Errorf("without EDNS: %s", got)
	}
	for _, payload := range []int{0, 1232, 4096} { // which is about datagrams
		if got := said(t, g.answer(t.Context(), query(t, "big.test.", dnsmessage.TypeTXT, payload), 65535)); got != "success TXT 12 3000" {
			t.Errorf("a stream, EDNS with %d: %s", payload, got)
		}
	}
}

func TestMessagesThatAreNoQueries(t *testing.T) {
	g := newNameTester(t, "resolve *")
	good := query(t, "both.test.", dnsmessage.TypeA, 0)
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
		if got := said(t, g.answer(t.Context(), test.query, maxDatagram)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// TestTheNameserverByDatagrams asks as a guest's resolver does, connected and not.
func TestTheNameserverByDatagrams(t *testing.T) {
	leakCheck(t)
	g := newNameTester(t, "resolve *.test")
	for _, family := range []uint32{sockabi.AF_INET4, sockabi.AF_INET6} {
		fd := g.nonblock(g.open(family, sockabi.SOCK_DGRAM))
		at := g.addr("169.254.1.53")
		want := "169.254.1.53:53"
		if family == sockabi.AF_INET6 {
			at, want = g.addr("::ffff:169.254.1.53"), "[::ffff:169.254.1.53]:53"
		}
		g.expectPoll("write:0", write(fd))
		g.ok("sock_connect", fd, at, 53)
		if got := g.peer(fd).String(); got != want || g.local(fd).Port() == 0 {
			t.Errorf("the peer is %s, want %s; local %s", got, want, g.local(fd))
		}
		g.want(sockabi.EISCONN, "sock_connect", fd, at, 53)
		for _, name := range []string{"four.test.", "none.test.", "outside.example."} {
			g.send(fd, string(query(t, name, dnsmessage.TypeA, 0)))
			g.waitFor(read(fd))
			text, errno := g.recv(fd)
			if errno != 0 {
				t.Fatal(errno.Name())
			}
			wants := map[string]string{"four.test.": "success A 192.0.2.1", "none.test.": "nameerror", "outside.example.": "refused"}
			if got := said(t, []byte(text)); got != wants[name] {
				t.Errorf("%s: %s", name, got)
			}
		}
		g.ok("fd_close", fd)
	}
	if got := g.Stats().Refused; got == 0 {
		t.Error("the refusal of a name is not counted")
	}
	g.Close()
}

// TestTheNameserverByAStream sends a message in pieces, and two at once.
func TestTheNameserverByAStream(t *testing.T) {
	leakCheck(t)
	g := newNameTester(t, "resolve *.test")
	fd := g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM))
	g.ok("sock_connect", fd, g.addr("169.254.1.53"), 53)
	q := query(t, "big.test.", dnsmessage.TypeTXT, 0)
	framed := string(binary.BigEndian.AppendUint16(nil, uint16(len(q)))) + string(q)
	for _, part := range []string{framed[:1], framed[1:10], framed[10:] + framed} {
		g.send(fd, part)
	}
	var all []byte
	for len(all) < 2 || len(all) < 2*(2+int(binary.BigEndian.Uint16(all))) {
		g.waitFor(read(fd))
		text, errno := g.recv(fd)
		if errno != 0 || text == "" {
			t.Fatal(errno.Name(), len(all))
		}
		all = append(all, text...)
	}
	for range 2 {
		n := 2 + int(binary.BigEndian.Uint16(all))
		if got := said(t, all[2:n]); got != "success TXT 12 3000" {
			t.Error(got)
		}
		all = all[n:]
	}
	g.ok("fd_close", fd)
	g.Close()
}

// TestTheNameserverOffGuard closes sockets and the guest while lookups hang.
func TestTheNameserverOffGuard(t *testing.T) {
	leakCheck(t)
	g := newNameTester(t, "resolve *.test")
	var fds []uint32
	for range 3 {
		fd := g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM))
		g.ok("sock_connect", fd, g.addr("169.254.1.53"), 53)
		for range 2 * maxAnswering {
			g.send(fd, string(query(t, "hang.test.", dnsmessage.TypeA, 0)))
		}
		fds = append(fds, fd)
	}
	time.Sleep(10 * time.Millisecond)
	g.ok("fd_close", fds[0])
	g.Close()
}

func TestAPolicyThatPanicsIsNoAnswer(t *testing.T) {
	g := newTester(t, Config{Policy: func(host.Request) error { panic("boom") }, Nameserver: true})
	if a := g.answerSafely(t.Context(), query(t, "both.test.", dnsmessage.TypeA, 0), maxDatagram); a != nil {
		t.Error(said(t, a))
	}
}

// TestNamesPermitWhatTheHostTold dials an address before and after it was told of, in
// both ways, and another guest's name.
func TestNamesPermitWhatTheHostTold(t *testing.T) {
	told := map[string]func(g *tester){
		"by sock_getaddrinfo": func(g *tester) {
			g.ok("sock_getaddrinfo", g.ask("four.test", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.list(2, 26, 0))...)
		},
		"by the nameserver": func(g *tester) {
			fd := g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM))
			g.ok("sock_connect", fd, g.addr("169.254.1.53"), 53)
			g.send(fd, string(query(t, "four.test.", dnsmessage.TypeA, 0)))
			g.waitFor(read(fd))
		},
	}
	for way, tell := range told {
		g := newNameTester(t, "dial tcp four.test:80 in 192.0.2.0/24")
		other := newNameTester(t, "dial tcp four.test:80 in 192.0.2.0/24")
		dial := func(g *tester) sockabi.Errno {
			fd := g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM))
			return g.call("sock_connect", fd, g.addr("192.0.2.1"), 80)
		}
		if errno := dial(g); errno != sockabi.EACCES {
			t.Errorf("%s: before it was told: %s", way, errno.Name())
		}
		tell(g)
		if errno := dial(g); errno == sockabi.EACCES {
			t.Errorf("%s: the name is told, and still refused", way)
		}
		if errno := dial(other); errno != sockabi.EACCES {
			t.Errorf("%s: another guest: %s", way, errno.Name())
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(query(f, "both.test.", dnsmessage.TypeA, 4096))
	f.Add(query(f, "1.2.0.192.in-addr.arpa.", dnsmessage.TypePTR, 0))
	f.Add(query(f, "big.test.", dnsmessage.TypeTXT, 512))
	g := newNameTester(f, "resolve *", "deny resolve hang.test")
	f.Fuzz(func(t *testing.T, q []byte) {
		a := g.answer(t.Context(), q, maxDatagram)
		if a == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(a); err != nil || len(a) > maxDatagram {
			t.Errorf("%d bytes, %v", len(a), err)
		}
	})
}
