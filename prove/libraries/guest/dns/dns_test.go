// Package dns uses github.com/miekg/dns with bind9 and as a server, and Go's own
// resolver with bind9.
package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func ask(t *testing.T, c *dns.Client, server, name string, kind uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(name, kind)
	r, _, err := c.Exchange(q, server)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

func TestQueries(t *testing.T) {
	server := given.Value(t, "DNS_SERVER")
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			c := &dns.Client{Net: network, Timeout: 20 * time.Second}
			r := ask(t, c, server, "www.example.test.", dns.TypeA)
			if a, ok := r.Answer[0].(*dns.A); !ok || !a.A.Equal(net.IPv4(192, 0, 2, 80)) || !r.Authoritative {
				t.Errorf("%v", r)
			}
			r = ask(t, c, server, "www.example.test.", dns.TypeAAAA)
			if a, ok := r.Answer[0].(*dns.AAAA); !ok || !a.AAAA.Equal(net.ParseIP("2001:db8::80")) {
				t.Errorf("%v", r)
			}
			if r := ask(t, c, server, "absent.example.test.", dns.TypeA); r.Rcode != dns.RcodeNameError {
				t.Errorf("an absent name: %v", r)
			}
			if r := ask(t, c, server, "large.example.test.", dns.TypeTXT); r.Truncated != (network == "udp") {
				t.Errorf("a large answer: truncated is %v", r.Truncated)
			} else if network == "tcp" {
				text := r.Answer[0].(*dns.TXT).Txt
				if got := strings.Join(text, ""); got != strings.Repeat("x", 40*200) {
					t.Errorf("a large answer has %d bytes", len(got))
				}
			}
			given.Together(t, 16, func(i int) error {
				for j := range 10 {
					n := (16*j + i) % 250
					q := new(dns.Msg)
					q.SetQuestion(fmt.Sprintf("host%d.example.test.", n), dns.TypeA)
					r, _, err := c.Exchange(q, server)
					if err != nil || len(r.Answer) != 1 || !r.Answer[0].(*dns.A).A.Equal(net.IPv4(198, 51, 100, byte(n))) {
						return fmt.Errorf("host%d: %v, %v", n, r, err)
					}
				}
				return nil
			})
		})
	}
}

// TestTransfer has more than 1 MB of records.
func TestTransfer(t *testing.T) {
	q := new(dns.Msg)
	q.SetAxfr("transfer.test.")
	records, size := 0, 0
	answers, err := (&dns.Transfer{ReadTimeout: time.Minute}).In(q, given.Value(t, "DNS_SERVER"))
	if err != nil {
		t.Fatal(err)
	}
	for a := range answers {
		if a.Error != nil {
			t.Fatal(a.Error)
		}
		records += len(a.RR)
		for _, r := range a.RR {
			size += dns.Len(r)
		}
	}
	if records != 5004 || size < 1<<20 {
		t.Errorf("%d records of %d bytes; want 5000, a name server and its address, and twice the beginning", records, size)
	}
}

func TestDeadline(t *testing.T) {
	for network, server := range map[string]string{"udp": given.Value(t, "SILENT_UDP"), "tcp": given.Value(t, "SILENT")} {
		t.Run(network, func(t *testing.T) {
			c := &dns.Client{Net: network, Timeout: 300 * time.Millisecond}
			given.Expires(t, c.Timeout, func() error {
				_, _, err := c.Exchange(new(dns.Msg).SetQuestion("www.example.test.", dns.TypeA), server)
				return err
			})
		})
	}
}

// TestResolver is about Go's own.
func TestResolver(t *testing.T) {
	server, r := given.Value(t, "DNS_SERVER"), net.DefaultResolver
	if runtime.GOOS != "wasip1" { // where the variable itself is obeyed
		r = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server)
		}}
	}
	ctx := context.Background()
	if got, err := r.LookupHost(ctx, "www.example.test."); err != nil || len(got) != 2 {
		t.Errorf("LookupHost: %v, %v", got, err)
	}
	if got, err := r.LookupTXT(ctx, "large.example.test."); err != nil || len(got) != 1 || got[0] != strings.Repeat("x", 40*200) {
		t.Errorf("LookupTXT: %d texts, %v", len(got), err)
	}
	if got, err := r.LookupCNAME(ctx, "alias.example.test."); err != nil || got != "www.example.test." {
		t.Errorf("LookupCNAME: %q, %v", got, err)
	}
	if got, err := r.LookupMX(ctx, "example.test."); err != nil || len(got) != 1 || *got[0] != (net.MX{Host: "mail.example.test.", Pref: 10}) {
		t.Errorf("LookupMX: %v, %v", got, err)
	}
	if _, got, err := r.LookupSRV(ctx, "web", "tcp", "example.test."); err != nil || len(got) != 1 || *got[0] != (net.SRV{Target: "www.example.test.", Port: 80, Priority: 1, Weight: 2}) {
		t.Errorf("LookupSRV: %v, %v", got, err)
	}
	if got, err := r.LookupAddr(ctx, "192.0.2.80"); err != nil || len(got) != 1 || got[0] != "www.example.test." {
		t.Errorf("LookupAddr: %v, %v", got, err)
	}
	var absent *net.DNSError
	if _, err := r.LookupHost(ctx, "absent.example.test."); !errors.As(err, &absent) || !absent.IsNotFound {
		t.Errorf("an absent name: %v", err)
	}
	given.Together(t, 16, func(i int) error {
		for j := range 5 {
			n := (16*j + i) % 250
			got, err := r.LookupNetIP(ctx, "ip4", fmt.Sprintf("host%d.example.test.", n))
			if err != nil || len(got) != 1 || got[0].String() != fmt.Sprint("198.51.100.", n) {
				return fmt.Errorf("host%d: %v, %v", n, got, err)
			}
		}
		return nil
	})
}

func TestServer(t *testing.T) {
	given.Value(t, "SERVE")
	l := given.Listen(t)
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		r.Answer = []dns.RR{&dns.TXT{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60},
			Txt: []string{w.RemoteAddr().Network(), q.Question[0].Name},
		}}
		w.WriteMsg(r)
	})
	given.Serving(p.LocalAddr(), l.Addr())
	go dns.ActivateAndServe(l, nil, answer)
	// The wrapping hides that it is a *net.UDPConn, and the library wants control of it
	// messages, which golang.org/x/net does not have for wasip1.
	t.Fatal(dns.ActivateAndServe(nil, struct{ net.PacketConn }{p}, answer))
}

func TestClient(t *testing.T) {
	for i, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			c := &dns.Client{Net: network, Timeout: 20 * time.Second}
			server := given.Peer(t, i)
			given.Together(t, 16, func(i int) error {
				for j := range 10 {
					name := fmt.Sprintf("n%d-%d.test.", i, j)
					r, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeTXT), server)
					if err != nil {
						return err
					}
					if text := r.Answer[0].(*dns.TXT).Txt; text[0] != network || text[1] != name {
						return fmt.Errorf("%q; want %q", text, name)
					}
				}
				return nil
			})
		})
	}
}
