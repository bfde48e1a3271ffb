package socket

import "github.com/wasisock/wasisock/sockabi"

// A PacketConn sends and receives datagrams: UDP, or UNIX for a Path.
type PacketConn struct {
	Socket
	truncated bool
}

// ListenPacket opens a UDP socket at an address, or a UNIX datagram socket at a
// Path. Port 0 lets the host choose one: ask LocalAddr. Each of before runs on
// the open socket, still unbound; as for Dial. No address is EDESTADDRREQ.
func ListenPacket(at Addr, before ...func(*Socket) error) (*PacketConn, error) {
	s, err := bound(at, sockabi.SOCK_DGRAM, before)
	if err != nil {
		return nil, err
	}
	return &PacketConn{Socket: s}, nil
}

// DialPacket opens a socket for datagrams to and from one address: Read and Write
// need none, and datagrams from elsewhere are not received. Nothing is sent, so
// nothing reports whether anyone is there; a later Read or Write may be
// ECONNREFUSED, once for each such answer. Each of before runs on the open
// socket, still unbound and unconnected; as for Dial.
func DialPacket(to Addr, before ...func(*Socket) error) (*PacketConn, error) {
	family, e := to.family()
	if e != 0 {
		return nil, fail("sock_connect", e)
	}
	s, err := open(family, sockabi.SOCK_DGRAM, before)
	if err != nil {
		return nil, err
	}
	if e := s.connect(to); e != 0 {
		s.Close()
		return nil, fail("sock_connect", e)
	}
	return &PacketConn{Socket: s}, nil
}

// ReadFrom reads one datagram and returns its sender's address: none if an unnamed
// UNIX socket did. 0 and nil mean an empty datagram, EAGAIN means no datagram. What does not
// fit into p is lost, and Truncated then.
//
// On a host that does not report the byte order of ports (see [PortOrder]), the
// first datagram makes the guest send itself another over loopback to find out.
// Where that is impossible, WasmEdge's order is taken for granted.
func (c *PacketConn) ReadFrom(p []byte) (n int, from Addr, err error) {
	return c.ReadFromV([][]byte{p})
}

// ReadFromV is ReadFrom into several buffers, each filled before the next. It
// uses at most sockabi.MaxIOVecs of those that are not empty.
func (c *PacketConn) ReadFromV(bufs [][]byte) (n int, from Addr, err error) {
	r, e := sysRecvFrom(c.fd(), bufs)
	if e != 0 {
		return 0, Addr{}, fail("sock_recv_from", e)
	}
	c.truncated = r.truncated
	var port uint16
	if r.addr.Family == c.family && c.family != sockabi.AF_UNIX {
		port = c.port(r.port)
	}
	return r.n, decode(&r.addr, port, c.family), nil
}

// Read reads one datagram, as ReadFrom does, without its sender.
func (c *PacketConn) Read(p []byte) (int, error) { return c.ReadV([][]byte{p}) }

// ReadV is Read into several buffers, as ReadFromV.
func (c *PacketConn) ReadV(bufs [][]byte) (int, error) {
	n, truncated, e := sysRecv(c.fd(), bufs)
	if e != 0 {
		return 0, fail("sock_recv", e)
	}
	c.truncated = truncated
	return n, nil
}

// Truncated reports whether the datagram that was read last was longer than its
// buffers, so that its end is lost.
func (c *PacketConn) Truncated() bool { return c.truncated }

// WriteTo sends p as one datagram, which may be empty, to an address. It is sent
// whole or not at all: EMSGSIZE is one too long, EAGAIN a full buffer, EACCES a
// broadcast address without [Broadcast]. EAFNOSUPPORT is an address of another
// family, which IPv4 on an IPv6 socket is not. No address is EDESTADDRREQ.
func (c *PacketConn) WriteTo(p []byte, to Addr) (int, error) {
	return c.WriteToV([][]byte{p}, to)
}

// WriteToV is WriteTo of one datagram in several buffers. More than
// sockabi.MaxIOVecs that are not empty are EMSGSIZE.
func (c *PacketConn) WriteToV(bufs [][]byte, to Addr) (int, error) {
	var st sockabi.AddrStorage
	if e := to.encode(c.family, &st); e != 0 {
		return 0, fail("sock_send_to", e)
	}
	n, e := sysSendTo(c.fd(), bufs, &st, to.Port())
	if e != 0 {
		return 0, fail("sock_send_to", e)
	}
	return n, nil
}

// Write sends p as one datagram to the address that was dialed; as WriteTo.
// Without one it is EDESTADDRREQ, or ENOTCONN for UNIX.
func (c *PacketConn) Write(p []byte) (int, error) { return c.WriteV([][]byte{p}) }

// WriteV is Write of one datagram in several buffers, as WriteToV.
func (c *PacketConn) WriteV(bufs [][]byte) (int, error) {
	n, e := sysSend(c.fd(), bufs, true)
	if e != 0 {
		return 0, fail("sock_send", e)
	}
	return n, nil
}

// RemoteAddr is the address that was dialed, or ENOTCONN.
func (c *PacketConn) RemoteAddr() (Addr, error) { return c.remoteAddr() }

// received holds the results of sock_recv_from, as the host wrote them.
type received struct {
	n         int
	truncated bool
	addr      sockabi.AddrStorage
	port      [2]byte
}
