//go:build linux || darwin

package sockets

import (
	"context"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/bridge"
	"github.com/wasisock/wasisock/sockabi"
)

// A connBridge is a socket that is bridged to a net.Conn.
type connBridge struct {
	*kernelSocket // the guest's end
	*bridge.Conn
}

// dialled connects s with the embedder's function. The socket is connecting while the function
// runs.
func (g *Guest) dialled(s *Socket, k *kernelSocket, to address.Endpoint) (backend, error) {
	network, target := s.network(), to.Path
	if s.family != sockabi.AF_UNIX {
		target = netip.AddrPortFrom(to.Addr.Addr().Unmap(), to.Addr.Port()).String()
	}
	g.forget(s) // the poller watches another descriptor for it from now on
	c, err := bridge.Dial(k.fd, s.family, to, &g.Account.Background, func(ctx context.Context) (net.Conn, error) {
		return g.dial(ctx, network, target)
	})
	if err != nil {
		return k, err
	}
	return &connBridge{k, c}, unix.EINPROGRESS
}

func (c *connBridge) options() int { return c.Options() }

func (c *connBridge) getInt(o Option) (int, error) {
	return unix.GetsockoptInt(c.Options(), o.level, o.number)
}

func (c *connBridge) local() (address.Endpoint, error) {
	e, err := c.Local()
	return e.WithPort(c.port), err
}

func (c *connBridge) peer() (address.Endpoint, error)           { return c.Peer() }
func (c *connBridge) connect(address.Endpoint) (backend, error) { return c, c.Outcome() }
func (c *connBridge) failure() error                            { return c.Failure() }

func (c *connBridge) close() {
	c.kernelSocket.close()
	c.Close()
}
