package socket

import (
	"net/netip"

	"github.com/wasisock/wasisock/sockabi"
)

// portOrder is the byte order of ports that this host writes in sock_recv_from, 0 until known.
// There is one host, so one answer.
var portOrder int

// port reads a port that sock_recv_from wrote.
func (s *Socket) port(b [2]byte) uint16 {
	if portOrder == 0 && b[0] != b[1] {
		portOrder = learnPortOrder(s)
	}
	if portOrder == sockabi.PORTORDER_LITTLE {
		return uint16(b[1])<<8 | uint16(b[0])
	}
	return uint16(b[0])<<8 | uint16(b[1])
}

// learnPortOrder is 0 if there is no way to know.
func learnPortOrder(s *Socket) int {
	if order, err := PortOrder.Get(s); err == nil && (order == sockabi.PORTORDER_LITTLE || order == sockabi.PORTORDER_NETWORK) {
		return order
	}
	if order := loopbackPortOrder(netip.AddrFrom4([4]byte{127, 0, 0, 1})); order != 0 {
		return order
	}
	return loopbackPortOrder(netip.IPv6Loopback())
}

// loopbackPortOrder sends a datagram to itself, from a port that the host has
// told already. A port of two equal bytes shows nothing, so then from another.
func loopbackPortOrder(ip netip.Addr) int {
	for range 8 {
		c, err := ListenPacket(Addr{AddrPort: netip.AddrPortFrom(ip, 0)})
		if err != nil {
			return 0
		}
		order := c.ownPortOrder()
		c.Close()
		if order != 0 {
			return order
		}
	}
	return 0
}

func (c *PacketConn) ownPortOrder() int {
	self, err := c.LocalAddr()
	if err != nil || self.Port()>>8 == self.Port()&0xff {
		return 0
	}
	if _, err := c.WriteTo(nil, self); err != nil {
		return 0
	}
	// Loopback delivers before WriteTo returns; the repetitions are for a host
	// where it does not. Others may write to the port too.
	for range 1000 {
		r, _ := sysRecvFrom(c.fd(), nil)
		switch self.Port() {
		case uint16(r.port[0])<<8 | uint16(r.port[1]):
			return sockabi.PORTORDER_NETWORK
		case uint16(r.port[1])<<8 | uint16(r.port[0]):
			return sockabi.PORTORDER_LITTLE
		}
	}
	return 0
}
