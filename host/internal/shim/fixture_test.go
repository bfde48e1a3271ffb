//go:build linux || darwin

package shim

import (
	"fmt"

	"github.com/wasisock/wasisock/sockabi"
)

// A fixture returns arguments with which a call of a function succeeds.
type fixture func(g *tester) []uint32

// pointees has the alignment and size of the values to which parameters point, by name. Size -1
// means an array or a text, which the fixture makes with 1 or more bytes.
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

// waiting returns a UDP socket with a datagram to receive.
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

// readable returns a stream with bytes to read.
func readable(g *tester) uint32 {
	fd, peer := g.pair()
	g.send(peer, "bytes")
	g.waitFor(read(fd))
	return fd
}

// queue returns a listener with a connection in its queue.
func queue(g *tester) uint32 {
	l, port := g.listen()
	c := g.open(sockabi.AF_INET4, sockabi.SOCK_STREAM)
	g.ok("sock_connect", c, g.addr("127.0.0.1"), port)
	g.waitFor(read(l))
	return l
}

// fixtures has a fixture for each function that takes pointers.
var fixtures = map[string]fixture{
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
	for key, s := range fixtures {
		name, params := key[:len(key)-1], key[len(key)-1:]
		if _, ok := handlers[name+"_v2"]; ok && handlers[name+"_v2"][int(params[0]-'0')] != nil {
			fixtures[name+"_v2"+params] = s
		}
	}
	fixtures["epoll_oneoff4"] = fixtures["poll_oneoff4"]
}

func argsOf(key string) string {
	for _, f := range sockabi.Functions() {
		if fmt.Sprint(f.Name, f.NumParams()) == key {
			return f.Args
		}
	}
	return ""
}
