// Package xnet tests connections by golang.org/x/net/nettest, and has in its go.mod
// what the tests of golang.org/x/net need, for command prove to run them.
package xnet

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"

	_ "golang.org/x/net/http2"
	"golang.org/x/net/nettest"
	_ "golang.org/x/net/quic"
)

// loopback is where a socket of a network is bound; a name for one of UNIX.
func loopback(t *testing.T, network string) string {
	switch network {
	case "tcp", "tcp4", "udp", "udp4":
		return "127.0.0.1:0"
	case "tcp6", "udp6":
		return "[::1]:0"
	}
	return filepath.Join(t.TempDir(), "s")
}

func TestStream(t *testing.T) {
	for _, network := range []string{"tcp", "tcp4", "tcp6", "unix"} {
		t.Run(network, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) { return streams(t, network) })
		})
	}
}

// streams is both ends of one connection.
func streams(t *testing.T, network string) (c1, c2 net.Conn, stop func(), err error) {
	l, err := net.Listen(network, loopback(t, network))
	if err != nil {
		return nil, nil, nil, err
	}
	defer l.Close()
	if c1, err = net.Dial(network, l.Addr().String()); err != nil {
		return nil, nil, nil, err
	}
	if c2, err = l.Accept(); err != nil {
		c1.Close()
		return nil, nil, nil, err
	}
	return c1, c2, func() { c1.Close(); c2.Close() }, nil
}

func TestDatagram(t *testing.T) {
	for _, network := range []string{"udp", "udp4", "udp6", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) { return datagrams(t, network) })
		})
	}
}

// datagrams is two sockets, each connected to the other.
func datagrams(t *testing.T, network string) (c1, c2 net.Conn, stop func(), err error) {
	l, err := net.ListenPacket(network, loopback(t, network))
	if err != nil {
		return nil, nil, nil, err
	}
	c2 = l.(net.Conn)
	d := net.Dialer{}
	if network == "unixgram" {
		d.LocalAddr = &net.UnixAddr{Name: loopback(t, network), Net: network}
	}
	if c1, err = d.Dial(network, l.LocalAddr().String()); err != nil {
		c2.Close()
		return nil, nil, nil, err
	}
	stop = func() { c1.Close(); c2.Close() }
	if err := connect(c2, c1.LocalAddr()); err != nil {
		stop()
		return nil, nil, nil, err
	}
	return c1, c2, stop, nil
}

// connect connects a socket that is bound, for which package net has no function.
func connect(c net.Conn, addr net.Addr) error {
	var sa syscall.Sockaddr
	switch addr := addr.(type) {
	case *net.UnixAddr:
		sa = &syscall.SockaddrUnix{Name: addr.Name}
	case *net.UDPAddr:
		if ip := addr.IP.To4(); ip != nil {
			sa = &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}
		} else {
			sa = &syscall.SockaddrInet6{Port: addr.Port, Addr: [16]byte(addr.IP)}
		}
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	if e := raw.Control(func(fd uintptr) { err = syscall.Connect(int(fd), sa) }); e != nil {
		return e
	}
	return err
}
