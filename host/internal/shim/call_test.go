//go:build linux || darwin

package shim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wasisock/wasisock/host/internal/sockets"
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

// TestPointers calls every function with one invalid pointer, for each of its pointers, and expects
// that nothing happens. Then it makes the valid call, which must find everything unchanged.
func TestPointers(t *testing.T) {
	for _, f := range sockabi.Functions() {
		key := fmt.Sprint(f.Name, f.NumParams())
		if !strings.Contains(f.Args, "*") || f.Name == "fd_filestat_get" {
			continue
		}
		t.Run(key, func(t *testing.T) {
			g := newTester(t, sockets.Config{})
			setFixture := fixtures[key]
			if setFixture == nil {
				t.Fatal("has no fixture")
			}
			args := setFixture(g)
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

// TestNestedPointers does the same as TestPointers for the pointers within structs.
func TestNestedPointers(t *testing.T) {
	const outside, wrapping = memorySize - 1, 0xffff_fffe
	for key, setFixture := range fixtures {
		name := key[:len(key)-1]
		t.Run(key, func(t *testing.T) {
			for _, ptr := range []uint32{outside, wrapping} {
				g := newTester(t, sockets.Config{})
				args := setFixture(g)
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

// TestResultsAtTheEndOfMemory puts results into the last bytes of memory.
func TestResultsAtTheEndOfMemory(t *testing.T) {
	for key, setFixture := range fixtures {
		name := key[:len(key)-1]
		for i, arg := range strings.Fields(argsOf(key)) {
			if !slices.Contains([]string{"fd*", "newfd*", "nread*", "nwritten*", "roflags*", "type*", "port*", "count*", "nevents*", "stat*"}, arg) {
				continue
			}
			g := newTester(t, sockets.Config{})
			args := setFixture(g)
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

// TestResultsThatOverlap puts all results and inputs of a call at one place, or makes them overlap.
// The host must not crash, and the call must succeed. It does not matter which bytes are written.
func TestResultsThatOverlap(t *testing.T) {
	for key, setFixture := range fixtures {
		t.Run(key, func(t *testing.T) {
			for shift := uint32(0); shift <= 8; shift += 4 {
				g := newTester(t, sockets.Config{})
				args := setFixture(g)
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
	g := newTester(t, sockets.Config{})
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
	g := newTester(t, sockets.Config{})
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

// TestNothingAtAnyPlace passes empty buffers with any pointers.
func TestNothingAtAnyPlace(t *testing.T) {
	g := newTester(t, sockets.Config{})
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
	g := newTester(t, sockets.Config{})
	g.mem = append(g.mem, make(memory, 8<<20)...)
	var all []any
	for range sockabi.MaxIOVecs {
		all = append(all, sockabi.IOVec{Buf: 0, Len: 8 << 20})
	}
	iovs, n := g.put(all...), g.alloc(4)
	for _, count := range []uint32{512, 513, 1024} { // 4 GiB are more than 32 bits count
		fd, _ := g.pair()
		g.ok("fd_write", fd, iovs, count, n)
		if g.u32(n) == 0 || g.u32(n) == 0xffff_ffff {
			t.Errorf("%d times 8 MiB sent %d bytes", count, g.u32(n))
		}
	}
}
