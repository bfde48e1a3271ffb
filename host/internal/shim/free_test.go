//go:build linux || darwin

package shim

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// TestFreePorts tests what the policy is asked about sockets that bind to port 0, and when.
func TestFreePorts(t *testing.T) {
	policy := new(choke)
	var listening []string
	g := newTester(t, sockets.Config{Policy: policy.decide, OnListen: func(a net.Addr) { listening = append(listening, a.Network()) }})
	asked := func(want ...string) {
		t.Helper()
		if got := strings.Join(policy.asked, "; "); got != strings.Join(want, "; ") {
			t.Errorf("asked %q, want %q", got, want)
		}
		policy.asked = nil
	}
	l, port := g.listen()
	asked("listen tcp 127.0.0.1:0")

	// A stream that dials from there.
	policy.deny = true
	dialler := g.nonblock(g.open(inet4, tcp))
	g.ok("sock_bind", dialler, g.addr("0.0.0.0"), 0)
	asked()
	g.want(sockabi.EACCES, "sock_listen", dialler, 1)
	asked("listen tcp 0.0.0.0:0")
	policy.deny = false
	g.call("sock_connect", dialler, g.addr("127.0.0.1"), port)
	asked(fmt.Sprintf("dial tcp 127.0.0.1:%d", port))
	g.waitFor(read(l))

	// Datagrams: neither polls nor receives until the policy has allowed it.
	policy.deny = true
	u := g.nonblock(g.open(inet4, dgram))
	g.ok("sock_bind", u, g.addr("127.0.0.1"), 0)
	at := g.local(u)
	if at.Port() == 0 {
		t.Error("it has no port")
	}
	sender, err := net.Dial("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	sender.Write([]byte("a stranger's"))
	asked()
	g.expectPoll("clock:1", read(u), timer(20*time.Millisecond))
	asked("listen udp 127.0.0.1:0")
	if _, errno := g.recv(u); errno != sockabi.EACCES {
		t.Errorf("received: %s", errno.Name())
	}
	asked("listen udp 127.0.0.1:0")
	policy.deny = false
	if text, errno := g.recv(u); text != "a stranger's" || errno != 0 {
		t.Errorf("received %q, %s", text, errno.Name())
	}
	asked("listen udp 127.0.0.1:0")
	g.expectPoll("clock:1", read(u), timer(time.Millisecond))
	asked()

	// One that polls first.
	u = g.nonblock(g.open(inet4, dgram))
	g.ok("sock_bind", u, g.addr("127.0.0.1"), 0)
	sender2, err := net.Dial("udp", g.local(u).String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender2.Close()
	sender2.Write([]byte("x"))
	g.waitFor(read(u))
	asked("listen udp 127.0.0.1:0")

	// One that dials receives only from its peer, and nothing else that arrived before.
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	u = g.nonblock(g.open(inet4, dgram))
	g.ok("sock_bind", u, g.addr("0.0.0.0"), 0)
	sender3, err := net.Dial("udp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), g.local(u).Port()).String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender3.Close()
	for range 10 {
		sender3.Write([]byte("a stranger's"))
	}
	to := uint32(peer.LocalAddr().(*net.UDPAddr).Port)
	g.ok("sock_connect", u, g.addr("127.0.0.1"), to)
	asked(fmt.Sprintf("dial udp 127.0.0.1:%d", to))
	policy.deny = true
	if text, errno := g.recv(u); errno != sockabi.EAGAIN {
		t.Errorf("received %q, %s", text, errno.Name())
	}
	peer.WriteTo([]byte("the peer's"), net.UDPAddrFromAddrPort(g.local(u)))
	g.waitFor(read(u))
	if text, _ := g.recv(u); text != "the peer's" {
		t.Errorf("received %q", text)
	}
	asked()
	if got := strings.Join(listening, " "); got != "tcp udp udp" {
		t.Errorf("told to listen: %s", got)
	}
}

// TestFreePortsTellNoAddresses tests that a guest without a rule does not learn whether the host has
// an address, and that one that may dial can bind there.
func TestFreePortsTellNoAddresses(t *testing.T) {
	allowed := false
	g := newTester(t, sockets.Config{Policy: func(r host.Request) error {
		if allowed && r.Op == host.OpDial {
			return nil
		}
		return errors.New("not here")
	}})
	for _, addr := range []string{"127.0.0.2", "192.0.2.1"} { // the host has the first
		s := g.open(inet4, tcp)
		g.ok("sock_bind", s, g.addr(addr), 0)
		if at := g.local(s).String(); at != addr+":0" {
			t.Errorf("it is bound to %s", at)
		}
		g.want(sockabi.EINVAL, "sock_bind", s, g.addr("127.0.0.1"), 0)
		g.want(sockabi.EACCES, "sock_listen", s, 1)
		g.want(sockabi.EACCES, "sock_connect", s, g.addr("127.0.0.1"), 9)
		g.want(sockabi.EACCES, "sock_bind", g.open(inet4, dgram), g.addr(addr), 0)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	allowed = true
	port := uint32(l.Addr().(*net.TCPAddr).Port)
	s := g.open(inet4, tcp)
	g.ok("sock_bind", s, g.addr("127.0.0.2"), 0)
	g.ok("sock_connect", s, g.addr("127.0.0.1"), port)
	if at := g.local(s).Addr().String(); at != "127.0.0.2" {
		t.Errorf("it dials from %s", at)
	}
	s = g.open(inet4, tcp)
	g.ok("sock_bind", s, g.addr("192.0.2.1"), 0)
	g.want(sockabi.EADDRNOTAVAIL, "sock_connect", s, g.addr("127.0.0.1"), port)
}

// TestRoutes tests a guest that connects a UDP socket to port 9, only to learn the route. A refusal
// is not counted until it sends.
func TestRoutes(t *testing.T) {
	var asked []string
	refuse := true
	g := newTester(t, sockets.Config{Policy: func(r host.Request) error {
		asked = append(asked, fmt.Sprint(r.Op, " ", r.Addr, " ", r.Route))
		if refuse {
			return errors.New("not here")
		}
		return nil
	}})
	want := func(refused uint64, want ...string) {
		t.Helper()
		if got := strings.Join(asked, "; "); got != strings.Join(want, "; ") || g.Stats().Refused != refused {
			t.Errorf("asked %q and counted %d, want %q and %d", got, g.Stats().Refused, want, refused)
		}
		asked = nil
	}
	s := g.open(inet4, dgram)
	g.want(sockabi.EACCES, "sock_connect", s, g.addr("127.0.0.1"), 9)
	want(0, "dial 127.0.0.1:9 true")
	g.want(sockabi.EACCES, "sock_connect", s, g.addr("127.0.0.1"), 10)
	want(1, "dial 127.0.0.1:10 false")
	g.want(sockabi.EACCES, "sock_connect", g.open(inet4, tcp), g.addr("127.0.0.1"), 9)
	want(2, "dial 127.0.0.1:9 false")
	refuse = false
	g.ok("sock_connect", s, g.addr("127.0.0.1"), 9)
	if at := g.local(s).Addr().String(); at != "127.0.0.1" {
		t.Errorf("the route is from %s", at)
	}
	want(2, "dial 127.0.0.1:9 true")
	refuse = true
	for range 2 {
		g.want(sockabi.EACCES, "sock_send", s, g.iovs("x"), 1, 0, g.alloc(4))
	}
	want(4, "dial 127.0.0.1:9 false", "dial 127.0.0.1:9 false")
	refuse = false
	g.send(s, "x")
	want(4, "dial 127.0.0.1:9 false")
	g.call("sock_send", s, g.iovs("x"), 1, 0, g.alloc(4))
	want(4)
}
