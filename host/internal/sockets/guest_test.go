//go:build linux || darwin

package sockets

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/account"
	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// Most tests of a guest's sockets make calls through guest memory, in package shim. This file
// tests the methods for callers in Go.

func open(t *testing.T, cfg Config) *Guest {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func must[T any](v T, errno sockabi.Errno) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if errno != 0 {
			t.Fatal(errno.Name())
		}
		return v
	}
}

var loopback = address.Inet(netip.MustParseAddr("127.0.0.1"), 0)

// listen returns a TCP listener, and its address.
func listen(t *testing.T, g *Guest) (*Socket, address.Endpoint) {
	t.Helper()
	l := must(g.Open(sockabi.AF_INET4, sockabi.SOCK_STREAM))(t)
	if errno := g.Bind(l, loopback); errno != 0 {
		t.Fatal(errno.Name())
	}
	if errno := g.Listen(l, 8); errno != 0 {
		t.Fatal(errno.Name())
	}
	return l, must(g.Local(l))(t)
}

func TestRequests(t *testing.T) {
	var asked []host.Op
	g := open(t, Config{Policy: func(r host.Request) error {
		asked = append(asked, r.Op)
		return nil
	}})
	l, at := listen(t, g)
	c := must(g.Open(sockabi.AF_INET4, sockabi.SOCK_STREAM))(t)
	if _, errno := g.Peer(c); errno != sockabi.ENOTCONN {
		t.Errorf("the peer of a socket that is not connected: %s", errno.Name())
	}
	if errno := g.Connect(c, at); errno != 0 {
		t.Fatal(errno.Name())
	}
	s := must(g.Accept(l, sockabi.FDFLAG_NONBLOCK))(t)
	if !s.Accepted() || c.Accepted() || s.Flags() != sockabi.FDFLAG_NONBLOCK || s.Number() != FirstSocket+2 || g.Socket(s.Number()) != s {
		t.Errorf("accepted %+v", s)
	}
	if n := must(g.Send(c, [][]byte{[]byte("ab"), []byte("c")}, address.Endpoint{}))(t); n != 3 {
		t.Errorf("sent %d bytes", n)
	}
	g.await(s.fd, unix.POLLIN, netos.DeadlineOf(10*time.Second))
	buf := make([]byte, 8)
	n, cut, _, errno := g.Receive(s, [][]byte{buf}, false, false)
	if string(buf[:n]) != "abc" || cut || errno != 0 {
		t.Errorf("received %q, %t, %s", buf[:n], cut, errno.Name())
	}
	if _, _, _, errno := g.Receive(s, [][]byte{buf}, false, false); errno != sockabi.EAGAIN {
		t.Errorf("received nothing: %s", errno.Name())
	}
	if must(g.Peer(c))(t) != at || must(g.Peer(s))(t) != must(g.Local(c))(t) {
		t.Error("the ends have other addresses")
	}
	if len(asked) != 2 || asked[0] != host.OpListen || asked[1] != host.OpDial {
		t.Errorf("the policy was asked about %v", asked)
	}
	g.Renumber(c, s)
	if g.Socket(FirstSocket+2) != c || g.Socket(FirstSocket+1) != nil || g.Stats().Sockets != 2 {
		t.Error("the socket has not taken the number of the other")
	}
	g.Close()
	if _, errno := g.Open(sockabi.AF_INET4, sockabi.SOCK_STREAM); errno != sockabi.EMFILE {
		t.Errorf("a socket of a closed guest: %s", errno.Name())
	}
}

func TestTheTextOfAnUnknownErrorIsRecorded(t *testing.T) {
	var g Guest
	g.Account.Rec = new(account.Recorder)
	if errno := g.wire(errors.New("the moon is full")); errno != sockabi.EIO || g.Account.Rec.Call(nil, errno).Reason != "the moon is full" {
		t.Errorf("%s, %q", errno.Name(), g.Account.Rec.Call(nil, errno).Reason)
	}
}

// TestLingerIsInherited tests that closing an accepted socket drops the linger time that was set on
// its listener.
func TestLingerIsInherited(t *testing.T) {
	g := open(t, Config{Policy: host.AllowAll})
	l, at := listen(t, g)
	o, _ := OptionOf(sockabi.SOL_SOCKET, sockabi.SO_LINGER)
	if errno := g.SetLinger(l, o, sockabi.Linger{OnOff: 1, Seconds: 60}); errno != 0 {
		t.Fatal(errno.Name())
	}
	c := must(g.Open(sockabi.AF_INET4, sockabi.SOCK_STREAM))(t)
	if errno := g.Connect(c, at); errno != 0 {
		t.Fatal(errno.Name())
	}
	s := must(g.Accept(l, 0))(t)
	if v := must(g.Linger(s))(t); v.Seconds != 60 || !s.lingers {
		t.Errorf("the socket lingers as %+v, and its guest believes %t", v, s.lingers)
	}
}

// TestPollHasTheContext tests that Config.FDStat gets the context of the poll, and that nothing
// keeps the context.
func TestPollHasTheContext(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(context.Background(), key{}, "this call")
	var got any
	g := open(t, Config{FDStat: func(ctx context.Context, fd uint32) (uint8, sockabi.Errno) {
		got = ctx.Value(key{})
		return sockabi.FILETYPE_REGULAR_FILE, 0
	}})
	subs, err := binary.Append(nil, binary.LittleEndian, sockabi.Subscription{Tag: sockabi.EVENTTYPE_FD_READ, Target: 7})
	if err != nil {
		t.Fatal(err)
	}
	events := make([]byte, sockabi.EventSize)
	if n, errno := g.Poll(ctx, subs, events); n != 1 || errno != 0 || got != "this call" || g.polling != nil {
		t.Errorf("%d events, %s; the context has %v, and %v is kept", n, errno.Name(), got, g.polling)
	}
	g.Close()
	if _, errno := g.Poll(ctx, subs, events); errno != sockabi.EINTR {
		t.Errorf("a poll of a closed guest: %s", errno.Name())
	}
}
