package report

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wasisock/wasisock/host"
)

// TestRefusals tests that refusals of one kind hide no others, and none that matter.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		s := Refusals{
			Remedy: func(host.Request) string { return "" },
		}
		none, err := host.ParsePolicy()
		if err != nil {
			t.Fatal(err)
		}
		policy := s.Watch(none, func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) })
		dial := func(network, addr string, port int) {
			policy(host.Request{Op: host.OpDial, Network: network, Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port))})
		}
		resolve := func(name string) { policy(host.Request{Op: host.OpResolve, Host: name}) }
		// shows calls do, and checks that it prints n lines, one of which has text.
		shows := func(n int, text string, do func()) {
			t.Helper()
			lines = nil
			do()
			if all := strings.Join(lines, "\n"); len(lines) != n || !strings.Contains(all, text) {
				t.Errorf("%d lines, want %d, with %q:\n%.2000s", len(lines), n, text, all)
			}
		}
		ports := func() {
			for port := range 1000 {
				dial("tcp", "192.0.2.1", port)
			}
		}
		shows(20, "192.0.2.1:19;", ports)
		shows(0, "", func() { dial("tcp", "192.0.2.1", 7) })
		shows(1, "dial tcp 192.0.2.2:7;", func() { dial("tcp", "192.0.2.2", 7) })
		shows(79, "10.0.0.1:1", func() {
			for i := range 100_000 {
				dial("tcp", netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), 1)
			}
		})
		shows(1, "dial udp 192.0.2.2:7;", func() { dial("udp", "192.0.2.2", 7) })
		shows(1, "dial tcp 169.254.169.254:80;", func() {
			for range 1000 {
				dial("tcp", "169.254.169.254", 80)
			}
		})
		shows(0, "", func() { dial("tcp", "169.254.169.254", 81) })
		shows(2, "[fd00:ec2::254]", func() { dial("tcp", "fd00:ec2::254", 80); dial("tcp", "fe80::1", 80) })
		shows(100, "a19.b0.test;", func() {
			for i := range 100_000 {
				resolve(fmt.Sprintf("a%d.b%d.test", i%1000, i/1000))
			}
		})
		shows(1, "resolve metadata.google.internal;", func() { resolve("Metadata.Google.Internal.") })
		shows(1, "dial unix /run/docker.sock;", func() { policy(host.Request{Op: host.OpDial, Network: "unix", Path: "/run/docker.sock"}) })

		time.Sleep(2 * summaries)
		shows(2, "refused: 200802 more uses of the network, which are not shown", func() { dial("tcp", "192.0.2.9", 9) })
		shows(0, "", s.End)
		shows(1100, "169.254.3.", func() { // link-local addresses without end
			for i := range 60_000 {
				dial("udp", netip.AddrFrom4([4]byte{169, 254, byte(i >> 8), byte(i)}).String(), 1)
			}
		})
		shows(1, "more uses", s.End)
	})
}

// TestRefusalsAreForgotten tests that a Refusals remembers a bounded number of rules.
func TestRefusalsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none, err := host.ParsePolicy()
		if err != nil {
			t.Fatal(err)
		}
		s := Refusals{Remedy: func(host.Request) string { return "" }}
		policy := s.Watch(none, func(string, ...any) {})
		for i := range 3 * mostRefusals {
			time.Sleep(time.Second)
			policy(host.Request{Op: host.OpResolve, Host: fmt.Sprintf("a.b%d", i)})
			if len(s.told) > mostRefusals+2 || len(s.meters) > mostRefusals+2 {
				t.Fatalf("%d rules and %d meters", len(s.told), len(s.meters))
			}
		}
	})
}
