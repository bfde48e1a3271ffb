//go:build linux || darwin

package system

import (
	"context"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/netos"
	"github.com/wasisock/wasisock/sockabi"
)

// A dnsSocket is a socket that is connected to the nameserver: one end of a pair, at whose
// other end a goroutine answers. Nobody else can reach it, and to the poller it is as any
// other.
type dnsSocket struct {
	*kernelSocket
	end    *os.File // the nameserver's
	family uint8    // of the guest's socket
}

func (d *dnsSocket) local() (address.Endpoint, error) {
	const port = 49152 // any: the pair has none
	return d.at(port), nil
}

func (d *dnsSocket) peer() (address.Endpoint, error)           { return d.server(), nil }
func (d *dnsSocket) connect(address.Endpoint) (backend, error) { return d, unix.EISCONN }

func (d *dnsSocket) close() {
	d.end.Close()
	d.kernelSocket.close()
}

// server is the nameserver, as the guest sees it.
func (d *dnsSocket) server() address.Endpoint { return d.at(Nameserver.Port()) }

func (d *dnsSocket) at(port uint16) address.Endpoint {
	a := Nameserver.Addr()
	if d.family == sockabi.AF_INET6 {
		a = netip.AddrFrom16(a.As16())
	}
	return address.Inet(a, port)
}

// maxDatagram is the longest answer in a datagram: what DNS flag day 2020 recommends.
const maxDatagram = 1232

// maxAnswering is how many queries of one guest are looked up at once. The others wait
// in their sockets.
const maxAnswering = 32

// maxAsking is how many sockets of one guest may be connected to the nameserver at once:
// each has a goroutine. It goes on after the socket was closed, while it waits for its turn
// to look up.
const maxAsking = 256

// maxQuery is the longest query in a datagram, which need not be longer than 512 bytes
// (RFC 1035, section 4.2.1).
const maxQuery = 4096

// isNameserver is whether e is where the host's own nameserver is.
func (g *guest) isNameserver(s *socket, e address.Endpoint) bool {
	return g.nameserver && s.family != sockabi.AF_UNIX &&
		e.Addr.Port() == Nameserver.Port() && e.Addr.Addr().Unmap() == Nameserver.Addr()
}

// attach connects s to the nameserver, instead of what it is now.
func (g *guest) attach(s *socket) error {
	k, ok := s.backend.(*kernelSocket)
	switch {
	case s.listener:
		return unix.EINVAL
	case !ok:
		return unix.EISCONN
	case g.asking.Load() >= maxAsking:
		g.account.Limited("")
		return unix.ENOBUFS
	}
	kind := unix.SOCK_DGRAM
	if s.stream() {
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
	ctx, cancel := context.WithCancel(g.account.Ended)
	serve := g.serveDatagrams
	if s.stream() {
		serve = g.serveStream
	}
	g.asking.Add(1)
	g.account.Go(func() {
		defer g.asking.Add(-1)
		defer cancel()
		serve(ctx, f)
	})
	return nil
}

func (g *guest) serveDatagrams(ctx context.Context, f *os.File) {
	buf := make([]byte, maxQuery)
	var answering sync.WaitGroup
	defer answering.Wait()
	for {
		n, err := f.Read(buf)
		if err != nil {
			return
		}
		query := append([]byte(nil), buf[:n]...)
		if !g.begin(ctx) {
			return
		}
		answering.Go(func() {
			defer g.finish()
			if a := g.answerSafely(ctx, query, maxDatagram); a != nil {
				f.Write(a)
			}
		})
	}
}

// serveStream answers one query after the other, each behind its length in two bytes.
func (g *guest) serveStream(ctx context.Context, f *os.File) {
	const longest = 1<<16 - 1
	var length [2]byte
	for {
		if _, err := io.ReadFull(f, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(f, query); err != nil || !g.begin(ctx) {
			return
		}
		a := g.answerSafely(ctx, query, longest)
		g.finish()
		if a == nil {
			return
		}
		if _, err := f.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}

func (g *guest) begin(ctx context.Context) bool {
	select {
	case g.answering <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *guest) finish() { <-g.answering }

// answerSafely answers nothing where the embedder's policy or resolver panics: this is
// no call of the guest's, which such a panic would end.
func (g *guest) answerSafely(ctx context.Context, query []byte, size int) (answer []byte) {
	defer func() {
		if recover() != nil {
			answer = nil
		}
	}()
	return g.answer(ctx, query, size)
}
