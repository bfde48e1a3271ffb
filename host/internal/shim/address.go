//go:build linux || darwin

package shim

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/wasisock/wasisock/host/internal/address"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// Offsets in guest structs that are read and written by hand, since that happens often.
const (
	iovBuf = unsafe.Offsetof(sockabi.IOVec{}.Buf)
	iovLen = unsafe.Offsetof(sockabi.IOVec{}.Len)

	storageFamily = unsafe.Offsetof(sockabi.AddrStorage{}.Family)
	storageData   = unsafe.Offsetof(sockabi.AddrStorage{}.Data)
)

// sunPathSize is the number of bytes of AddrStorage.Data for a UNIX path: that of Linux's
// sun_path, on every host.
const sunPathSize = sockabi.MaxUnixPath + 1

// addressBytes returns the guest's memory of the address that parameter i points to.
func (c call) addressBytes(i int) ([]byte, sockabi.Errno) {
	b, ok := c.at(i, sockabi.AddressSize)
	if !ok {
		return nil, sockabi.EFAULT
	}
	var a sockabi.Address
	binary.Decode(b, le, &a)
	if b, ok = c.view(a.Buf, uint64(a.Len)); !ok {
		return nil, sockabi.EFAULT
	}
	return b, 0
}

// endpoint returns a copy of the address that parameter i points to, with the port in parameter
// p. The address has 4, 16 or 128 bytes, in functions of version 1 too. Another length and an
// invalid port are EINVAL.
func (g *guest) endpoint(c call, i, p int) (address.Endpoint, sockabi.Errno) {
	b, errno := c.addressBytes(i)
	if errno != 0 {
		return address.Endpoint{}, errno
	}
	var family uint16
	switch {
	case len(b) == 4:
		family = sockabi.AF_INET4
	case len(b) == 16:
		family = sockabi.AF_INET6
	case len(b) == sockabi.AddrStorageSize:
		family, b = le.Uint16(b[storageFamily:]), b[storageData:]
	default:
		return address.Endpoint{}, sockabi.EINVAL
	}
	port := c.u32(p)
	if port > math.MaxUint16 && family != sockabi.AF_UNIX {
		return address.Endpoint{}, sockabi.EINVAL
	}
	var e address.Endpoint
	switch family {
	case sockabi.AF_INET4:
		e = address.Inet(netip.AddrFrom4([4]byte(b)), uint16(port))
	case sockabi.AF_INET6:
		e = address.Inet(netip.AddrFrom16([16]byte(b)), uint16(port))
	case sockabi.AF_UNIX:
		name, errno := unixName(b[:sunPathSize])
		switch {
		case errno != 0:
			return address.Endpoint{}, errno
		case name[0] == '@':
			e = address.Endpoint{Family: sockabi.AF_UNIX, Path: name}
		default:
			e = g.At(name)
		}
	default:
		return address.Endpoint{}, sockabi.EAFNOSUPPORT
	}
	g.Account.Rec.Argf(i, e.String, p)
	return e, 0
}

// unixName returns the name in a NUL-padded sun_path: an absolute path, or "@name" for an abstract
// name, which has a NUL in front. An abstract name ends before the padding, as Go's names do, so
// that native programs can use the same name. EINVAL means that there is no path, or a relative
// one: the guest does not have the host's working directory.
func unixName(b []byte) (string, sockabi.Errno) {
	name := string(bytes.TrimRight(b, "\x00"))
	if name == "" {
		return "", sockabi.EINVAL
	}
	if name[0] == 0 {
		name = "@" + name[1:]
	} else if name, _, _ = strings.Cut(name, "\x00"); name[0] != '/' {
		return "", sockabi.EINVAL
	}
	if len(name) > sockabi.MaxUnixPath {
		return "", sockabi.ENAMETOOLONG
	}
	return name, 0
}

// putAddress writes the bytes of e's address to b, and reports whether they fit. A UNIX path takes
// all of sun_path.
func putAddress(b []byte, e address.Endpoint) bool {
	var n int
	switch e.Family {
	case sockabi.AF_INET4, sockabi.AF_INET6:
		a := e.Addr.Addr().AsSlice()
		if n = len(a); n <= len(b) {
			copy(b, a)
		}
	case sockabi.AF_UNIX:
		if n = sunPathSize; n <= len(b) {
			clear(b[:n])
			if copy(b, e.Path); e.Path != "" && e.Path[0] == '@' {
				b[0] = 0
			}
		}
	}
	return n <= len(b)
}

// A getter is sockets.Guest.Local or sockets.Guest.Peer.
type getter func(*sockets.Guest, *sockets.Socket) (address.Endpoint, sockabi.Errno)

// endpoint1 returns the handler of an address getter of version 1: the buffer has 4 or 16 bytes.
// ENOMEM means that the address needs more.
func endpoint1(get getter) handler {
	return func(g *guest, c call) sockabi.Errno {
		if !c.aligned(4, 1, 2, 3) {
			return sockabi.EADDRNOTAVAIL
		}
		addr, errno := c.addressBytes(1)
		if errno != 0 {
			return errno
		}
		if len(addr) != 4 && len(addr) != 16 {
			return sockabi.EINVAL
		}
		family, ok1 := c.at(2, 4)
		port, ok2 := c.at(3, 4)
		if !ok1 || !ok2 {
			return sockabi.EFAULT
		}
		e, errno := g.named(c, get)
		if errno != 0 {
			return errno
		}
		if !putAddress(addr, e) {
			return sockabi.ENOMEM
		}
		le.PutUint32(port, uint32(e.Addr.Port()))
		le.PutUint32(family, map[uint8]uint32{sockabi.AF_INET4: 4, sockabi.AF_INET6: 6}[e.Family])
		return 0
	}
}

// endpoint2 returns the handler of an address getter of version 2: the buffer is an AddrStorage.
func endpoint2(get getter) handler {
	return func(g *guest, c call) sockabi.Errno {
		if !c.aligned(4, 1, 2) {
			return sockabi.EADDRNOTAVAIL
		}
		addr, errno := c.addressBytes(1)
		if errno != 0 {
			return errno
		}
		port, ok := c.at(2, 4)
		if !ok {
			return sockabi.EFAULT
		}
		if len(addr) != sockabi.AddrStorageSize {
			return sockabi.EINVAL
		}
		e, errno := g.named(c, get)
		if errno != 0 {
			return errno
		}
		putStorage(addr, e)
		le.PutUint32(port, uint32(e.Addr.Port()))
		return 0
	}
}

func putStorage(b []byte, e address.Endpoint) {
	le.PutUint16(b[storageFamily:], uint16(e.Family))
	putAddress(b[storageData:], e)
}

func (g *guest) named(c call, get getter) (address.Endpoint, sockabi.Errno) {
	s, errno := g.lookup(c)
	if errno != 0 {
		return address.Endpoint{}, errno
	}
	e, errno := get(g.Guest, s)
	if errno == 0 {
		g.Account.Rec.Succeeded(e.String)
	}
	return e, errno
}
