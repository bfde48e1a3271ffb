//go:build linux || darwin

package shim

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

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
	g := newTester(t, sockets.Config{Policy: policy, Nameserver: true})
	g.Names.Resolver = namestest.Resolver{}
	return g
}

// TestTheNameserverByDatagrams sends queries as a guest's resolver does, connected and not.
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
			g.send(fd, string(namestest.Query(t, name, dnsmessage.TypeA, 0)))
			g.waitFor(read(fd))
			text, errno := g.recv(fd)
			if errno != 0 {
				t.Fatal(errno.Name())
			}
			wants := map[string]string{"four.test.": "success A 192.0.2.1", "none.test.": "nameerror", "outside.example.": "refused"}
			if got := namestest.Said(t, []byte(text)); got != wants[name] {
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
	q := namestest.Query(t, "big.test.", dnsmessage.TypeTXT, 0)
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
		if got := namestest.Said(t, all[2:n]); got != "success TXT 12 3000" {
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
		for range 64 {
			g.send(fd, string(namestest.Query(t, "hang.test.", dnsmessage.TypeA, 0)))
		}
		fds = append(fds, fd)
	}
	time.Sleep(10 * time.Millisecond)
	g.ok("fd_close", fds[0])
	g.Close()
}

// TestNamesAllowWhatTheHostTold dials an address before and after the host has returned it, in both
// ways, and one of another guest's name.
func TestNamesAllowWhatTheHostTold(t *testing.T) {
	told := map[string]func(g *tester){
		"by sock_getaddrinfo": func(g *tester) {
			g.ok("sock_getaddrinfo", g.ask("four.test", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.list(2, 26, 0))...)
		},
		"by the nameserver": func(g *tester) {
			fd := g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM))
			g.ok("sock_connect", fd, g.addr("169.254.1.53"), 53)
			g.send(fd, string(namestest.Query(t, "four.test.", dnsmessage.TypeA, 0)))
			g.waitFor(read(fd))
		},
	}
	for way, ask := range told {
		g := newNameTester(t, "dial tcp four.test:80 in 192.0.2.0/24")
		other := newNameTester(t, "dial tcp four.test:80 in 192.0.2.0/24")
		dial := func(g *tester) sockabi.Errno {
			fd := g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM))
			return g.call("sock_connect", fd, g.addr("192.0.2.1"), 80)
		}
		if errno := dial(g); errno != sockabi.EACCES {
			t.Errorf("%s: before it was told: %s", way, errno.Name())
		}
		ask(g)
		if errno := dial(g); errno == sockabi.EACCES {
			t.Errorf("%s: the name is told, and still refused", way)
		}
		if errno := dial(other); errno != sockabi.EACCES {
			t.Errorf("%s: another guest: %s", way, errno.Name())
		}
	}
}
