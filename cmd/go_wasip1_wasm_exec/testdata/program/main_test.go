package main

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasisock/wasisock/guest/socket"
)

func TestTheSourcesAreHere(t *testing.T) {
	if _, err := os.Stat("main.go"); err != nil {
		t.Error(err)
	}
}

func TestTheEnvironment(t *testing.T) {
	if os.Getenv("PATH") == "" || os.Getenv("PWD") == "" {
		t.Errorf("%q", os.Environ())
	}
}

func TestLoopback(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := socket.Listen(socket.Addr{AddrPort: netip.MustParseAddrPort(at)}, 1)
		if errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
		if err != nil {
			continue // a machine without IPv6
		}
		defer l.Close()
		where, err := l.LocalAddr()
		if err != nil {
			t.Fatal(err)
		}
		c, err := socket.Dial(where)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	p, err := socket.ListenPacket(socket.Addr{AddrPort: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	where, err := p.LocalAddr()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteTo([]byte("x"), where); err != nil {
		t.Error(err)
	}
}

func TestUnixSocketsInTheTemporaryDirectory(t *testing.T) {
	l, err := socket.Listen(socket.Addr{Path: filepath.Join(t.TempDir(), "s")}, 1)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestNothingElse(t *testing.T) {
	_, err := socket.Dial(socket.Addr{AddrPort: netip.MustParseAddrPort("192.0.2.1:80")})
	if !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}
