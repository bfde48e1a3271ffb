// Package namestest is a resolver for tests, and the DNS messages that ask for what it knows.
package namestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// A Resolver knows a few names.
type Resolver struct{}

func (Resolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	host = strings.TrimSuffix(host, ".")
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	switch host {
	case "both.test":
		switch network {
		case "ip4":
			return []netip.Addr{v4}, nil
		case "ip6":
			return []netip.Addr{v6}, nil
		}
		return []netip.Addr{v6, netip.AddrFrom16(v4.As16())}, nil // as net.Resolver gives it
	case "four.test":
		if network == "ip6" {
			return nil, &net.AddrError{Err: "no suitable address"}
		}
		return []netip.Addr{v4}, nil
	case "local.test":
		return []netip.Addr{netip.MustParseAddr("fe80::1%eth0")}, nil
	case "hang.test":
		<-ctx.Done()
		return nil, ctx.Err()
	case "later.test":
		return nil, &net.DNSError{IsTemporary: true}
	case "slow.test":
		return nil, &net.DNSError{IsTimeout: true}
	case "broken.test":
		return nil, &net.DNSError{Err: "server misbehaving"}
	case "odd.test":
		return nil, errors.New("odd")
	}
	return nil, &net.DNSError{IsNotFound: true}
}

func (Resolver) LookupCNAME(_ context.Context, host string) (string, error) {
	host = strings.TrimSuffix(host, ".")
	if host == "four.test" {
		return "", errors.New("none")
	}
	return "canonical." + host + ".", nil
}

func (Resolver) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	name = strings.TrimSuffix(name, ".")
	return []*net.MX{{Host: "mail." + name + ".", Pref: 10}}, nil
}

func (Resolver) LookupNS(_ context.Context, name string) ([]*net.NS, error) {
	name = strings.TrimSuffix(name, ".")
	return []*net.NS{{Host: "ns." + name + "."}}, nil
}

func (Resolver) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	name = strings.TrimSuffix(name, ".")
	return name, []*net.SRV{{Target: "srv." + name + ".", Port: 5060, Priority: 1, Weight: 2}}, nil
}

func (Resolver) LookupTXT(_ context.Context, name string) ([]string, error) {
	name = strings.TrimSuffix(name, ".")
	if name == "big.test" {
		return []string{strings.Repeat("x", 3000)}, nil
	}
	return []string{"text of " + name}, nil
}

func (Resolver) LookupAddr(_ context.Context, addr string) ([]string, error) {
	if addr == "" {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return []string{"name-of-" + strings.NewReplacer(".", "-", ":", "-").Replace(addr) + ".test."}, nil
}

func (Resolver) LookupPort(_ context.Context, network, service string) (int, error) {
	if p := map[string]int{"tcp http": 80, "udp domain": 53, "tcp domain": 53}[network+" "+service]; p != 0 {
		return p, nil
	}
	return 0, &net.DNSError{IsNotFound: true}
}

// Query is a message that asks for a type of a name, with EDNS if payload is above 0.
func Query(t testing.TB, name string, kind dnsmessage.Type, payload int) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	if payload > 0 {
		var h dnsmessage.ResourceHeader
		h.SetEDNS0(payload, dnsmessage.RCodeSuccess, false)
		m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Said returns an answer as text, such as "success A 192.0.2.1".
func Said(t testing.TB, b []byte) string {
	t.Helper()
	if b == nil {
		return "nothing"
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	if !m.Response || m.ID != 7 || !m.RecursionAvailable {
		t.Errorf("%+v", m.Header)
	}
	text := strings.ToLower(strings.TrimPrefix(m.RCode.String(), "RCode"))
	if m.Truncated {
		text += " truncated"
	}
	for _, r := range m.Answers {
		if r.Header.TTL != 60 {
			t.Errorf("TTL %d", r.Header.TTL)
		}
		text += " " + strings.TrimPrefix(r.Header.Type.String(), "Type") + " "
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			text += netip.AddrFrom4(b.A).String()
		case *dnsmessage.AAAAResource:
			text += netip.AddrFrom16(b.AAAA).String()
		case *dnsmessage.CNAMEResource:
			text += b.CNAME.String()
		case *dnsmessage.MXResource:
			text += fmt.Sprint(b.Pref, " ", b.MX)
		case *dnsmessage.NSResource:
			text += b.NS.String()
		case *dnsmessage.PTRResource:
			text += b.PTR.String()
		case *dnsmessage.SRVResource:
			text += fmt.Sprint(b.Priority, b.Weight, b.Port, " ", b.Target)
		case *dnsmessage.TXTResource:
			text += fmt.Sprint(len(b.TXT), " ", len(strings.Join(b.TXT, "")))
		}
	}
	return text
}
