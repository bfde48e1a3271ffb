package host

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A rule is one parsed line. match sees only requests of its op and network.
type rule struct {
	text    string
	deny    bool
	op      Op
	network string
	match   func(Request) bool
}

// opAll is that of a rule for every request.
const opAll Op = "all"

func (u rule) matches(r Request) bool {
	if u.op == opAll {
		return true
	}
	return u.op == r.Op && u.network == r.Network && u.match(r)
}

func isUnix(network string) bool { return network == "unix" || network == "unixgram" }

func parseRule(text string) (rule, error) {
	u := rule{text: text}
	op, rest := cutWord(text)
	if u.deny = op == "deny"; u.deny {
		op, rest = cutWord(rest)
	}
	u.op = Op(op)
	var err error
	switch u.op {
	case opAll:
		if rest != "" {
			err = fmt.Errorf("after all comes nothing; leave out %s", quote(rest))
		}
		return u, err
	case OpDial, OpListen, OpSend:
	case OpResolve:
		u.match, err = parseName(rest)
		return u, err
	case "":
		return rule{}, fmt.Errorf(`it is empty; write one such as "listen tcp 127.0.0.1:1234"`)
	default:
		return rule{}, fmt.Errorf("it begins with %s; rules begin with dial, listen, send or resolve, or with deny and one of these", quote(op))
	}
	u.network, rest = cutWord(rest)
	switch network := u.network; {
	case isUnix(network):
		u.match, err = parsePath(rest, u.deny)
	case network == "tcp" || network == "udp":
		u.match, err = parseAddrPort(rest, !u.deny && u.op != OpListen)
	case network == "":
		err = fmt.Errorf("the network is missing; write %s tcp, udp, unix or unixgram, and an address", op)
	default:
		err = fmt.Errorf("the network is %s; there are tcp, udp, unix and unixgram", quote(network))
	}
	return u, err
}

// cutWord splits text after its first word. rest has no space at either end.
func cutWord(text string) (word, rest string) {
	text = strings.Trim(text, " \t")
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		return text, ""
	}
	return text[:end], strings.Trim(text[end:], " \t")
}

// parseAddrPort returns which requests text stands for. If wary, those to internal
// addresses have to be named.
func parseAddrPort(text string, wary bool) (func(Request) bool, error) {
	if text == "" {
		return nil, fmt.Errorf("the address is missing; write one such as 127.0.0.1:1234")
	}
	colon := strings.LastIndexByte(text, ':')
	if strings.HasSuffix(text, "]") {
		colon = -1
	}
	if colon < 0 {
		return nil, fmt.Errorf("the port of %s is missing; write %s, or %s for all", quote(text), quote(text+":80"), quote(text+":*"))
	}
	if text[0] != '[' && strings.Count(text, ":") > 1 {
		return nil, fmt.Errorf("%s is not clear; write an IPv6 address in brackets, as in [::1]:80 or [fd00::/8]:*", quote(text))
	}
	addresses, err := parseAddresses(text[:colon], wary)
	if err != nil {
		return nil, err
	}
	low, high, err := parsePorts(text[colon+1:])
	if err != nil {
		return nil, err
	}
	return func(r Request) bool {
		port := r.Addr.Port()
		return low <= port && port <= high && addresses(r.Addr.Addr().Unmap())
	}, nil
}

// parseAddresses returns which unmapped addresses text stands for.
func parseAddresses(text string, wary bool) (func(netip.Addr) bool, error) {
	if text == "*" {
		return func(a netip.Addr) bool { return a.IsValid() && a.Zone() == "" && !(wary && isInternal(a)) }, nil
	}
	bare, bracketed := strings.CutPrefix(text, "[")
	if bracketed {
		closed := false
		if bare, closed = strings.CutSuffix(bare, "]"); !closed {
			return nil, fmt.Errorf("the brackets of %s do not close before the port; write [::1]:PORT or [fd00::/8]:PORT", quote(text))
		}
	}
	host, bits, isPrefix := strings.Cut(bare, "/")
	addr, err := netip.ParseAddr(host)
	switch {
	case err == nil && addr.Zone() != "":
		return nil, fmt.Errorf("%s has a zone; guests have none: write [%s]", quote(bare), addr.WithZone(""))
	case err != nil && bracketed:
		return nil, fmt.Errorf("%s is no IPv6 address; use one, such as [::1] or [fd00::/8]", quote(bare))
	case err != nil:
		return nil, fmt.Errorf("%s is no address; a name can mean another address at each look-up: use an address, such as 127.0.0.1, 10.0.0.0/8, [::1], or * for all", quote(host))
	case addr.Is4() && bracketed:
		return nil, fmt.Errorf("%s is IPv4, which takes no brackets; write %s:PORT", quote(bare), bare)
	case !isPrefix:
		addr = addr.Unmap()
		return func(a netip.Addr) bool { return a == addr }, nil
	}
	n, ok := parseNumber(bits, addr.BitLen())
	if !ok {
		return nil, fmt.Errorf("%s is no prefix length; write 0 to %d after the slash", quote(bits), addr.BitLen())
	}
	prefix := netip.PrefixFrom(addr, n)
	if prefix.Masked() != prefix {
		return nil, fmt.Errorf("%s has bits after its first %d; write %s, or the address without a length", quote(bare), n, prefix.Masked())
	}
	if addr.Is4In6() && n >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), n-96)
	}
	if !wary || withinInternal(prefix) {
		return prefix.Contains, nil
	}
	return func(a netip.Addr) bool { return prefix.Contains(a) && !isInternal(a) }, nil
}

// internal is link-local addresses, and others where clouds answer whoever runs on a
// machine of theirs with its credentials.
var internal = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),     // RFC 3927; AWS, Google, Azure and others at 169.254.169.254
	netip.MustParsePrefix("fe80::/10"),          // RFC 4291, section 2.5.6
	netip.MustParsePrefix("fd00:ec2::254/128"),  // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: an IPv4 address in the last 4 bytes

func isInternal(a netip.Addr) bool {
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	return slices.ContainsFunc(internal, func(p netip.Prefix) bool { return p.Contains(a) })
}

func withinInternal(prefix netip.Prefix) bool {
	return slices.ContainsFunc(internal, func(p netip.Prefix) bool {
		return p.Bits() <= prefix.Bits() && p.Contains(prefix.Addr())
	})
}

func parsePorts(text string) (low, high uint16, err error) {
	if text == "*" {
		return 0, 65535, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	l, ok1 := parseNumber(from, 65535)
	h, ok2 := parseNumber(to, 65535)
	switch {
	case !ok1 || !ok2:
		return 0, 0, fmt.Errorf("%s is no port; write a number up to 65535, a range such as 8000-8999, or * for all", quote(text))
	case l > h:
		return 0, 0, fmt.Errorf("the range %s ends before it begins; write %d-%d", quote(text), h, l)
	}
	return uint16(l), uint16(h), nil
}

// parseNumber reads a decimal number without sign or leading zeros.
func parseNumber(text string, most int) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && 0 <= n && n <= most && strconv.Itoa(n) == text
}

func parsePath(text string, deny bool) (func(Request) bool, error) {
	if text == "" {
		return nil, fmt.Errorf("the path is missing; write one, or * for all")
	}
	if text == "*" {
		return func(Request) bool { return true }, nil
	}
	folder, below := strings.CutSuffix(text, "/*")
	if text[0] == '"' {
		quoted, err := strconv.QuotedPrefix(text)
		rest := strings.TrimPrefix(text, quoted)
		if err != nil || rest != "" && rest != "/*" {
			return nil, fmt.Errorf("%s is not quoted right; write it between double quotes, with \\\" and \\\\ for these two inside", quote(text))
		}
		text, _ = strconv.Unquote(quoted)
		folder, below = text, rest != ""
	} else if strings.ContainsAny(text, " \t") {
		return nil, fmt.Errorf("the path %s has spaces; put it in double quotes", quote(text))
	}
	if !below {
		return func(r Request) bool { return r.Path == text || deny && path.Clean(r.Path) == path.Clean(text) }, nil
	}
	if path.Clean(folder+"/x") != folder+"/x" {
		return nil, fmt.Errorf("the folder %s is written in a roundabout way; write it without \".\", \"..\" and \"//\"", quote(folder))
	}
	return func(r Request) bool {
		clean := path.Clean(r.Path)
		return strings.HasPrefix(clean, folder+"/") && (deny || clean == r.Path)
	}, nil
}

// formatPath is the rule for exactly this path.
func formatPath(p string) string {
	if p == "" || p == "*" || strings.HasSuffix(p, "/*") || strings.ContainsAny(p, " ,'") || quote(p) != `"`+p+`"` {
		return quote(p)
	}
	return p
}

// quote makes one line of any text, without commas and single quotes.
func quote(text string) string {
	text = strconv.Quote(text)
	return strings.NewReplacer(",", `\x2c`, "'", `\x27`).Replace(text)
}

func parseName(text string) (func(Request) bool, error) {
	if text == "" {
		return nil, fmt.Errorf("the name is missing; write one, *.example.com, or * for all")
	}
	name := foldName(text)
	if text == "*" {
		return func(r Request) bool { return validName(foldName(r.Host)) }, nil
	}
	base, below := strings.CutPrefix(name, "*.")
	if !validName(base) {
		return nil, fmt.Errorf("%s is no host name; write one, *.example.com for all below it, or * for all", quote(text))
	}
	return func(r Request) bool {
		asked := foldName(r.Host)
		if !below {
			return asked == base
		}
		return strings.HasSuffix(asked, "."+base) && validName(asked)
	}, nil
}

// foldName is name in lower case, of ASCII alone, and without a final dot.
func foldName(name string) string {
	lower := []byte(strings.TrimSuffix(name, "."))
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}

// validName is whether name, folded, is one that a resolver could know: labels of
// letters, digits, '-', '_' and bytes beyond ASCII. Others a resolver might read in
// another way than a rule, such as one with a NUL.
func validName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for _, label := range strings.Split(name, ".") {
		if label == "" {
			return false
		}
		for _, c := range []byte(label) {
			if c < 0x80 && !('a' <= c && c <= 'z') && !('0' <= c && c <= '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
