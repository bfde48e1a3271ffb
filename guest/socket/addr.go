package socket

import (
	"net/netip"
	"strings"
	"syscall"

	"github.com/wasisock/wasisock/sockabi"
)

// An Addr names one end of a socket: an IP address and port, or the path of a
// UNIX socket, never both. The zero Addr means no address, as of an
// unnamed UNIX socket.
//
// Addrs compare with ==. The methods promoted from AddrPort, their text and
// binary forms among them, know nothing of Path.
type Addr struct {
	netip.AddrPort

	// Path is at most sockabi.MaxUnixPath bytes without a NUL. "@name" is the
	// abstract name "name"; for a file whose name begins with @, write its whole
	// path. wasisock takes absolute paths only.
	// WasmEdge pads an abstract name with NULs, which is invisible here but not
	// to programs elsewhere.
	Path string
}

// String returns the path, the address and port as netip.AddrPort writes them, or "" for no
// address.
func (a Addr) String() string {
	if a.Path != "" || !a.IsValid() {
		return a.Path
	}
	return a.AddrPort.String()
}

// family is the family of the socket that a is for. A mapped address is for an
// IPv4 socket.
func (a Addr) family() (uint16, syscall.Errno) {
	switch ip := a.AddrPort.Addr(); {
	case a.Path != "" && !a.IsValid():
		return sockabi.AF_UNIX, 0
	case a.Path != "":
		return 0, syscall.EINVAL
	case ip.Is4() || ip.Is4In6():
		return sockabi.AF_INET4, 0
	case ip.Is6():
		return sockabi.AF_INET6, 0
	}
	return 0, syscall.EDESTADDRREQ
}

// encode writes a to st for a socket of the given family. AF_UNSPEC, of the zero
// Socket, takes any address: the host refuses the descriptor.
func (a Addr) encode(family uint16, st *sockabi.AddrStorage) syscall.Errno {
	own, e := a.family()
	if e != 0 {
		return e
	}
	if family == sockabi.AF_UNSPEC {
		family = own
	}
	*st = sockabi.AddrStorage{Family: family}
	ip := a.AddrPort.Addr()
	switch {
	case own == sockabi.AF_UNIX && family == own:
		return encodePath(a.Path, st.Data[:])
	case ip.Zone() != "":
		return syscall.EINVAL
	case own == sockabi.AF_INET4 && family == own:
		b := ip.Unmap().As4()
		copy(st.Data[:], b[:])
		return 0
	case own != sockabi.AF_UNIX && family == sockabi.AF_INET6:
		b := ip.As16() // maps IPv4
		copy(st.Data[:], b[:])
		return 0
	}
	return syscall.EAFNOSUPPORT
}

func encodePath(path string, data []byte) syscall.Errno {
	if len(path) > sockabi.MaxUnixPath {
		return syscall.ENAMETOOLONG
	}
	if path == "@" || strings.IndexByte(path, 0) >= 0 {
		return syscall.EINVAL
	}
	copy(data, path)
	if path[0] == '@' {
		data[0] = 0
	}
	return 0
}

// decode is the address in st, which the host wrote for a socket of the given
// family. The host leaves garbage in place of the family when there is no
// address, so any other than the socket's own counts as no address.
func decode(st *sockabi.AddrStorage, port uint16, family uint16) Addr {
	if st.Family != family {
		return Addr{}
	}
	switch family {
	case sockabi.AF_INET4:
		return Addr{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte(st.Data[:4])), port)}
	case sockabi.AF_INET6:
		return Addr{AddrPort: netip.AddrPortFrom(netip.AddrFrom16([16]byte(st.Data[:16])), port)}
	case sockabi.AF_UNIX:
		return Addr{Path: decodePath(st.Data[:sockabi.MaxUnixPath+1])}
	}
	return Addr{}
}

func decodePath(sun []byte) string {
	if sun[0] != 0 {
		path, _, _ := strings.Cut(string(sun), "\x00")
		if path[0] == '@' { // not an abstract name
			return "./" + path
		}
		return path
	}
	name := strings.TrimRight(string(sun[1:]), "\x00")
	if name == "" {
		return ""
	}
	return "@" + name
}
