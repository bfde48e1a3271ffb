//go:build !wasip1

package socket

import (
	"errors"
	"strings"
	"testing"
)

func TestElsewhereThanOnWasip1EveryCallIsUnsupported(t *testing.T) {
	ip, path := inet("127.0.0.1:80"), Addr{Path: "/a"}
	var c Conn
	var l Listener
	var p PacketConn
	drop := func(_ any, err error) error { return err }
	for name, call := range map[string]func() error{
		"Dial":                  func() error { return drop(Dial(ip)) },
		"Dial UNIX":             func() error { return drop(Dial(path)) },
		"Listen":                func() error { return drop(Listen(ip, 1)) },
		"ListenPacket":          func() error { return drop(ListenPacket(ip)) },
		"DialPacket":            func() error { return drop(DialPacket(path)) },
		"Lookup":                func() error { return drop(Lookup("localhost")) },
		"Conn.Read":             func() error { return drop(c.Read(make([]byte, 1))) },
		"Conn.ReadV":            func() error { return drop(c.ReadV(nil)) },
		"Conn.Write":            func() error { return drop(c.Write(nil)) },
		"Conn.WriteV":           func() error { return drop(c.WriteV(nil)) },
		"Conn.CloseRead":        func() error { return c.CloseRead() },
		"Conn.CloseWrite":       func() error { return c.CloseWrite() },
		"Conn.RemoteAddr":       func() error { return drop(c.RemoteAddr()) },
		"Conn.LocalAddr":        func() error { return drop(c.LocalAddr()) },
		"Conn.Close":            func() error { return c.Close() },
		"Listener.Accept":       func() error { return drop(l.Accept()) },
		"PacketConn.ReadFrom":   func() error { _, _, err := p.ReadFrom(nil); return err },
		"PacketConn.Read":       func() error { return drop(p.Read(nil)) },
		"PacketConn.WriteTo":    func() error { return drop(p.WriteTo(nil, Addr{Path: "/a"})) },
		"PacketConn.Write":      func() error { return drop(p.Write(nil)) },
		"PacketConn.RemoteAddr": func() error { return drop(p.RemoteAddr()) },
		"Option.Get":            func() error { return drop(NoDelay.Get(&c.Socket)) },
		"Option.Set":            func() error { return NoDelay.Set(&c.Socket, true) },
	} {
		if err := call(); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "wasip1") {
			t.Errorf("%s: %v, want an unsupported error that names wasip1", name, err)
		}
	}
}
