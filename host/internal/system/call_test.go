//go:build linux || darwin

package system

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/sockabi"
)

func TestEveryFunctionHasAHandler(t *testing.T) {
	n := 0
	for _, f := range sockabi.Functions() {
		if handlers[f.Name][f.NumParams()] == nil {
			t.Errorf("%s has none", f)
		}
		n++
	}
	for name, byParams := range handlers {
		for params, h := range byParams {
			if n--; h == nil {
				t.Errorf("%s with %d parameters has none", name, params)
			}
		}
	}
	if n != 0 {
		t.Errorf("there are %d functions more than handlers", n)
	}
}

// A scene is arguments with which a call of the function succeeds.
type scene func(g *tester) []uint32

// pointee is the alignment and size of what the parameters point to, by name;
// size -1 is that of an array or a text, which the scene made of 1 or more bytes.
var pointees = map[string]struct{ align, size int }{
	"fd*": {4, 4}, "newfd*": {4, 4}, "addr*": {4, 8}, "iovs*": {4, -1}, "nread*": {4, 4}, "nwritten*": {4, 4},
	"roflags*": {2, 2}, "type*": {4, 4}, "port*": {4, 4}, "value*": {1, -1}, "size*": {4, 4},
	"node*": {1, -1}, "service*": {1, -1}, "hints*": {4, 28}, "res**": {4, 4}, "count*": {4, 4},
	"subs*": {8, -1}, "events*": {8, -1}, "nevents*": {4, 4}, "stat*": {8, 24},
}

func udp(g *tester) uint32 {
	fd := g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM))
	g.ok("sock_bind", fd, g.addr("127.0.0.1"), 0)
	return fd
}

// waiting is a UDP socket with a datagram to receive.
func waiting(g *tester) uint32 {
	to, from := udp(g), udp(g)
	g.ok("sock_send_to", from, g.iovs("datagram"), 1, g.addr("127.0.0.1"), uint32(g.local(to).Port()), 0, g.alloc(4))
	g.waitFor(read(to))
	return to
}

func stream(g *tester) uint32 {
	fd, _ := g.pair()
	return fd
}

// readable is a stream with bytes to read.
func readable(g *tester) uint32 {
	fd, peer := g.pair()
	g.send(peer, "bytes")
	g.waitFor(read(fd))
	return fd
}

// queue is a listener with a connection that waits.
func queue(g *tester) uint32 {
	l, port := g.listen()
	c := g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM)
	g.ok("sock_connect", c, g.addr("127.0.0.1"), port)
	g.waitFor(read(l))
	return l
}

// scenes has one for each function that takes pointers.
var scenes = map[string]scene{
	"sock_open3": func(g *tester) []uint32 {
		return []uint32{sockabi.AF_INET4, sockabi.SOCK_STREAM, g.alloc(4)}
	},
	"sock_bind3": func(g *tester) []uint32 {
		return []uint32{g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM), g.addr("127.0.0.1"), 0}
	},
	"sock_connect3": func(g *tester) []uint32 {
		_, port := g.listen()
		return []uint32{g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM), g.addr("127.0.0.1"), port}
	},
	"sock_accept2": func(g *tester) []uint32 { return []uint32{queue(g), g.alloc(4)} },
	"sock_accept3": func(g *tester) []uint32 { return []uint32{queue(g), 0, g.alloc(4)} },
	"sock_recv6": func(g *tester) []uint32 {
		return []uint32{readable(g), g.iovs("????????"), 1, 0, g.alloc(4), g.alloc(2)}
	},
	"sock_recv_from7": func(g *tester) []uint32 {
		return []uint32{waiting(g), g.iovs("????????"), 1, g.addr("0.0.0.0"), 0, g.alloc(4), g.alloc(2)}
	},
	"sock_recv_from8": func(g *tester) []uint32 {
		return []uint32{waiting(g), g.iovs("????????"), 1, g.addr("0.0.0.0"), 0, g.alloc(2), g.alloc(4), g.alloc(2)}
	},
	"sock_send5": func(g *tester) []uint32 { return []uint32{stream(g), g.iovs("abc", "de"), 2, 0, g.alloc(4)} },
	"sock_send_to7": func(g *tester) []uint32 {
		return []uint32{udp(g), g.iovs("abc"), 1, g.addr("127.0.0.1"), uint32(g.local(udp(g)).Port()), 0, g.alloc(4)}
	},
	"sock_getsockopt5": func(g *tester) []uint32 {
		return []uint32{stream(g), sockabi.SOL_SOCKET, sockabi.SO_RCVBUF, g.alloc(4), g.put(uint32(4))}
	},
	"sock_setsockopt5": func(g *tester) []uint32 {
		return []uint32{stream(g), sockabi.SOL_SOCKET, sockabi.SO_KEEPALIVE, g.put(int32(1)), 4}
	},
	"sock_getlocaladdr4": func(g *tester) []uint32 {
		return []uint32{stream(g), g.addr("0.0.0.0"), g.alloc(4), g.alloc(4)}
	},
	"sock_getlocaladdr3": func(g *tester) []uint32 { return []uint32{stream(g), g.storage(0, ""), g.alloc(4)} },
	"sock_getpeeraddr4": func(g *tester) []uint32 {
		return []uint32{stream(g), g.addr("0.0.0.0"), g.alloc(4), g.alloc(4)}
	},
	"sock_getpeeraddr3": func(g *tester) []uint32 { return []uint32{stream(g), g.storage(0, ""), g.alloc(4)} },
	"sock_getaddrinfo8": func(g *tester) []uint32 {
		return g.ask("127.0.0.1", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.list(2, 26, 0))
	},
	"poll_oneoff4": func(g *tester) []uint32 {
		return []uint32{g.put(read(readable(g)), timer(0)), g.alloc(2 * sockabi.EventSize), 2, g.alloc(4)}
	},
	"fd_read4":       func(g *tester) []uint32 { return []uint32{readable(g), g.iovs("????????"), 1, g.alloc(4)} },
	"fd_write4":      func(g *tester) []uint32 { return []uint32{stream(g), g.iovs("abc"), 1, g.alloc(4)} },
	"fd_fdstat_get2": func(g *tester) []uint32 { return []uint32{stream(g), g.alloc(24)} },
}

func init() {
	for key, s := range scenes {
		name, params := key[:len(key)-1], key[len(key)-1:]
		if _, ok := handlers[name+"_v2"]; ok && handlers[name+"_v2"][int(params[0]-'0')] != nil {
			scenes[name+"_v2"+params] = s
		}
	}
	scenes["epoll_oneoff4"] = scenes["poll_oneoff4"]
}

// TestPointers gives every function, in each of its pointers, one that is bad,
// and expects that nothing happens; and then that the call as it should be
// finds everything still there.
func TestPointers(t *testing.T) {
	for _, f := range sockabi.Functions() {
		key := fmt.Sprint(f.Name, f.NumParams())
		if !strings.Contains(f.Args, "*") || f.Name == "fd_filestat_get" {
			continue
		}
		t.Run(key, func(t *testing.T) {
			g := newTester(t, Config{})
			setScene := scenes[key]
			if setScene == nil {
				t.Fatal("has no scene")
			}
			args := setScene(g)
			for i, name := range strings.Fields(f.Args) {
				if !strings.HasSuffix(name, "*") {
					continue
				}
				p, known := pointees[name]
				if !known {
					t.Fatalf("what %s points to is not known", name)
				}
				if name == "port*" && strings.HasPrefix(f.Name, "sock_recv_from") {
					p.align, p.size = 2, 2
				}
				bad := map[uint32]sockabi.Errno{
					memorySize:               sockabi.EFAULT, // right behind memory
					memorySize * 2:           sockabi.EFAULT,
					-uint32(p.align):         sockabi.EFAULT, // wraps, or ends where 32 bits do
					1 << 31:                  sockabi.EFAULT,
					memorySize + uint32(1)*8: sockabi.EFAULT,
				}
				if p.size > p.align {
					bad[memorySize-uint32(p.align)] = sockabi.EFAULT // begins inside
					bad[-uint32(p.size)] = sockabi.EFAULT
				}
				for off := 1; off < p.align; off++ {
					bad[args[i]+uint32(off)] = sockabi.EADDRNOTAVAIL
					bad[memorySize+uint32(off)] = sockabi.EADDRNOTAVAIL
				}
				for ptr, want := range bad {
					was := args[i]
					args[i] = ptr
					if changed := g.touched(func() { g.want(want, f.Name, args...) }); changed != "" {
						t.Errorf("%s = %#x changed memory at %s", name, ptr, changed)
					}
					args[i] = was
				}
			}
			g.ok(f.Name, args...)
		})
	}
}

// TestNestedPointers is TestPointers for the pointers within structs.
func TestNestedPointers(t *testing.T) {
	const outside, wrapping = memorySize - 1, 0xffff_fffe
	for key, setScene := range scenes {
		name := key[:len(key)-1]
		t.Run(key, func(t *testing.T) {
			for _, ptr := range []uint32{outside, wrapping} {
				g := newTester(t, Config{})
				args := setScene(g)
				var spoil []uint32 // where the pointers are
				for i, arg := range strings.Fields(argsOf(key)) {
					switch arg {
					case "addr*", "iovs*":
						spoil = append(spoil, args[i])
					case "res**":
						node := g.u32(args[i])
						addr := get[sockabi.AddrInfo](g, node).Addr
						spoil = append(spoil, args[i], node+12, addr+8)
					}
				}
				for _, at := range spoil {
					was := g.u32(at)
					le.PutUint32(g.mem[at:], ptr)
					want := sockabi.EFAULT
					if name == "sock_getaddrinfo" && at == args[5] && ptr%4 != 0 {
						want = sockabi.EADDRNOTAVAIL
					}
					if changed := g.touched(func() { g.want(want, name, args...) }); changed != "" {
						t.Errorf("%#x at %d changed memory at %s", ptr, at, changed)
					}
					le.PutUint32(g.mem[at:], was)
				}
				g.ok(name, args...)
			}
		})
	}
}

func argsOf(key string) string {
	for _, f := range sockabi.Functions() {
		if fmt.Sprint(f.Name, f.NumParams()) == key {
			return f.Args
		}
	}
	return ""
}

// TestResultsAtTheEndOfMemory gives results the last bytes there are.
func TestResultsAtTheEndOfMemory(t *testing.T) {
	for key, setScene := range scenes {
		name := key[:len(key)-1]
		for i, arg := range strings.Fields(argsOf(key)) {
			if !slices.Contains([]string{"fd*", "newfd*", "nread*", "nwritten*", "roflags*", "type*", "port*", "count*", "nevents*", "stat*"}, arg) {
				continue
			}
			g := newTester(t, Config{})
			args := setScene(g)
			size := pointees[arg].size
			if arg == "port*" && strings.HasPrefix(name, "sock_recv_from") {
				size = 2
			}
			args[i] = uint32(memorySize - size)
			g.ok(name, args...)
			if strings.Trim(string(g.mem[args[i]:]), "?") == "" {
				t.Errorf("%s wrote nothing to %s", key, arg)
			}
		}
	}
}

// TestResultsThatOverlap puts all results of a call, and its inputs, at one
// place, or half over each other. What is written is the guest's business; that
// the host lives, and the call succeeds, ours.
func TestResultsThatOverlap(t *testing.T) {
	for key, setScene := range scenes {
		t.Run(key, func(t *testing.T) {
			for shift := uint32(0); shift <= 8; shift += 4 {
				g := newTester(t, Config{})
				args := setScene(g)
				first, last := -1, -1
				for i, arg := range strings.Fields(argsOf(key)) {
					if strings.HasSuffix(arg, "*") {
						if first < 0 {
							first = i
						}
						last = i
					}
				}
				args[last] = (args[first] + shift) &^ 7
				g.call(key[:len(key)-1], args...)
			}
		})
	}
}

func TestResultsWrittenAndNothingElse(t *testing.T) {
	g := newTester(t, Config{})
	at := func(ptr, size uint32) string { return fmt.Sprintf("%d+%d", ptr, size) }
	both := func(a, b string) string { return a + " " + b }

	out := g.alloc(4)
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s writes at %s, want %s", what, got, want)
		}
	}
	expect("sock_open", g.touched(func() { g.ok("sock_open", 1, 1, out) }), at(out, 4))

	l := queue(g)
	out = g.alloc(4)
	expect("sock_accept", g.touched(func() { g.ok("sock_accept", l, 0, out) }), at(out, 4))

	fd := readable(g)
	iovs, n, flags := g.iovs("????????"), g.alloc(4), g.alloc(2)
	expect("sock_recv", g.touched(func() { g.ok("sock_recv", fd, iovs, 1, 0, n, flags) }),
		both(at(g.u32(iovs), 5), both(at(n, 4), at(flags, 2))))

	fd = waiting(g)
	iovs, n, flags = g.iovs("????????????"), g.alloc(4), g.alloc(2)
	addr, port := g.storage(0x3f3f, strings.Repeat("?", 126)), g.alloc(2)
	got := g.touched(func() { g.ok("sock_recv_from", fd, iovs, 1, addr, 0, port, n, flags) })
	for _, want := range []string{at(g.u32(iovs), 8), at(n, 4), at(flags, 2), at(g.u32(addr), 6), at(port, 2)} {
		if !strings.Contains(" "+got+" ", " "+want+" ") {
			t.Errorf("sock_recv_from writes at %s, want %s among them", got, want)
		}
	}
	if strings.Count(got, "+") != 5 {
		t.Errorf("sock_recv_from writes at %s: that is not 5 places", got)
	}

	fd = stream(g)
	addr, port = g.storage(0x3f3f, strings.Repeat("?", 126)), g.alloc(4)
	expect("sock_getlocaladdr", g.touched(func() { g.ok("sock_getlocaladdr", fd, addr, port) }), both(at(g.u32(addr), 6), at(port, 4)))
	stat := g.alloc(24)
	expect("fd_fdstat_get", g.touched(func() { g.ok("fd_fdstat_get", fd, stat) }), at(stat, 24))
	value, size := g.put("????????"), g.put(uint32(8))
	expect("sock_getsockopt", g.touched(func() { g.ok("sock_getsockopt", fd, 0, sockabi.SO_TYPE, value, size) }), both(at(value, 4), at(size, 1)))
	subs, events, nevents := g.put(write(fd)), g.alloc(64), g.alloc(4)
	expect("poll_oneoff", g.touched(func() { g.ok("poll_oneoff", subs, events, 1, nevents) }), both(at(events, 32), at(nevents, 4)))
}

func TestErrorsWriteNothing(t *testing.T) {
	g := newTester(t, Config{})
	l, _ := g.listen()
	fd, _ := g.pair()
	for _, test := range []struct {
		name string
		args []uint32
		want sockabi.Errno
	}{
		{"sock_accept", []uint32{l, 0, g.alloc(4)}, sockabi.EAGAIN},
		{"sock_accept", []uint32{l, 32, g.alloc(4)}, sockabi.EINVAL},
		{"sock_recv", []uint32{fd, g.iovs("????"), 1, 0, g.alloc(4), g.alloc(2)}, sockabi.EAGAIN},
		{"sock_recv", []uint32{fd, g.iovs("????"), 1, 4, g.alloc(4), g.alloc(2)}, sockabi.EINVAL},
		{"sock_recv", []uint32{fd, 0, 1025, 0, g.alloc(4), g.alloc(2)}, sockabi.EINVAL},
		{"sock_send", []uint32{fd, g.iovs("????"), 1, 1, g.alloc(4)}, sockabi.EINVAL},
		{"sock_send", []uint32{fd, 0, 1025, 0, g.alloc(4)}, sockabi.EINVAL},
		{"fd_read", []uint32{fd, g.iovs("????"), 1, g.alloc(4)}, sockabi.EAGAIN},
		{"fd_write", []uint32{fd, 0, 1025, g.alloc(4)}, sockabi.EINVAL},
		{"sock_getpeeraddr", []uint32{l, g.storage(0, ""), g.alloc(4)}, sockabi.ENOTCONN},
		{"sock_getlocaladdr", []uint32{l, g.addr("::1"), g.alloc(4)}, sockabi.EINVAL},
		{"poll_oneoff", []uint32{g.alloc(48), g.alloc(32), 0, g.alloc(4)}, sockabi.EINVAL},
		{"poll_oneoff", []uint32{g.alloc(48), g.alloc(32), 1 << 28, g.alloc(4)}, sockabi.EFAULT},
		{"poll_oneoff", []uint32{g.alloc(48), g.alloc(32), 1 << 31, g.alloc(4)}, sockabi.EFAULT},
		{"poll_oneoff", []uint32{g.alloc(48), g.alloc(32), 0xffff_ffff, g.alloc(4)}, sockabi.EFAULT},
		{"sock_open", []uint32{0, sockabi.SOCK_STREAM, g.alloc(4)}, sockabi.EINVAL},
		{"sock_open", []uint32{4, sockabi.SOCK_STREAM, g.alloc(4)}, sockabi.EINVAL},
		{"sock_open", []uint32{sockabi.AF_INET4, 0, g.alloc(4)}, sockabi.EINVAL},
		{"sock_open", []uint32{sockabi.AF_INET4, 3, g.alloc(4)}, sockabi.EINVAL},
	} {
		if changed := g.touched(func() { g.want(test.want, test.name, test.args...) }); changed != "" {
			t.Errorf("%s%v wrote at %s", test.name, test.args, changed)
		}
	}
}

// TestNothingAtAnyPlace is buffers without bytes, whose pointers mean nothing.
func TestNothingAtAnyPlace(t *testing.T) {
	g := newTester(t, Config{})
	fd := waiting(g)
	n, flags := g.alloc(4), g.alloc(2)
	g.ok("fd_read", fd, 0xffff_fffc, 0, n)
	g.ok("fd_write", fd, 0xffff_fffc, 0, n)
	g.ok("fd_read", fd, g.put(sockabi.IOVec{Buf: 0xffff_ffff}), 1, n)
	g.ok("sock_recv", fd, g.put(sockabi.IOVec{Buf: 0xffff_ffff}, sockabi.IOVec{Buf: memorySize}), 2, sockabi.RI_PEEK, n, flags)
	if g.u16(flags) != sockabi.RO_DATA_TRUNCATED || g.u32(n) != 0 {
		t.Errorf("a datagram that found no room: %d bytes, flags %d", g.u32(n), g.u16(flags))
	}
	g.want(sockabi.EINVAL, "sock_setsockopt", fd, 0, sockabi.SO_KEEPALIVE, 0xffff_ffff, 0)
	g.ok("sock_getsockopt", fd, 0, sockabi.SO_KEEPALIVE, 0xffff_ffff, g.put(uint32(0)))
	g.want(sockabi.EINVAL, "sock_bind", fd, g.put(sockabi.Address{Buf: 0xffff_ffff}), 0)
	g.want(sockabi.EINVAL, "sock_recv_from", fd, 0, 0, g.put(sockabi.Address{Buf: 0xffff_ffff}), 0, g.alloc(2), n, flags)
	if text, _ := g.recv(fd); text != "datagram" {
		t.Errorf("the datagram is %q now", text)
	}
}

func TestBuffersOfFourGigabytes(t *testing.T) {
	g := newTester(t, Config{})
	fd, peer := g.pair()
	// As often as fits, the same 64 bytes; together more than 32 bits count.
	g.mem = append(g.mem, make(memory, 1<<20)...)
	big := sockabi.IOVec{Buf: 0, Len: uint32(len(g.mem))}
	var all []any
	for range sockabi.MaxIOVecs {
		all = append(all, big)
	}
	n := g.alloc(4)
	g.ok("sock_send", fd, g.put(all...), sockabi.MaxIOVecs, 0, n)
	if g.u32(n) == 0 || g.u32(n) == 0xffff_ffff {
		t.Errorf("a great send sent %d bytes", g.u32(n))
	}
	g.waitFor(read(peer))
}

func TestDescriptorsThatAreNoSockets(t *testing.T) {
	g := newTester(t, Config{})
	iovs, addr, out := g.iovs("text"), g.addr("127.0.0.1"), g.alloc(24)
	for fd, want := range map[uint32]sockabi.Errno{
		0: sockabi.ENOTSOCK, 1: sockabi.ENOTSOCK, 2: sockabi.ENOTSOCK, 3: sockabi.EBADF,
		FirstSocket - 1: sockabi.EBADF, FirstSocket: sockabi.EBADF, FirstSocket + 64: sockabi.EBADF,
		1 << 31: sockabi.EBADF, 0xffff_ffff: sockabi.EBADF,
	} {
		g.want(want, "sock_bind", fd, addr, 80)
		g.want(want, "sock_listen", fd, 1)
		g.want(want, "sock_accept", fd, out)
		g.want(want, "sock_accept", fd, 0, out)
		g.want(want, "sock_connect", fd, addr, 80)
		g.want(want, "sock_recv", fd, iovs, 1, 0, out, out)
		g.want(want, "sock_recv_from", fd, iovs, 1, addr, 0, out, out)
		g.want(want, "sock_recv_from", fd, iovs, 1, addr, 0, out, out, out)
		g.want(want, "sock_send", fd, iovs, 1, 0, out)
		g.want(want, "sock_send_to", fd, iovs, 1, addr, 80, 0, out)
		g.want(want, "sock_shutdown", fd, 3)
		g.want(want, "sock_getsockopt", fd, 0, 0, out, g.put(uint32(4)))
		g.want(want, "sock_setsockopt", fd, 0, 0, out, 4)
		g.want(want, "sock_getlocaladdr", fd, addr, out, out)
		g.want(want, "sock_getlocaladdr", fd, g.storage(0, ""), out)

		shared := sockabi.EBADF
		if fd < FirstSocket {
			shared = FallThrough
		}
		g.want(shared, "fd_read", fd, iovs, 1, out)
		g.want(shared, "fd_write", fd, iovs, 1, out)
		g.want(shared, "fd_close", fd)
		g.want(shared, "fd_fdstat_get", fd, out)
		g.want(shared, "fd_fdstat_set_flags", fd, 0)
		g.want(shared, "fd_filestat_get", fd, out)
	}
}

func TestRenumber(t *testing.T) {
	open := map[uint32]bool{0: true, 1: true, 7: true}
	g := newTester(t, Config{FDStat: func(_ context.Context, _ Memory, fd uint32) (uint8, sockabi.Errno) {
		if open[fd] {
			return sockabi.FILETYPE_REGULAR_FILE, 0
		}
		return 0, sockabi.EBADF
	}})
	a, b := g.pair()
	for _, test := range []struct {
		from, to uint32
		want     sockabi.Errno
	}{
		{7, 1, FallThrough},
		{7, 7, FallThrough},
		{7, 8, sockabi.EBADF},
		{8, 7, sockabi.EBADF},
		{7, 0x3fff_ffff, sockabi.EBADF},
		{7, 0xffff_ffff, sockabi.EBADF},
		{7, a, sockabi.ENOTSUP},
		{a, 7, sockabi.ENOTSUP},
		{a, 8, sockabi.EBADF},
		{a, a + 1000, sockabi.EBADF},
		{a + 1000, a, sockabi.EBADF},
		{a, a, 0},
		{b, a, 0},
		{b, a, sockabi.EBADF},
	} {
		g.want(test.want, "fd_renumber", test.from, test.to)
	}
	// b, which is called a now, has lost its peer, which was a.
	if text, errno := g.recv(a); text != "" || errno != 0 {
		t.Errorf("recv gives %q, %s", text, errno.Name())
	}
	if g.Owns(b) || !g.Owns(a) {
		t.Error("the old number is still a socket, or the new one is not")
	}
	for _, want := range []uint32{FirstSocket, b} {
		if got := g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM); got != want {
			t.Errorf("the next socket is %d, want %d, which is free", got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	g := newTester(t, Config{MaxSockets: 200})
	var all []uint32
	for i := range uint32(200) {
		if fd := g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM); fd != FirstSocket+i {
			t.Fatalf("socket %d has number %d", i, fd)
		}
		all = append(all, FirstSocket+i)
	}
	g.want(sockabi.EMFILE, "sock_open", sockabi.AF_INET4, sockabi.SOCK_DGRAM, g.alloc(4))
	for _, i := range []int{199, 3, 130, 64, 63} {
		g.ok("fd_close", all[i])
		g.want(sockabi.EBADF, "fd_close", all[i])
	}
	for _, i := range []uint32{3, 63, 64, 130, 199} {
		if fd := g.open(sockabi.AF_INET4, sockabi.SOCK_DGRAM); fd != FirstSocket+i {
			t.Errorf("the next socket has number %d, want %d, the lowest that is free", fd, FirstSocket+i)
		}
	}
	g.want(sockabi.EMFILE, "sock_open", sockabi.AF_INET4, sockabi.SOCK_DGRAM, g.alloc(4))
}

func TestTheLimitLosesNoConnection(t *testing.T) {
	g := newTester(t, Config{MaxSockets: 3})
	l, port := g.listen()
	a, b := g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM), g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM)
	g.ok("sock_connect", a, g.addr("127.0.0.1"), port)
	g.waitFor(read(l))
	out := g.alloc(4)
	g.want(sockabi.EMFILE, "sock_accept", l, 0, out)
	g.want(sockabi.EMFILE, "sock_accept", l, out)
	g.ok("fd_close", b)
	g.ok("sock_accept", l, 0, out)
	if want := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(g.local(a).Port())); g.peer(g.u32(out)) != want {
		t.Errorf("accepted a connection of %v, want %v", g.peer(g.u32(out)), want)
	}
}
