//go:build linux || darwin

package sockets

import (
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// A dnsSocket is a socket that is connected to the nameserver: one end of a pair, at whose other
// end a goroutine answers. Nobody else can reach it. The poller treats it as any other socket.
type dnsSocket struct {
	*kernelSocket
	end    *os.File // the nameserver's end
	family uint8    // that of the guest's socket
}

func (d *dnsSocket) local() (address.Endpoint, error) {
	const port = 49152 // any port: the pair has none
	return d.at(port), nil
}

func (d *dnsSocket) peer() (address.Endpoint, error)           { return d.server(), nil }
func (d *dnsSocket) connect(address.Endpoint) (backend, error) { return d, unix.EISCONN }

func (d *dnsSocket) close() {
	d.end.Close()
	d.kernelSocket.close()
}

// server returns the nameserver's address, as the guest sees it.
func (d *dnsSocket) server() address.Endpoint { return d.at(Nameserver.Port()) }

func (d *dnsSocket) at(port uint16) address.Endpoint {
	a := Nameserver.Addr()
	if d.family == sockabi.AF_INET6 {
		a = netip.AddrFrom16(a.As16())
	}
	return address.Inet(a, port)
}

// isNameserver reports whether e is the address of the host's own nameserver.
func (g *Guest) isNameserver(s *Socket, e address.Endpoint) bool {
	return g.nameserver && s.family != sockabi.AF_UNIX &&
		e.Addr.Port() == Nameserver.Port() && e.Addr.Addr().Unmap() == Nameserver.Addr()
}

// attach connects s to the nameserver: it replaces the backend of s.
func (g *Guest) attach(s *Socket) error {
	k, ok := s.backend.(*kernelSocket)
	switch {
	case s.listener:
		return unix.EINVAL
	case !ok:
		return unix.EISCONN
	case g.Names.Full():
		g.Account.Limited("")
		return unix.ENOBUFS
	}
	kind := unix.SOCK_DGRAM
	if s.Stream() {
		kind = unix.SOCK_STREAM
	}
	ours, theirs, err := netos.Pair(kind)
	if err != nil {
		return err
	}
	g.forget(s)
	if err := netos.Replace(theirs, s.fd); err != nil {
		unix.Close(ours)
		return err
	}
	g.listening.remove(s)
	s.unjudged = false
	f := os.NewFile(uintptr(ours), "nameserver")
	s.backend = &dnsSocket{kernelSocket: k, end: f, family: s.family}
	g.Names.Serve(f, s.Stream())
	return nil
}
