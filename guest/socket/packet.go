package socket

import "github.com/wasisock/wasisock/sockabi"

// A PacketConn sends and receives datagrams: UDP, or UNIX for a Path.
type PacketConn struct {
	Socket
	truncated bool
}

// ListenPacket opens a UDP socket at an address, or a UNIX datagram socket at a Path. Port 0
// lets the host choose one: ask LocalAddr. Each of before runs on the open socket, still
// unbound; as for Dial. It fails with EDESTADDRREQ without an address.
func ListenPacket(at Addr, before ...func(*Socket) error) (*PacketConn, error) {
	s, err := bound(at, sockabi.SOCK_DGRAM, before)
	if err != nil {
		return nil, err
	}
	return &PacketConn{Socket: s}, nil
}

// DialPacket opens a socket for datagrams to and from one address, which Read and Write use.
// Datagrams from elsewhere are not received. DialPacket sends nothing, so it succeeds without a
// peer; a later Read or Write may fail with ECONNREFUSED, once for each such answer. Each of
// before runs on the open socket, still unbound and unconnected; as for Dial.
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

// ReadFrom reads one datagram and returns its sender's address: the zero Addr for an unnamed
// UNIX socket. 0 and nil mean an empty datagram, EAGAIN that there is none. What does not fit
// into p is lost, and Truncated then returns true.
//
// On a host that does not report the byte order of ports (see [PortOrder]), the first datagram
// makes the guest send itself another over loopback to find out. If that fails, it assumes
// WasmEdge's order.
func (c *PacketConn) ReadFrom(p []byte) (n int, from Addr, err error) {
	return c.ReadFromV([][]byte{p})
}

// ReadFromV reads as ReadFrom does into several buffers, each filled before the next. It uses
// at most sockabi.MaxIOVecs buffers that are not empty.
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

// ReadV reads as Read does into several buffers, as ReadFromV.
func (c *PacketConn) ReadV(bufs [][]byte) (int, error) {
	n, truncated, e := sysRecv(c.fd(), bufs)
	if e != 0 {
		return 0, fail("sock_recv", e)
	}
	c.truncated = truncated
	return n, nil
}

// Truncated reports whether the datagram that was read last was longer than the buffers, so
// that its end is lost.
func (c *PacketConn) Truncated() bool { return c.truncated }

// WriteTo sends p as one datagram, which may be empty, to an address. It is sent whole or not
// at all. WriteTo fails with EMSGSIZE if p is too long, EAGAIN if the buffer is full, EACCES
// for a broadcast address without [Broadcast], EDESTADDRREQ without an address, and
// EAFNOSUPPORT for an address of another family; an IPv6 socket accepts IPv4 addresses.
func (c *PacketConn) WriteTo(p []byte, to Addr) (int, error) {
	return c.WriteToV([][]byte{p}, to)
}

// WriteToV sends several buffers as one datagram, as WriteTo does. It fails with EMSGSIZE if
// more than sockabi.MaxIOVecs buffers are not empty.
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

// Write sends p as one datagram to the address that was dialled, as WriteTo does. It fails with
// EDESTADDRREQ, or ENOTCONN for UNIX, if none was.
func (c *PacketConn) Write(p []byte) (int, error) { return c.WriteV([][]byte{p}) }

// WriteV sends several buffers as one datagram, as Write and WriteToV do.
func (c *PacketConn) WriteV(bufs [][]byte) (int, error) {
	n, e := sysSend(c.fd(), bufs, true)
	if e != 0 {
		return 0, fail("sock_send", e)
	}
	return n, nil
}

// RemoteAddr returns the address that was dialled. It fails with ENOTCONN if none was.
func (c *PacketConn) RemoteAddr() (Addr, error) { return c.remoteAddr() }

// received holds the results of sock_recv_from, as the host wrote them.
type received struct {
	n         int
	truncated bool
	addr      sockabi.AddrStorage
	port      [2]byte
}
