//go:build linux || darwin

package shim

import (
	"runtime"
	"testing"

	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

const hasAbstractNames = runtime.GOOS == "linux"

// option returns the value of an option that is a number.
func (g *tester) option(fd, level, name uint32) int32 {
	g.Helper()
	value, size := g.alloc(4), g.put(uint32(4))
	g.ok("sock_getsockopt", fd, level, name, value, size)
	if g.u32(size) != 4 {
		g.Errorf("option %d at %d has %d bytes", name, level, g.u32(size))
	}
	return int32(g.u32(value))
}

func TestOptionsThatAreNumbers(t *testing.T) {
	for _, test := range []struct {
		family, kind, level, name uint32
		set                       int32
		want                      []int32 // what it reads then, systems differ
	}{
		{inet4, tcp, 0, sockabi.SO_REUSEADDR, 1, []int32{1, 4}},
		{inet4, tcp, 0, sockabi.SO_DONTROUTE, 1, []int32{1, 16}},
		{inet4, dgram, 0, sockabi.SO_BROADCAST, 1, []int32{1, 32}},
		{inet4, tcp, 0, sockabi.SO_SNDBUF, 20000, []int32{20000, 40000}},
		{inet4, tcp, 0, sockabi.SO_RCVBUF, 20000, []int32{20000, 40000}},
		{inet4, tcp, 0, sockabi.SO_KEEPALIVE, 1, []int32{1, 8}},
		{inet4, tcp, 0, sockabi.SO_OOBINLINE, 1, []int32{1, 256}},
		{inet4, tcp, 0, sockabi.SO_RCVLOWAT, 7, []int32{7}},
		{inet4, tcp, 0, sockabi.SO_REUSEPORT, 1, []int32{1, 512}},
		{inet4, tcp, sockabi.SOL_TCP, sockabi.TCP_NODELAY, 1, []int32{1, 4}},
		{inet4, tcp, sockabi.SOL_TCP, sockabi.TCP_KEEPIDLE, 11, []int32{11}},
		{inet4, tcp, sockabi.SOL_TCP, sockabi.TCP_KEEPINTVL, 12, []int32{12}},
		{inet4, tcp, sockabi.SOL_TCP, sockabi.TCP_KEEPCNT, 13, []int32{13}},
		{inet6, tcp, sockabi.SOL_IPV6, sockabi.IPV6_V6ONLY, 1, []int32{1}},
	} {
		g := newTester(t, sockets.Config{})
		fd := g.open(test.family, test.kind)
		value := g.put(test.set)
		g.want(sockabi.EINVAL, "sock_setsockopt", fd, test.level, test.name, value, 3)
		g.ok("sock_setsockopt", fd, test.level, test.name, value, 4)
		g.ok("sock_setsockopt", fd, test.level, test.name, value, 8)
		got, ok := g.option(fd, test.level, test.name), false
		for _, want := range test.want {
			ok = ok || got == want
		}
		if !ok {
			t.Errorf("option %d at %d is %d, want one of %v", test.name, test.level, got, test.want)
		}
	}
}

// TestSizesByValue tests that the size 4, passed by value, is not taken for a pointer to address 4,
// unless there is another value than 0.
func TestSizesByValue(t *testing.T) {
	g := newTester(t, sockets.Config{})
	a, l := g.open(inet4, tcp), g.nonblock(g.open(inet4, tcp))
	g.ok("sock_bind", a, g.addr("127.0.0.1"), 0)
	g.call("sock_connect", l, g.addr("127.0.0.1"), uint32(g.local(a).Port()))
	g.waitFor(write(l))
	clear(g.mem[4:8])
	value := g.put(uint32(0xdead))
	for _, test := range []struct{ name, room, want uint32 }{
		{sockabi.SO_ERROR, 0, uint32(sockabi.ECONNREFUSED)},
		{sockabi.SO_ERROR, 0, 0},
		{sockabi.SO_TYPE, 0, sockabi.SOCK_STREAM},
		{sockabi.SO_TYPE, 4, sockabi.SOCK_STREAM},
		{sockabi.SO_REUSEADDR, 0, 0xdead}, // WasmEdge writes nothing where there is no room
	} {
		le.PutUint32(g.mem[4:], test.room)
		le.PutUint32(g.mem[value:], 0xdead)
		g.ok("sock_getsockopt", l, 0, test.name, value, 4)
		if got := g.u32(value); got != test.want || g.u32(4) != test.room {
			t.Errorf("option %d, where %d is at address 4: %d, and %d is there; want %d", test.name, test.room, got, g.u32(4), test.want)
		}
	}
	none := g.put(uint32(0))
	g.want(sockabi.EINVAL, "sock_getsockopt", l, 0, sockabi.SO_ERROR, value, none)
	clear(g.mem[4:8])
	g.want(sockabi.EFAULT, "sock_getsockopt", l, 0, sockabi.SO_ERROR, memorySize-3, 4)
	g.mem = g.mem[:7]
	g.want(sockabi.EFAULT, "sock_getsockopt", l, 0, sockabi.SO_ERROR, 0, 4)
}

func TestOptionsToReadOnly(t *testing.T) {
	g := newTester(t, sockets.Config{})
	l, _ := g.listen()
	u := g.open(local, dgram)
	for _, test := range []struct {
		fd, name uint32
		want     int32
	}{
		{l, sockabi.SO_TYPE, sockabi.SOCK_STREAM},
		{u, sockabi.SO_TYPE, sockabi.SOCK_DGRAM},
		{l, sockabi.SO_ERROR, 0},
		{l, sockabi.SO_PORTORDER, sockabi.PORTORDER_NETWORK},
		{u, sockabi.SO_PORTORDER, sockabi.PORTORDER_NETWORK},
	} {
		if got := g.option(test.fd, 0, test.name); got != test.want {
			t.Errorf("option %d is %d, want %d", test.name, got, test.want)
		}
	}
	if runtime.GOOS == "linux" && (g.option(l, 0, sockabi.SO_ACCEPTCONN) != 1 || g.option(u, 0, sockabi.SO_ACCEPTCONN) != 0) {
		t.Error("SO_ACCEPTCONN does not distinguish listeners")
	}
	for _, name := range []uint32{sockabi.SO_TYPE, sockabi.SO_ERROR, sockabi.SO_ACCEPTCONN, sockabi.SO_PORTORDER} {
		g.want(sockabi.ENOPROTOOPT, "sock_setsockopt", l, 0, name, g.put(int32(1)), 4)
	}
}

func TestOptionsThatThereAreNot(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := g.open(inet4, tcp)
	for _, o := range [][2]uint32{{0, 15}, {0, 0xffff_ffff}, {1, 2}, {6, 0}, {6, 2}, {41, 1}, {0xffff, 4}, {0xffff_ffff, 0}} {
		g.want(sockabi.EINVAL, "sock_getsockopt", fd, o[0], o[1], g.alloc(4), g.put(uint32(4)))
		g.want(sockabi.EINVAL, "sock_setsockopt", fd, o[0], o[1], g.put(int32(1)), 4)
	}
}

func TestOptionLengths(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := g.open(inet4, tcp)
	g.ok("sock_setsockopt", fd, 0, sockabi.SO_LINGER, g.put(sockabi.Linger{OnOff: 1, Seconds: 258}), 8)
	g.ok("sock_setsockopt", fd, 0, sockabi.SO_RCVTIMEO, g.put(sockabi.Timeval{Seconds: 258}), 16)
	for _, test := range []struct {
		name, room uint32
		want       sockabi.Errno
		wantSize   uint32
		wantBytes  string
	}{
		{sockabi.SO_TYPE, 4, 0, 4, "\x02\x00\x00\x00????"},
		{sockabi.SO_TYPE, 8, 0, 4, "\x02\x00\x00\x00????"},
		{sockabi.SO_TYPE, 3, sockabi.EINVAL, 3, "????"},
		{sockabi.SO_TYPE, 0, sockabi.EINVAL, 0, "????"},
		{sockabi.SO_ERROR, 4, 0, 4, "\x00\x00\x00\x00????"},
		{sockabi.SO_ERROR, 8, 0, 4, "\x00\x00\x00\x00????"},
		{sockabi.SO_ERROR, 1, sockabi.EINVAL, 1, "????"},
		{sockabi.SO_ACCEPTCONN, 2, 0, 2, "\x00\x00????"},
		{sockabi.SO_KEEPALIVE, 1, 0, 1, "\x00????"},
		{sockabi.SO_KEEPALIVE, 0, 0, 0, "????"},
		{sockabi.SO_KEEPALIVE, 64, 0, 4, "\x00\x00\x00\x00????"},
		{sockabi.SO_LINGER, 8, 0, 8, "\x01\x00\x00\x00\x02\x01\x00\x00????"},
		{sockabi.SO_LINGER, 5, 0, 5, "\x01\x00\x00\x00\x02????"},
		{sockabi.SO_LINGER, 16, 0, 8, "\x01\x00\x00\x00\x02\x01\x00\x00????"},
		{sockabi.SO_RCVTIMEO, 16, 0, 16, "\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00????"},
		{sockabi.SO_RCVTIMEO, 2, 0, 2, "\x02\x01????"},
		{sockabi.SO_RCVTIMEO, 64, 0, 16, "\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00????"},
	} {
		value, size := g.alloc(64), g.put(test.room)
		g.want(test.want, "sock_getsockopt", fd, 0, test.name, value, size)
		if got := string(g.mem[value:][:len(test.wantBytes)]); got != test.wantBytes || g.u32(size) != test.wantSize {
			t.Errorf("%+v: %q, size %d", test, got, g.u32(size))
		}
	}
	for name, size := range map[uint32]uint32{sockabi.SO_LINGER: 8, sockabi.SO_RCVTIMEO: 16, sockabi.SO_SNDTIMEO: 16} {
		value := g.put("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		g.want(sockabi.EINVAL, "sock_setsockopt", fd, 0, name, value, size-1)
		g.want(sockabi.EINVAL, "sock_setsockopt", fd, 0, name, value, 0)
		g.ok("sock_setsockopt", fd, 0, name, value, size)
		g.ok("sock_setsockopt", fd, 0, name, value, size+4)
	}
}

func TestBindingToADevice(t *testing.T) {
	g := newTester(t, sockets.Config{})
	fd := g.open(inet4, tcp)
	g.want(sockabi.EACCES, "sock_setsockopt", fd, 0, sockabi.SO_BINDTODEVICE, g.put("lo"), 2)
	g.want(sockabi.EACCES, "sock_setsockopt", fd, 0, sockabi.SO_BINDTODEVICE, 0, 0)
	if runtime.GOOS == "linux" {
		size := g.put(uint32(16))
		g.ok("sock_getsockopt", fd, 0, sockabi.SO_BINDTODEVICE, g.alloc(16), size)
		if g.u32(size) != 0 {
			t.Errorf("a socket without a device has one of %d bytes", g.u32(size))
		}
	}
}
