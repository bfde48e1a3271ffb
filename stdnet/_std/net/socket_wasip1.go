//go:build wasip1

package net

import (
	"context"
	"internal/poll"
	"os"
	"runtime"
	"syscall"
	"time"
	_ "unsafe" // for go:linkname
)

// The IPv4 and IPv6 capabilities are found out here, before ipsock_posix.go, which
// takes them for granted on wasip1, would.
func init() { ipStackCaps.Once.Do(probeIPStack) }

// probeIPStack binds no socket where the host can answer without: a policy may well not
// allow to listen.
func probeIPStack() {
	if s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, syscall.IPPROTO_TCP); err == nil {
		syscall.Close(s)
		ipStackCaps.ipv4Enabled = true
	} else {
		ipStackCaps.ipv4Enabled = err != syscall.EAFNOSUPPORT
	}
	s, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, syscall.IPPROTO_TCP)
	if err != nil {
		return
	}
	defer syscall.Close(s)
	if err := syscall.SetsockoptInt(s, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0); err == nil {
		ipStackCaps.ipv6Enabled, ipStackCaps.ipv4MappedIPv6Enabled = true, true
		return
	}
	loopback := &syscall.SockaddrInet6{Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
	ipStackCaps.ipv4MappedIPv6Enabled = syscall.Bind(s, loopback) == nil
	six, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, syscall.IPPROTO_TCP)
	if err != nil {
		return
	}
	defer syscall.Close(six)
	ipStackCaps.ipv6Enabled = syscall.Bind(six, &syscall.SockaddrInet6{Addr: [16]byte{15: 1}}) == nil
}

// socket makes a socket, or a conversation with the host's resolver.
func socket(ctx context.Context, net string, family, sotype, proto int, ipv6only bool, laddr, raddr sockaddr, ctrlCtxFn func(context.Context, string, string, syscall.RawConn) error) (*netFD, error) {
	if is, stream := isHostResolver(raddr); is {
		return dialHostResolver(net, raddr, stream)
	}
	if a, ok := raddr.(*UDPAddr); ok && a != nil && a.Port == 53 && forRoute() {
		raddr = &UDPAddr{IP: a.IP, Port: discardPort, Zone: a.Zone}
	}
	return hostSocket(ctx, net, family, sotype, proto, ipv6only, laddr, raddr, ctrlCtxFn)
}

// discardPort is where the sockets of srcAddrs are connected, in place of the port of DNS:
// there the host distinguishes them from those whose refusal it must report.
const discardPort = 9

// forRoute reports whether srcAddrs connects a socket, to choose among the addresses of a
// name (RFC 6724). It sends nothing.
func forRoute() bool {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		frame, more := frames.Next()
		if frame.Function == "net.srcAddrs" {
			return true
		}
		if !more {
			return false
		}
	}
}

func sysSocket(family, sotype, proto int) (int, error) {
	s, err := socketFunc(family, sotype, proto)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := syscall.SetNonblock(s, true); err != nil {
		poll.CloseFunc(s)
		return -1, os.NewSyscallError("setnonblock", err)
	}
	return s, nil
}

// made returns the result of newFD, which has no error with it from Go 1.27.
func made(fd *netFD, err ...error) (*netFD, error) {
	if len(err) > 0 {
		return fd, err[0]
	}
	return fd, nil
}

func (fd *netFD) Read(p []byte) (int, error) {
	if fd.resolver != nil {
		return fd.resolver.read(p)
	}
	lookBefore(fd.pfd.Sysfd)
	return fd.hostRead(p)
}

func (fd *netFD) Write(p []byte) (int, error) {
	if fd.resolver != nil {
		n, err := fd.resolver.write(p)
		if err != nil { // which says no more than that, as there is no network
			fd.net, fd.laddr, fd.raddr = "", nil, nil
		}
		return n, err
	}
	lookBefore(fd.pfd.Sysfd)
	return fd.hostWrite(p)
}

// lookBefore lets goroutines run that have become ready: one of them may close the
// descriptor, which must not be in use then.
//
//go:linkname lookBefore runtime.netpollLookBefore
func lookBefore(fd int)

// writeBuffers makes one call of many buffers: see Buffers.
func (c *conn) writeBuffers(v *Buffers) (int64, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	lookBefore(c.fd.pfd.Sysfd)
	n, err := c.fd.pfd.Writev((*[][]byte)(v))
	runtime.KeepAlive(c.fd)
	if err != nil {
		return n, &OpError{Op: "writev", Net: c.fd.net, Source: c.fd.laddr, Addr: c.fd.raddr, Err: wrapSyscallError("writev", err)}
	}
	return n, nil
}

// setDefaultSockopts: without the option, on WasmEdge, an IPv6 socket serves both.
func setDefaultSockopts(s, family, sotype int, ipv6only bool) error {
	if family == syscall.AF_INET6 {
		syscall.SetsockoptInt(s, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, boolint(ipv6only))
	}
	if sotype == syscall.SOCK_DGRAM && family != syscall.AF_UNIX {
		return os.NewSyscallError("setsockopt", syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1))
	}
	return nil
}

func setDefaultListenerSockopts(s int) error {
	return os.NewSyscallError("setsockopt", syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
}

func setDefaultMulticastSockopts(s int) error { return setDefaultListenerSockopts(s) }

func boolint(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (fd *netFD) setsockopt(level, name, value int) error {
	err := fd.pfd.SetsockoptInt(level, name, value)
	runtime.KeepAlive(fd)
	return wrapSyscallError("setsockopt", err)
}

func setReadBuffer(fd *netFD, bytes int) error {
	return fd.setsockopt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)
}

func setWriteBuffer(fd *netFD, bytes int) error {
	return fd.setsockopt(syscall.SOL_SOCKET, syscall.SO_SNDBUF, bytes)
}

func setLinger(fd *netFD, sec int) error {
	var l syscall.Linger
	if sec >= 0 {
		l = syscall.Linger{Onoff: 1, Linger: int32(sec)}
	}
	err := fd.pfd.SetsockoptLinger(syscall.SOL_SOCKET, syscall.SO_LINGER, &l)
	runtime.KeepAlive(fd)
	return wrapSyscallError("setsockopt", err)
}

func setNoDelay(fd *netFD, noDelay bool) error {
	return fd.setsockopt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, boolint(noDelay))
}

func setKeepAlive(fd *netFD, keepalive bool) error {
	return fd.setsockopt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, boolint(keepalive))
}

func setKeepAliveIdle(fd *netFD, d time.Duration) error {
	if d == 0 {
		d = defaultTCPKeepAliveIdle
	}
	return fd.setKeepAliveTime(syscall.TCP_KEEPIDLE, d)
}

func setKeepAliveInterval(fd *netFD, d time.Duration) error {
	if d == 0 {
		d = defaultTCPKeepAliveInterval
	}
	return fd.setKeepAliveTime(syscall.TCP_KEEPINTVL, d)
}

func (fd *netFD) setKeepAliveTime(name int, d time.Duration) error {
	if d < 0 {
		return nil // leaves it as it is
	}
	return fd.setsockopt(syscall.IPPROTO_TCP, name, int(roundDurationUp(d, time.Second)))
}

func setKeepAliveCount(fd *netFD, n int) error {
	if n == 0 {
		n = defaultTCPKeepAliveCount
	} else if n < 0 {
		return nil
	}
	return fd.setsockopt(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, n)
}
