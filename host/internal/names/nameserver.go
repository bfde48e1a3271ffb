package names

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/host"
)

// The nameserver answers a guest's own DNS messages (RFC 1035), with the host's resolver and under
// the policy. The answer for a denied name is REFUSED. Addresses of names are recorded, as by
// sock_getaddrinfo, so that rules with names apply to them.

// answerTTL is how long guests may keep answers, in seconds: less than nameLife.
const answerTTL = 60

// answer returns the answer to query. An answer of more than size bytes is cut and marked so. In a
// datagram, of at most maxDatagram bytes, it is also cut to the size that the query allows. Nil
// means no answer.
func (n *Names) answer(ctx context.Context, query []byte, size int) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil || header.Response {
		return nil
	}
	reply := dnsmessage.Message{Header: dnsmessage.Header{
		ID: header.ID, Response: true, OpCode: header.OpCode,
		RecursionDesired: header.RecursionDesired, RecursionAvailable: true,
	}}
	questions, err := p.AllQuestions()
	switch {
	case err != nil || len(questions) != 1:
		reply.RCode = dnsmessage.RCodeFormatError
	case header.OpCode != 0:
		reply.RCode = dnsmessage.RCodeNotImplemented
	default:
		began := time.Now()
		reply.Questions = questions
		reply.RCode, reply.Answers = n.records(ctx, questions[0])
		kind := strings.TrimPrefix(questions[0].Type.String(), "Type")
		n.report(began, questions[0].Name.String(), kind, addresses(reply.Answers), failures[reply.RCode])
	}
	payload, extended := payloadSize(&p)
	if !extended {
		payload = 512
	}
	if size <= maxDatagram {
		size = min(size, max(512, payload))
	}
	if extended {
		var opt dnsmessage.ResourceHeader
		opt.SetEDNS0(maxDatagram, dnsmessage.RCodeSuccess, false)
		reply.Additionals = []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}}
	}
	packed, err := reply.Pack()
	if err == nil && len(packed) > size {
		reply.Truncated, reply.Answers = true, nil
		packed, err = reply.Pack()
	}
	if err != nil {
		return nil
	}
	return packed
}

// failures has the names of RFC 1035 and RFC 6895 for the errors that records returns.
var failures = map[dnsmessage.RCode]string{
	dnsmessage.RCodeServerFailure:  "SERVFAIL",
	dnsmessage.RCodeNameError:      "NXDOMAIN",
	dnsmessage.RCodeNotImplemented: "NOTIMP",
	dnsmessage.RCodeRefused:        "REFUSED",
}

// addresses returns the addresses in answers.
func addresses(answers []dnsmessage.Resource) (addrs []netip.Addr) {
	for _, a := range answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			addrs = append(addrs, netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			addrs = append(addrs, netip.AddrFrom16(body.AAAA))
		}
	}
	return addrs
}

// payloadSize returns how many bytes an answer to a query with EDNS (RFC 6891) may have.
func payloadSize(p *dnsmessage.Parser) (size int, ok bool) {
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return 0, false
	}
	for {
		h, err := p.AdditionalHeader()
		if err != nil {
			return 0, false
		}
		if h.Type == dnsmessage.TypeOPT {
			return int(h.Class), true
		}
		if p.SkipAdditional() != nil {
			return 0, false
		}
	}
}

// records returns the answers to q.
func (n *Names) records(ctx context.Context, q dnsmessage.Question) (dnsmessage.RCode, []dnsmessage.Resource) {
	if q.Class != dnsmessage.ClassINET {
		return dnsmessage.RCodeNotImplemented, nil
	}
	name := strings.TrimSuffix(q.Name.String(), ".")
	if !n.isOwn(name) && !n.account.Allows(host.Request{Op: host.OpResolve, Host: name}) {
		return dnsmessage.RCodeRefused, nil
	}
	if !n.account.MayLookUp() {
		return dnsmessage.RCodeServerFailure, nil
	}
	owner := q.Name // the owner of the records
	canonical := func() dnsmessage.Name { return owner }
	if q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA {
		canonical = n.canonical(ctx, q.Name)
	}
	bodies, err := n.look(ctx, q.Type, absolute(name))
	var dns *net.DNSError
	var none *net.AddrError
	switch {
	case errors.As(err, &none):
	case errors.As(err, &dns) && dns.IsNotFound:
		return dnsmessage.RCodeNameError, nil
	case errors.As(err, &dns) && !dns.IsTemporary && !dns.IsTimeout: // REFUSED in package net
		return dnsmessage.RCodeRefused, nil
	case err != nil:
		return dnsmessage.RCodeServerFailure, nil
	}
	var all []dnsmessage.Resource
	add := func(owner dnsmessage.Name, body dnsmessage.ResourceBody) {
		all = append(all, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: owner, Class: q.Class, TTL: answerTTL},
			Body:   body,
		})
	}
	if len(bodies) > 0 {
		if owner = canonical(); owner != q.Name {
			add(q.Name, &dnsmessage.CNAMEResource{CNAME: owner})
		}
	}
	for _, body := range bodies {
		add(owner, body)
	}
	return dnsmessage.RCodeSuccess, all
}

// canonical begins to look up the canonical name of name, and returns a function that waits for
// it and returns it: name itself if name is not an alias.
func (n *Names) canonical(ctx context.Context, name dnsmessage.Name) func() dnsmessage.Name {
	found := make(chan dnsmessage.Name, 1)
	go func() {
		canon := name
		defer func() {
			recover() // see answerSafely
			found <- canon
		}()
		text, err := n.Resolver.LookupCNAME(ctx, absolute(strings.TrimSuffix(name.String(), ".")))
		text = strings.TrimSuffix(text, ".") + "."
		if n, nerr := dnsmessage.NewName(text); err == nil && nerr == nil && !strings.EqualFold(text, name.String()) {
			canon = n
		}
	}()
	return func() dnsmessage.Name { return <-found }
}

// absolute returns a name of a DNS message as the resolver gets it: absolute, since the guest has
// the host's search list in its own resolv.conf. localhost is an exception, since it comes from
// files, not from DNS.
func absolute(name string) string {
	if strings.EqualFold(name, "localhost") {
		return name
	}
	return name + "."
}

// isOwn reports whether name means the guest's own listeners: localhost, if the guest has
// listeners of the host.
func (n *Names) isOwn(name string) bool {
	return n.localhost && strings.EqualFold(strings.TrimSuffix(name, "."), "localhost")
}

// look looks up the records of an absolute name. It returns none for types that package net does
// not support.
func (n *Names) look(ctx context.Context, kind dnsmessage.Type, name string) (found []dnsmessage.ResourceBody, err error) {
	add := func(target string, body func(dnsmessage.Name) dnsmessage.ResourceBody) {
		if n, err := dnsmessage.NewName(strings.TrimSuffix(target, ".") + "."); err == nil {
			found = append(found, body(n))
		}
	}
	switch kind {
	case dnsmessage.TypeA, dnsmessage.TypeAAAA:
		var addrs []netip.Addr
		addrs, err = n.Resolver.LookupNetIP(ctx, "ip", name)
		for _, a := range addrs {
			switch a = a.Unmap().WithZone(""); {
			case a.Is4() && kind == dnsmessage.TypeA:
				found = append(found, &dnsmessage.AResource{A: a.As4()})
			case a.Is6() && kind == dnsmessage.TypeAAAA:
				found = append(found, &dnsmessage.AAAAResource{AAAA: a.As16()})
			default:
				continue
			}
			n.learn(a, strings.TrimSuffix(name, "."), name)
		}
	case dnsmessage.TypeCNAME:
		var cname string
		cname, err = n.Resolver.LookupCNAME(ctx, name)
		if err == nil && strings.TrimSuffix(cname, ".") != strings.TrimSuffix(name, ".") {
			add(cname, func(n dnsmessage.Name) dnsmessage.ResourceBody { return &dnsmessage.CNAMEResource{CNAME: n} })
		}
	case dnsmessage.TypeMX:
		var records []*net.MX
		records, err = n.Resolver.LookupMX(ctx, name)
		for _, r := range records {
			add(r.Host, func(n dnsmessage.Name) dnsmessage.ResourceBody { return &dnsmessage.MXResource{Pref: r.Pref, MX: n} })
		}
	case dnsmessage.TypeNS:
		var records []*net.NS
		records, err = n.Resolver.LookupNS(ctx, name)
		for _, r := range records {
			add(r.Host, func(n dnsmessage.Name) dnsmessage.ResourceBody { return &dnsmessage.NSResource{NS: n} })
		}
	case dnsmessage.TypeSRV:
		var records []*net.SRV
		_, records, err = n.Resolver.LookupSRV(ctx, "", "", name)
		for _, r := range records {
			add(r.Target, func(n dnsmessage.Name) dnsmessage.ResourceBody {
				return &dnsmessage.SRVResource{Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: n}
			})
		}
	case dnsmessage.TypeTXT:
		var texts []string
		texts, err = n.Resolver.LookupTXT(ctx, name)
		for _, t := range texts {
			found = append(found, &dnsmessage.TXTResource{TXT: chunks(t)})
		}
	case dnsmessage.TypePTR:
		var names []string
		if names, err = n.Resolver.LookupAddr(ctx, reversed(strings.TrimSuffix(name, "."))); err == nil {
			for _, target := range names {
				add(target, func(n dnsmessage.Name) dnsmessage.ResourceBody { return &dnsmessage.PTRResource{PTR: n} })
			}
		}
	}
	return found, err
}

// chunks splits text into strings that a TXT record can hold.
func chunks(text string) []string {
	var all []string
	for len(text) > 255 {
		all = append(all, text[:255])
		text = text[255:]
	}
	return append(all, text)
}

// reversed returns the address for a name below in-addr.arpa or ip6.arpa (RFC 1035, section 3.5;
// RFC 3596, section 2.5), or "" for another name, which no resolver finds.
func reversed(name string) string {
	name = strings.ToLower(name)
	v6 := false
	labels := strings.Split(strings.TrimSuffix(name, ".in-addr.arpa"), ".")
	if base, ok := strings.CutSuffix(name, ".ip6.arpa"); ok {
		v6 = true
		labels = strings.Split(base, ".")
	}
	base, bits, size := 10, 8, 4
	if v6 {
		base, bits, size = 16, 4, 32
	}
	if len(labels) != size {
		return ""
	}
	var digits [32]byte
	for i, label := range labels {
		n, err := strconv.ParseUint(label, base, bits)
		if err != nil {
			return ""
		}
		digits[size-1-i] = byte(n)
	}
	if !v6 {
		return netip.AddrFrom4([4]byte(digits[:4])).String()
	}
	var a [16]byte
	for i := range a {
		a[i] = digits[2*i]<<4 | digits[2*i+1]
	}
	return netip.AddrFrom16(a).String()
}
