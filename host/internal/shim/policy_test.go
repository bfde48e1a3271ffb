//go:build linux || darwin

package shim

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// choke is a policy that records requests, and refuses them while deny is set.
type choke struct {
	asked []string
	deny  bool
}

func (p *choke) decide(r host.Request) error {
	text := string(r.Op) + " " + r.Network
	switch {
	case r.Path != "":
		text += " " + r.Path
	case r.Host != "":
		text += r.Host
	default:
		text += " " + r.Addr.String()
	}
	p.asked = append(p.asked, text)
	if p.deny {
		return errors.New("not here")
	}
	return nil
}

func TestEveryAddressPassesThePolicy(t *testing.T) {
	dir, err := os.MkdirTemp("", "wasisock")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")
	for _, test := range []struct {
		family, kind uint32
		act          func(g *tester, fd uint32) sockabi.Errno
		want         string
	}{
		{inet4, tcp, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_bind", fd, g.addr("127.0.0.1"), 48123) }, "listen tcp 127.0.0.1:48123"},
		{inet4, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_bind", fd, g.addr("0.0.0.0"), 48123) }, "listen udp 0.0.0.0:48123"},
		{inet6, tcp, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_bind_v2", fd, g.addr("::1"), 48123) }, "listen tcp [::1]:48123"},
		{inet6, tcp, func(g *tester, fd uint32) sockabi.Errno {
			return g.call("sock_bind_v2", fd, g.storage(inet6, string(netip.MustParseAddr("::ffff:127.0.0.1").AsSlice())), 48123)
		}, "listen tcp 127.0.0.1:48123"},
		{inet4, tcp, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_listen", fd, 1) }, "listen tcp 0.0.0.0:0"},
		{inet6, tcp, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_listen_v2", fd, 1) }, "listen tcp [::]:0"},
		{inet4, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_connect", fd, g.addr("127.0.0.1"), 9) }, "dial udp 127.0.0.1:9"},
		{inet6, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_connect_v2", fd, g.addr("::1"), 9) }, "dial udp [::1]:9"},
		{inet6, dgram, func(g *tester, fd uint32) sockabi.Errno {
			return g.call("sock_connect", fd, g.addr("::ffff:127.0.0.1"), 9)
		}, "dial udp 127.0.0.1:9"},
		{inet6, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_connect", fd, g.addr("127.0.0.1"), 9) }, "dial udp 127.0.0.1:9"},
		// The unspecified address means loopback, for the kernel and the policy.
		{inet4, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_connect", fd, g.addr("0.0.0.0"), 9) }, "dial udp 127.0.0.1:9"},
		{inet6, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.call("sock_connect", fd, g.addr("::"), 9) }, "dial udp [::1]:9"},
		{inet6, dgram, func(g *tester, fd uint32) sockabi.Errno {
			return g.call("sock_connect", fd, g.addr("::ffff:0.0.0.0"), 9)
		}, "dial udp 127.0.0.1:9"},
		{inet4, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.sendTo(fd, g.addr("0.0.0.0"), 9) }, "send udp 127.0.0.1:9"},
		{inet4, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.sendTo(fd, g.addr("127.0.0.1"), 9) }, "send udp 127.0.0.1:9"},
		{inet6, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.sendTo(fd, g.addr("::1"), 9) }, "send udp [::1]:9"},
		{inet6, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.sendTo(fd, g.addr("::ffff:127.0.0.1"), 9) }, "send udp 127.0.0.1:9"},
		{local, tcp, func(g *tester, fd uint32) sockabi.Errno {
			return g.call("sock_bind_v2", fd, g.storage(local, path), 0)
		}, "listen unix " + path},
		{local, dgram, func(g *tester, fd uint32) sockabi.Errno {
			return g.call("sock_bind_v2", fd, g.storage(local, path+"2"), 0)
		}, "listen unixgram " + path + "2"},
		{local, dgram, func(g *tester, fd uint32) sockabi.Errno {
			return g.call("sock_connect_v2", fd, g.storage(local, path+"2"), 0)
		}, "dial unixgram " + path + "2"},
		{local, dgram, func(g *tester, fd uint32) sockabi.Errno { return g.sendTo(fd, g.storage(local, path+"2"), 0) }, "send unixgram " + path + "2"},
		{local, tcp, func(g *tester, fd uint32) sockabi.Errno {
			return g.call("sock_connect_v2", fd, g.storage(local, "\x00nobody"), 0)
		}, "dial unix @nobody"},
	} {
		policy := new(choke)
		g := newTester(t, sockets.Config{Policy: policy.decide})
		// Refused: nothing has happened to the socket.
		policy.deny = true
		fd := g.nonblock(g.open(test.family, test.kind))
		was, _ := g.Local(g.Socket(fd))
		errno := test.act(g, fd)
		is, _ := g.Local(g.Socket(fd))
		if got := strings.Join(policy.asked, "; "); errno != sockabi.EACCES || got != test.want {
			t.Errorf("%q: asked %q, and the guest got %s", test.want, got, errno.Name())
		}
		if _, errno := g.Peer(g.Socket(fd)); errno == 0 || is != was {
			t.Errorf("%q: refused, and yet the socket is bound to %v or connected", test.want, is)
		}
		// Allowed: no outcome is EACCES.
		policy.deny, policy.asked = false, nil
		if errno := test.act(g, fd); errno == sockabi.EACCES || len(policy.asked) != 1 {
			t.Errorf("%q: allowed, and the guest got %s; asked %v", test.want, errno.Name(), policy.asked)
		}
	}
}

func (g *tester) sendTo(fd, addr, port uint32) sockabi.Errno {
	return g.call("sock_send_to_v2", fd, g.iovs("x"), 1, addr, port, 0, g.alloc(4))
}

func TestWhatThePolicyIsNotAsked(t *testing.T) {
	policy := new(choke)
	g := newTester(t, sockets.Config{Policy: policy.decide})
	a, b := g.pair()
	u, v := udp(g), udp(g)
	g.ok("sock_connect", u, g.addr("127.0.0.1"), uint32(g.local(v).Port()))
	l, _ := g.listen()
	g.recv(v)
	policy.deny, policy.asked = true, nil
	g.send(a, "stream")
	g.waitFor(read(b))
	g.recv(b)
	g.send(u, "connected")
	g.waitFor(read(v))
	g.recv(v)
	g.ok("sock_listen", l, 5)                                                      // allowed when it listened
	g.ok("sock_send_to", a, g.iovs("x"), 1, g.addr("127.0.0.1"), 9, 0, g.alloc(4)) // its peer, not the address
	g.want(sockabi.EBADF, "sock_connect", sockets.FirstSocket+99, g.addr("127.0.0.1"), 9)
	g.want(sockabi.EAFNOSUPPORT, "sock_connect", u, g.addr("::1"), 9)
	g.want(sockabi.EINVAL, "sock_connect", u, g.addr("127.0.0.1"), 65536)
	if policy.asked != nil {
		t.Errorf("it was asked %q", policy.asked)
	}
}

func TestWithoutAPolicyEverythingIsRefused(t *testing.T) {
	s, err := sockets.New(sockets.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g := newTester(t, sockets.Config{})
	for _, row := range Rows(s, Watch{}) {
		if row.Name == "sock_bind" || row.Name == "sock_connect" {
			g.calls["denied_"+row.Name+"3"] = row.Call
		}
		if row.Name == "sock_open" {
			g.calls["denied_sock_open3"] = row.Call
		}
	}
	out := g.alloc(4)
	g.ok("denied_sock_open", inet4, tcp, out)
	g.want(sockabi.EACCES, "denied_sock_bind", g.u32(out), g.addr("127.0.0.1"), 48123)
	g.want(sockabi.EACCES, "denied_sock_connect", g.u32(out), g.addr("127.0.0.1"), 80)
}

// TestTheAddressCheckedIsTheAddressUsed changes the guest's address while the
// policy looks at it.
func TestTheAddressCheckedIsTheAddressUsed(t *testing.T) {
	var g *tester
	var addr uint32
	g = newTester(t, sockets.Config{Policy: func(r host.Request) error {
		if addr != 0 {
			copy(g.mem[g.u32(addr):], []byte{127, 0, 0, 2})
			if r.Addr.Addr().String() != "127.0.0.1" {
				return fmt.Errorf("it is %v", r.Addr)
			}
		}
		return nil
	}})
	fd := g.open(inet4, dgram)
	addr = g.addr("127.0.0.1")
	g.ok("sock_bind", fd, addr, 0)
	if got := g.local(fd).Addr().String(); got != "127.0.0.1" {
		t.Errorf("the socket is bound to %s", got)
	}
}

func TestRefusalsLeakNothing(t *testing.T) {
	leakCheck(t)
	g := newTester(t, sockets.Config{Policy: func(host.Request) error { return unix.EPERM }})
	for range 2000 {
		g.scratch(func() {
			fd := g.open(inet4, tcp)
			g.ok("sock_bind", fd, g.addr("127.0.0.1"), 0)
			g.want(sockabi.EACCES, "sock_listen", fd, 1)
			g.want(sockabi.EACCES, "sock_connect", fd, g.addr("127.0.0.1"), 9)
			g.ok("fd_close", fd)
		})
	}
	g.Close()
}
