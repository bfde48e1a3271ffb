//go:build linux || darwin

package shim

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/host/internal/names/namestest"
	"github.com/wasisock/wasisock/host/internal/sockets"
	"github.com/wasisock/wasisock/sockabi"
)

// list makes a list of that many nodes, with that much room for data and canonical names, and
// returns a pointer to the pointer to the first.
func (g *tester) list(nodes int, data, canon int) uint32 {
	next := uint32(0)
	for range nodes {
		next = g.put(sockabi.AddrInfo{
			Addr:      g.put(sockabi.SockAddr{DataLen: uint32(data), Data: g.alloc(data)}),
			CanonName: g.alloc(canon), CanonNameLen: uint32(canon), Next: next,
		})
	}
	return g.put(next)
}

// ask returns the arguments of sock_getaddrinfo, with room for as many answers as the list has
// nodes.
func (g *tester) ask(node, service string, hints sockabi.AddrInfo, list uint32) []uint32 {
	max := uint32(0)
	for ptr := g.u32(list); ptr != 0 && ptr < memorySize; ptr = get[sockabi.AddrInfo](g, ptr).Next {
		max++
	}
	return []uint32{g.put(node), uint32(len(node)), g.put(service), uint32(len(service)), g.put(hints), list, max, g.alloc(4)}
}

// answers returns the list as text, such as "tcp 127.0.0.1:80, tcp [::1]:80".
func (g *tester) answers(list, count uint32) string {
	var texts []string
	ptr := g.u32(list)
	for range count {
		info := get[sockabi.AddrInfo](g, ptr)
		addr := get[sockabi.SockAddr](g, info.Addr)
		data := g.mem[addr.Data:][:addr.DataLen]
		var ip netip.Addr
		switch {
		case info.Family == sockabi.AF_INET4 && addr.DataLen == 14 && info.AddrLen == 16:
			ip = netip.AddrFrom4([4]byte(data[2:]))
		case info.Family == sockabi.AF_INET6 && addr.DataLen == 26 && info.AddrLen == 28:
			ip = netip.AddrFrom16([16]byte(data[6:]))
		}
		text := map[uint8]string{sockabi.SOCK_STREAM: "tcp ", sockabi.SOCK_DGRAM: "udp "}[info.SockType]
		text += netip.AddrPortFrom(ip, uint16(data[0])<<8|uint16(data[1])).String()
		if info.CanonNameLen > 0 {
			text += fmt.Sprintf(" %q", g.mem[info.CanonName:][:info.CanonNameLen+1])
		}
		if info.Family != addr.Family || info.Protocol != map[uint8]uint8{sockabi.SOCK_STREAM: 1, sockabi.SOCK_DGRAM: 2}[info.SockType] {
			text += " inconsistent"
		}
		texts = append(texts, text)
		ptr = info.Next
	}
	return strings.Join(texts, ", ")
}

func TestGetaddrinfo(t *testing.T) {
	const stream, dgram = sockabi.SOCK_STREAM, sockabi.SOCK_DGRAM
	type hints = sockabi.AddrInfo
	for _, test := range []struct {
		node, service string
		hints         hints
		want          string
	}{
		// Numbers.
		{"127.0.0.1", "80", hints{SockType: stream}, "tcp 127.0.0.1:80"},
		{"127.0.0.1\x00", "80\x00", hints{SockType: stream}, "tcp 127.0.0.1:80"},
		{"127.0.0.1", "", hints{SockType: dgram}, "udp 127.0.0.1:0"},
		{"::1", "65535", hints{SockType: stream}, "tcp [::1]:65535"},
		{"::1", "80", hints{}, "tcp [::1]:80, udp [::1]:80"},
		{"::1", "80", hints{Protocol: sockabi.IPPROTO_UDP}, "udp [::1]:80"},
		{"127.0.0.1", "80", hints{SockType: stream, Family: sockabi.AF_INET6}, "EAI_ADDRFAMILY"},
		{"127.0.0.1", "80", hints{SockType: stream, Family: sockabi.AF_INET6, Flags: sockabi.AI_V4MAPPED}, "tcp [::ffff:127.0.0.1]:80"},
		{"::1", "80", hints{SockType: stream, Family: sockabi.AF_INET4}, "EAI_ADDRFAMILY"},
		{"::ffff:127.0.0.1", "80", hints{SockType: stream, Family: sockabi.AF_INET4}, "tcp 127.0.0.1:80"},
		{"::ffff:127.0.0.1", "80", hints{SockType: stream, Family: sockabi.AF_INET6}, "tcp [::ffff:127.0.0.1]:80"},
		{"both.test", "80", hints{SockType: stream, Flags: sockabi.AI_NUMERICHOST}, "EAI_NONAME"},
		{"fe80::1%lo", "80", hints{SockType: stream, Flags: sockabi.AI_NUMERICHOST}, "EAI_NONAME"},
		{"127.0.0.1", "80", hints{SockType: stream, Flags: sockabi.AI_CANONNAME}, `tcp 127.0.0.1:80 "127.0.0.1\x00"`},
		// No node.
		{"", "80", hints{SockType: stream}, "tcp [::1]:80, tcp 127.0.0.1:80"},
		{"", "80", hints{SockType: stream, Flags: sockabi.AI_PASSIVE}, "tcp 0.0.0.0:80, tcp [::]:80"},
		{"", "80", hints{SockType: stream, Family: sockabi.AF_INET4}, "tcp 127.0.0.1:80"},
		{"", "80", hints{SockType: stream, Family: sockabi.AF_INET6, Flags: sockabi.AI_PASSIVE}, "tcp [::]:80"},
		{"\x00", "\x00", hints{SockType: stream}, "EAI_NONAME"},
		{"", "", hints{SockType: stream}, "EAI_NONAME"},
		// Names.
		{"both.test", "80", hints{SockType: stream}, "tcp [2001:db8::1]:80, tcp 192.0.2.1:80"},
		{"both.test", "80", hints{SockType: stream, Family: sockabi.AF_INET4}, "tcp 192.0.2.1:80"},
		{"both.test", "80", hints{SockType: stream, Family: sockabi.AF_INET6}, "tcp [2001:db8::1]:80"},
		{"both.test", "80", hints{SockType: stream, Family: sockabi.AF_INET6, Flags: sockabi.AI_V4MAPPED}, "tcp [2001:db8::1]:80"},
		{"both.test", "80", hints{SockType: stream, Family: sockabi.AF_INET6, Flags: sockabi.AI_V4MAPPED | sockabi.AI_ALL}, "tcp [2001:db8::1]:80, tcp [::ffff:192.0.2.1]:80"},
		{"four.test", "80", hints{SockType: stream, Family: sockabi.AF_INET6, Flags: sockabi.AI_V4MAPPED}, "tcp [::ffff:192.0.2.1]:80"},
		{"four.test", "80", hints{SockType: stream, Family: sockabi.AF_INET6}, "EAI_NODATA"},
		{"local.test", "80", hints{SockType: stream}, "tcp [fe80::1]:80"},
		{"both.test", "80", hints{SockType: stream, Flags: sockabi.AI_CANONNAME}, `tcp [2001:db8::1]:80 "canonical.both.test\x00", tcp 192.0.2.1:80`},
		{"four.test", "80", hints{SockType: stream, Flags: sockabi.AI_CANONNAME}, `tcp 192.0.2.1:80 "four.test\x00"`},
		{"none.test", "80", hints{SockType: stream}, "EAI_NONAME"},
		{"later.test", "80", hints{SockType: stream}, "EAI_AGAIN"},
		{"slow.test", "80", hints{SockType: stream}, "EAI_AGAIN"},
		{"broken.test", "80", hints{SockType: stream}, "EAI_FAIL"},
		{"odd.test", "80", hints{SockType: stream}, "EAI_FAIL"},
		// Services.
		{"::1", "http", hints{SockType: stream}, "tcp [::1]:80"},
		{"::1", "http", hints{SockType: dgram}, "EAI_SERVICE"},
		{"::1", "http", hints{}, "tcp [::1]:80"},
		{"::1", "domain", hints{}, "tcp [::1]:53, udp [::1]:53"},
		{"::1", "nothing", hints{SockType: stream}, "EAI_SERVICE"},
		{"::1", "65536", hints{SockType: stream}, "EAI_SERVICE"},
		{"::1", "-1", hints{SockType: stream}, "EAI_SERVICE"},
		{"::1", "http", hints{SockType: stream, Flags: sockabi.AI_NUMERICSERV}, "EAI_NONAME"},
		{"::1", "80", hints{SockType: stream, Flags: sockabi.AI_NUMERICSERV}, "tcp [::1]:80"},
		// Hints.
		{"::1", "80", hints{SockType: stream, Flags: 128}, "EAI_BADFLAG"},
		{"", "80", hints{SockType: stream, Flags: sockabi.AI_CANONNAME}, "EAI_BADFLAG"},
		{"::1", "80", hints{SockType: stream, Family: sockabi.AF_UNIX}, "EAI_FAMILY"},
		{"::1", "80", hints{SockType: stream, Protocol: sockabi.IPPROTO_UDP}, "EAI_SOCKTYPE"},
		{"::1", "80", hints{SockType: dgram, Protocol: sockabi.IPPROTO_TCP}, "EAI_SOCKTYPE"},
		{"::1", "80", hints{SockType: 3}, "ENOSYS"},
		{"::1", "80", hints{SockType: stream, Protocol: 3}, "ENOSYS"},
	} {
		g := newTester(t, sockets.Config{})
		g.Names.Resolver = namestest.Resolver{}
		list := g.list(4, 26, 32)
		args := g.ask(test.node, test.service, test.hints, list)
		var errno sockabi.Errno
		changed := g.touched(func() { errno = g.call("sock_getaddrinfo", args...) })
		got := errno.Name()
		if errno == 0 {
			got = g.answers(list, g.u32(args[7]))
		} else if changed != "" {
			t.Errorf("%q %q %+v: %s, and wrote at %s", test.node, test.service, test.hints, got, changed)
		}
		if got != test.want {
			t.Errorf("%q %q %+v:\n got %s\nwant %s", test.node, test.service, test.hints, got, test.want)
		}
	}
}

func TestGetaddrinfoRoom(t *testing.T) {
	for _, test := range []struct {
		node               string
		flags              uint16
		nodes, data, canon int
		max                uint32
		want               sockabi.Errno
		wantCount          uint32
	}{
		{"127.0.0.1", 0, 1, 14, 0, 1, 0, 1},
		{"127.0.0.1", 0, 1, 13, 0, 1, sockabi.EAI_MEMORY, 0},
		{"::1", 0, 1, 26, 0, 1, 0, 1},
		{"::1", 0, 1, 25, 0, 1, sockabi.EAI_MEMORY, 0},
		{"::1", sockabi.AI_CANONNAME, 1, 26, 4, 1, 0, 1},
		{"::1", sockabi.AI_CANONNAME, 1, 26, 3, 1, sockabi.EAI_MEMORY, 0},
		{"both.test", 0, 1, 26, 0, 1, 0, 1},
		{"both.test", 0, 2, 26, 0, 2, 0, 2},
		{"both.test", 0, 2, 26, 0, 1, 0, 1},
		{"both.test", 0, 2, 14, 0, 2, sockabi.EAI_MEMORY, 0},
		{"both.test", 0, 1, 26, 0, 1000, 0, 1},        // the list ends before
		{"both.test", 0, 1, 26, 0, 0xffff_ffff, 0, 1}, // the same
		{"both.test", 0, 1, 26, 0, 0, sockabi.EAI_MEMORY, 0},
	} {
		g := newTester(t, sockets.Config{})
		g.Names.Resolver = namestest.Resolver{}
		args := g.ask(test.node, "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM, Flags: test.flags}, g.list(test.nodes, test.data, test.canon))
		args[6] = test.max
		if got := g.call("sock_getaddrinfo", args...); got != test.want {
			t.Errorf("%+v: %s", test, got.Name())
		} else if got == 0 && g.u32(args[7]) != test.wantCount {
			t.Errorf("%+v: %d answers", test, g.u32(args[7]))
		}
	}
}

func TestGetaddrinfoListThatIsARing(t *testing.T) {
	g := newTester(t, sockets.Config{})
	list := g.list(1, 26, 0)
	node := g.u32(list)
	le.PutUint32(g.mem[node+24:], node)
	args := g.ask("", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.put(uint32(0)))
	args[5], args[6] = list, 0xffff_ffff
	g.ok("sock_getaddrinfo", args...)
	if g.u32(args[7]) != 2 {
		t.Errorf("%d answers, want 2, one over the other", g.u32(args[7]))
	}
}

func TestGetaddrinfoEndsWhenInterrupted(t *testing.T) {
	g := newTester(t, sockets.Config{})
	g.Names.Resolver = namestest.Resolver{}
	args := g.ask("hang.test", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.list(1, 26, 0))
	ctx, cancel := context.WithCancel(t.Context())
	g.ctx = ctx
	cancel() // that alone does not end it
	time.AfterFunc(10*time.Millisecond, g.Interrupt)
	g.want(sockabi.EINTR, "sock_getaddrinfo", args...)
	if !g.Interrupted() {
		t.Error("it ended before the interrupt")
	}
	g.want(sockabi.EINTR, "sock_getaddrinfo", args...)
}

func TestGetaddrinfoAsksThePolicyAboutNames(t *testing.T) {
	var asked []host.Request
	g := newTester(t, sockets.Config{Policy: func(r host.Request) error {
		asked = append(asked, r)
		if r.Host == "both.test" {
			return nil
		}
		return errors.New("no")
	}})
	g.Names.Resolver = namestest.Resolver{}
	for node, want := range map[string]sockabi.Errno{
		"both.test": 0, "four.test": sockabi.EACCES, "none.test": sockabi.EACCES,
		"127.0.0.1": 0, "::1": 0, "": 0,
	} {
		asked = nil
		g.want(want, "sock_getaddrinfo", g.ask(node, "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, g.list(2, 26, 0))...)
		if named := strings.HasSuffix(node, ".test"); named != (len(asked) == 1 && reflect.DeepEqual(asked[0], host.Request{Op: host.OpResolve, Host: node})) || !named && asked != nil {
			t.Errorf("%q: the policy was asked %v", node, asked)
		}
	}
}

func TestGetaddrinfoWithTheRealResolver(t *testing.T) {
	g := newTester(t, sockets.Config{})
	list := g.list(4, 26, 0)
	args := g.ask("localhost", "80", sockabi.AddrInfo{SockType: sockabi.SOCK_STREAM}, list)
	g.ok("sock_getaddrinfo", args...)
	for _, a := range strings.Split(g.answers(list, g.u32(args[7])), ", ") {
		if a != "tcp 127.0.0.1:80" && a != "tcp [::1]:80" {
			t.Errorf("localhost is %s", a)
		}
	}
}
