//go:build linux || darwin

package shim

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// memory is a guest's memory in tests, of 64 KiB unless made otherwise.
type memory []byte

func (m memory) View(offset, size uint32) ([]byte, bool) {
	if size == 0 {
		panic("View was asked for 0 bytes")
	}
	if uint64(offset)+uint64(size) > uint64(len(m)) {
		return nil, false
	}
	return m[offset : offset+size : offset+size], true
}

const memorySize = 1 << 16

// A tester is a guest without an engine. Its memory is '?' wherever the test wrote nothing.
type tester struct {
	testing.TB
	*sockets.Guest
	streams sockets.Streams
	mem     memory
	ctx     context.Context // of the calls
	calls   map[string]Func // by name and number of parameters
	next    uint32          // free memory begins here
}

func newTester(t testing.TB, cfg sockets.Config) *tester {
	t.Helper()
	return newWatched(t, cfg, Watch{})
}

// newWatched returns a tester whose calls are reported to w.
func newWatched(t testing.TB, cfg sockets.Config, w Watch) *tester {
	t.Helper()
	if cfg.Policy == nil {
		cfg.Policy = host.AllowAll
	}
	cfg.Streams = sockets.Streams{Of: make([]sockets.Stream, 64), Received: new(uint64), Sent: new(uint64)}
	s, err := sockets.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	g := &tester{TB: t, Guest: s, streams: cfg.Streams, ctx: context.Background(), mem: bytes.Repeat([]byte{'?'}, memorySize), calls: map[string]Func{}, next: 1024}
	for _, row := range Rows(s, w) {
		g.calls[fmt.Sprint(row.Name, row.NumParams())] = row.Call
	}
	return g
}

// call calls the function with that name and that number of parameters.
func (g *tester) call(name string, args ...uint32) sockabi.Errno {
	g.Helper()
	call := g.calls[fmt.Sprint(name, len(args))]
	if call == nil {
		g.Fatalf("there is no %s with %d parameters", name, len(args))
	}
	wide := make([]uint64, len(args))
	for i, a := range args {
		wide[i] = uint64(a) | 0xdead<<32 // upper halves mean nothing
	}
	defer g.checkStreams()
	return call(g.ctx, g.mem, wide)
}

// ok makes a call that must succeed.
func (g *tester) ok(name string, args ...uint32) {
	g.Helper()
	if errno := g.call(name, args...); errno != 0 {
		g.Fatalf("%s%v = %s", name, args, errno.Name())
	}
}

// want makes a call that must return that errno.
func (g *tester) want(want sockabi.Errno, name string, args ...uint32) {
	g.Helper()
	if got := g.call(name, args...); got != want {
		g.Fatalf("%s%v = %q, want %q", name, args, got.Name(), want.Name())
	}
}

// touched runs f and returns the changes of memory, as "from+size" for each run of bytes.
func (g *tester) touched(f func()) string {
	before := bytes.Clone(g.mem)
	f()
	var runs []string
	for i := 0; i < len(before); i++ {
		from := i
		for i < len(before) && before[i] != g.mem[i] {
			i++
		}
		if i > from {
			runs = append(runs, fmt.Sprintf("%d+%d", from, i-from))
		}
	}
	return strings.Join(runs, " ")
}

// alloc returns the address of size unused bytes of '?', a multiple of 8, with some '?' after them.
func (g *tester) alloc(size int) uint32 {
	g.Helper()
	ptr := g.next
	g.next = (g.next + uint32(size) + 8 + 7) &^ 7
	if int(g.next) > len(g.mem) {
		g.Fatal("out of guest memory")
	}
	for i := range g.mem[ptr:g.next] {
		g.mem[int(ptr)+i] = '?'
	}
	return ptr
}

// scratch runs f and frees the memory that f allocates.
func (g *tester) scratch(f func()) {
	next := g.next
	defer func() { g.next = next }()
	f()
}

// put writes values one after the other and returns their address.
func (g *tester) put(values ...any) uint32 {
	g.Helper()
	var b []byte
	for _, v := range values {
		var err error
		if s, isText := v.(string); isText {
			b = append(b, s...)
		} else if b, err = binary.Append(b, le, v); err != nil {
			g.Fatal(err)
		}
	}
	ptr := g.alloc(len(b))
	copy(g.mem[ptr:], b)
	return ptr
}

func (g *tester) u32(ptr uint32) uint32 { return le.Uint32(g.mem[ptr:]) }
func (g *tester) u16(ptr uint32) uint16 { return le.Uint16(g.mem[ptr:]) }

func get[T any](g *tester, ptr uint32) (v T) {
	if _, err := binary.Decode(g.mem[ptr:], le, &v); err != nil {
		g.Fatal(err)
	}
	return v
}

// addr puts an Address of the 4 or 16 bytes of a.
func (g *tester) addr(a string) uint32 {
	b := netip.MustParseAddr(a).AsSlice()
	return g.put(sockabi.Address{Buf: g.put(b), Len: uint32(len(b))})
}

// storage puts an Address of an AddrStorage.
func (g *tester) storage(family uint16, data string) uint32 {
	s := sockabi.AddrStorage{Family: family}
	copy(s.Data[:], data)
	return g.put(sockabi.Address{Buf: g.put(s), Len: sockabi.AddrStorageSize})
}

// iovs puts an array of IOVecs.
func (g *tester) iovs(texts ...string) uint32 {
	var all []any
	for _, text := range texts {
		all = append(all, sockabi.IOVec{Buf: g.put(text), Len: uint32(len(text))})
	}
	if len(all) == 0 {
		return 0
	}
	return g.put(all...)
}

func (g *tester) open(family, kind uint32) uint32 {
	g.Helper()
	out := g.alloc(4)
	g.ok("sock_open", family, kind, out)
	return g.u32(out)
}

func (g *tester) nonblock(fd uint32) uint32 {
	g.Helper()
	g.ok("fd_fdstat_set_flags", fd, sockabi.FDFLAG_NONBLOCK)
	return fd
}

// local returns the address of fd.
func (g *tester) local(fd uint32) netip.AddrPort { return g.named("sock_getlocaladdr_v2", fd) }
func (g *tester) peer(fd uint32) netip.AddrPort  { return g.named("sock_getpeeraddr_v2", fd) }

func (g *tester) named(name string, fd uint32) (addr netip.AddrPort) {
	g.Helper()
	g.scratch(func() {
		ptr, port := g.storage(0, ""), g.alloc(4)
		g.ok(name, fd, ptr, port)
		s := get[sockabi.AddrStorage](g, g.u32(ptr))
		ip := netip.AddrFrom4([4]byte(s.Data[:4]))
		if s.Family == sockabi.AF_INET6 {
			ip = netip.AddrFrom16([16]byte(s.Data[:16]))
		}
		addr = netip.AddrPortFrom(ip, uint16(g.u32(port)))
	})
	return addr
}

// listen returns a non-blocking TCP listener at a port of 127.0.0.1.
func (g *tester) listen() (fd uint32, port uint32) {
	g.Helper()
	g.scratch(func() {
		fd = g.nonblock(g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM))
		g.ok("sock_bind", fd, g.addr("127.0.0.1"), 0)
		g.ok("sock_listen", fd, 128)
		port = uint32(g.local(fd).Port())
	})
	return fd, port
}

// pair returns two ends of a TCP connection, both non-blocking: one that connected, and one that
// was accepted.
func (g *tester) pair() (dialed, accepted uint32) {
	g.Helper()
	g.scratch(func() {
		l, port := g.listen()
		dialed, accepted = g.pairFrom(l, port)
		g.ok("fd_close", l)
	})
	return dialed, accepted
}

func (g *tester) pairFrom(l, port uint32) (dialed, accepted uint32) {
	g.Helper()
	g.scratch(func() {
		dialed = g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM)
		g.ok("sock_connect", dialed, g.addr("127.0.0.1"), port)
		g.nonblock(dialed)
		g.waitFor(read(l))
		out := g.alloc(4)
		g.ok("sock_accept", l, sockabi.FDFLAG_NONBLOCK, out)
		accepted = g.u32(out)
	})
	return dialed, accepted
}

func (g *tester) send(fd uint32, text string) {
	g.Helper()
	g.scratch(func() {
		n := g.alloc(4)
		g.ok("sock_send", fd, g.iovs(text), 1, 0, n)
		if g.u32(n) != uint32(len(text)) {
			g.Fatalf("sent %d of %d bytes", g.u32(n), len(text))
		}
	})
}

// recv returns the bytes that sock_recv receives, at most 64.
func (g *tester) recv(fd uint32) (text string, errno sockabi.Errno) {
	g.scratch(func() {
		iovs, n, flags := g.iovs(strings.Repeat("?", 64)), g.alloc(4), g.alloc(2)
		if errno = g.call("sock_recv", fd, iovs, 1, 0, n, flags); errno == 0 {
			text = string(g.mem[g.u32(iovs):][:g.u32(n)])
		}
	})
	return text, errno
}

// read and write return subscriptions to a descriptor, and timer one to the monotonic clock.
func read(fd uint32) sockabi.Subscription {
	return sockabi.Subscription{Userdata: uint64(fd) | 1<<40, Tag: sockabi.EVENTTYPE_FD_READ, Target: fd}
}

func write(fd uint32) sockabi.Subscription {
	return sockabi.Subscription{Userdata: uint64(fd) | 2<<40, Tag: sockabi.EVENTTYPE_FD_WRITE, Target: fd}
}

func timer(d time.Duration) sockabi.Subscription {
	return sockabi.Subscription{Userdata: 3 << 40, Target: sockabi.CLOCK_MONOTONIC, Timeout: uint64(d)}
}

// poll calls poll_oneoff with these subscriptions, which must succeed.
func (g *tester) poll(subs ...sockabi.Subscription) []sockabi.Event {
	g.Helper()
	var events []sockabi.Event
	g.scratch(func() {
		in, out, n := g.put(subs), g.alloc(len(subs)*sockabi.EventSize), g.alloc(4)
		g.ok("poll_oneoff", in, out, uint32(len(subs)), n)
		events = make([]sockabi.Event, g.u32(n))
		if _, err := binary.Decode(g.mem[out:], le, events); err != nil {
			g.Fatal(err)
		}
	})
	return events
}

// polled returns the events of a poll as text, such as "read:0 write:1 hangup" or "read:0 EBADF",
// with the positions of the subscriptions.
func (g *tester) polled(subs ...sockabi.Subscription) string {
	g.Helper()
	var text []string
	at := 0
	for _, ev := range g.poll(subs...) {
		for at < len(subs) && (subs[at].Userdata != ev.Userdata || subs[at].Tag != ev.Type) {
			at++
		}
		if at == len(subs) {
			g.Fatalf("an event is not a subscription's, or not in their order: %+v", ev)
		}
		one := fmt.Sprintf("%s:%d", map[uint8]string{0: "clock", 1: "read", 2: "write"}[ev.Type], at)
		if ev.Errno != 0 {
			one += " " + ev.Errno.Name()
		}
		if ev.Flags == sockabi.EVENTRW_HANGUP {
			one += " hangup"
		}
		text = append(text, one)
		at++
	}
	return strings.Join(text, ", ")
}

// waitFor polls until the event of sub occurs, without an error.
func (g *tester) waitFor(sub sockabi.Subscription) sockabi.Event {
	g.Helper()
	for _, ev := range g.poll(sub, timer(10*time.Second)) {
		if ev.Userdata == sub.Userdata {
			if ev.Errno != 0 {
				g.Fatalf("event with %s", ev.Errno.Name())
			}
			return ev
		}
	}
	g.Fatal("nothing came for ten seconds")
	panic("unreachable")
}

func (g *tester) expectPoll(want string, subs ...sockabi.Subscription) {
	g.Helper()
	if got := g.polled(subs...); got != want {
		g.Fatalf("poll gives %q, want %q", got, want)
	}
}

// openFiles returns the number of descriptors of this process.
func openFiles(t testing.TB) int {
	t.Helper()
	dir := "/proc/self/fd"
	if runtime.GOOS != "linux" {
		dir = "/dev/fd"
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// startPoller makes Go open the descriptors of its own poller.
var startPoller = sync.OnceFunc(func() {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
})

// leakCheck fails the test if there are more descriptors or goroutines at its end than before.
func leakCheck(t testing.TB) {
	startPoller()
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	t.Cleanup(func() {
		var nowFiles, nowGoroutines int
		for range 200 {
			nowFiles, nowGoroutines = openFiles(t), runtime.NumGoroutine()
			if nowFiles <= files && nowGoroutines <= goroutines {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%d descriptors and %d goroutines are left of %d and %d", nowFiles, nowGoroutines, files, goroutines)
	})
}
