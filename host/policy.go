package host

import (
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// A Policy decides on a request before anything is done. A nil error permits it;
// with any other the guest gets EACCES, and the error's text stands in the trace.
// A Policy may be called by several guests at once.
type Policy func(Request) error

// An Op is what a guest wants to do.
type Op string

const (
	OpDial    Op = "dial"    // connect a socket to an address
	OpListen  Op = "listen"  // bind a socket to an address, to accept or receive there
	OpSend    Op = "send"    // send one datagram to an address
	OpResolve Op = "resolve" // look up a name
)

// A Request is one use of the network. The address is the one that will be used:
// an engine copies it out of the guest's memory before it asks.
type Request struct {
	Op      Op
	Network string // "tcp", "udp", "unix" or "unixgram"; "" for OpResolve

	// Addr is the address of tcp and udp. An IPv4-mapped address means the IPv4
	// address. No rule permits one with a zone. Port 0 in OpListen is a port that the
	// system chooses.
	Addr netip.AddrPort

	// Path is the path of unix and unixgram, on the host, as the guest wrote it. An
	// abstract name begins with '@'; a file path that does is written "./@…".
	Path string

	// Host is the name of OpResolve. An address in digits is not looked up, and not
	// asked for.
	Host string
}

// Rule is the narrowest rule that permits r, such as "listen tcp 127.0.0.1:1234".
// It is one line without commas or single quotes. Where no rule can permit r,
// because r is not valid, it is a description of r that ParsePolicy refuses.
func (r Request) Rule() string {
	switch {
	case r.Op == OpResolve:
		if name := foldName(r.Host); validName(name) {
			return "resolve " + name
		}
		return "resolve " + quote(r.Host)
	case isUnix(r.Network):
		return string(r.Op) + " " + r.Network + " " + formatPath(r.Path)
	}
	addr := r.Addr.Addr().Unmap()
	text := addr.String()
	if addr.Is6() {
		text = "[" + text + "]"
	}
	return fmt.Sprintf("%s %s %s:%d", r.Op, r.Network, text, r.Addr.Port())
}

// AllowAll permits everything.
func AllowAll(Request) error { return nil }

// ParsePolicy makes a policy that permits what at least one of the rules permits,
// and nothing without rules. A rule is one of
//
//	dial|listen|send tcp|udp ADDRESS:PORT
//	dial|listen|send unix|unixgram PATH
//	resolve NAME
//
// ADDRESS is an address (127.0.0.1), a prefix (10.0.0.0/8), either in brackets
// when it is IPv6 ([::1], [fd00::/8]), or * for all. An IPv4-mapped address or
// prefix is the IPv4 one, and an IPv6 prefix holds no IPv4 address. To listen
// at 0.0.0.0 or [::], which is at all addresses of the host, needs a rule for just
// that. To dial or send there means 127.0.0.1 or [::1], and needs a rule for those.
// A socket that listens at [::] serves IPv4 too. Names and zones are
// refused: a name can mean another address at each look-up.
//
// PORT is a number, a range (8000-8999) or * for all. 0 lets the system choose;
// no range holds it that does not begin with it.
//
// PATH is compared as it is written, and one that ends in /* permits everything
// below that folder, of paths without "..", "." or "//"
// in them. * permits all. Abstract names begin with @. A path with spaces or such is
// put in double quotes, with Go's escapes; between them * is nothing special. The
// system follows symbolic links: let no guest write to a folder that a rule covers.
//
// NAME is a host name, *.example.com for everything below one, or * for all.
// Neither letter case nor a final dot matters.
//
// The error names the rule, the part that is wrong and what to write instead.
// A refusal by the policy is fs.ErrPermission to errors.Is.
func ParsePolicy(rules ...string) (Policy, error) {
	parsed := make([]rule, 0, len(rules))
	for _, text := range rules {
		r, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", quote(text), err)
		}
		parsed = append(parsed, r)
	}
	return func(r Request) error {
		for _, rule := range parsed {
			if rule.permits(r) {
				return nil
			}
		}
		return fmt.Errorf("%w: no rule permits %s", fs.ErrPermission, r.Rule())
	}, nil
}

// A rule is one parsed line. match sees only requests of its op and network.
type rule struct {
	op      Op
	network string
	match   func(Request) bool
}

func (u rule) permits(r Request) bool {
	return u.op == r.Op && u.network == r.Network && u.match(r)
}

func isUnix(network string) bool { return network == "unix" || network == "unixgram" }

func parseRule(text string) (rule, error) {
	op, rest := cutWord(text)
	switch Op(op) {
	case OpDial, OpListen, OpSend:
	case OpResolve:
		match, err := parseName(rest)
		return rule{OpResolve, "", match}, err
	case "":
		return rule{}, fmt.Errorf(`it is empty; write one such as "listen tcp 127.0.0.1:1234"`)
	default:
		return rule{}, fmt.Errorf("it begins with %s; rules begin with dial, listen, send or resolve", quote(op))
	}
	network, rest := cutWord(rest)
	u := rule{op: Op(op), network: network}
	var err error
	switch {
	case isUnix(network):
		u.match, err = parsePath(rest)
	case network == "tcp" || network == "udp":
		u.match, err = parseAddrPort(rest)
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

func parseAddrPort(text string) (func(Request) bool, error) {
	if text == "" {
		return nil, fmt.Errorf("the address is missing; write one such as 127.0.0.1:1234")
	}
	colon := strings.LastIndexByte(text, ':')
	if strings.HasSuffix(text, "]") {
		colon = -1
	}
	if colon < 0 {
		return nil, fmt.Errorf("the port of %s is missing; write %s:80, or %s:* for all", quote(text), text, text)
	}
	if text[0] != '[' && strings.Count(text, ":") > 1 {
		return nil, fmt.Errorf("%s is not clear; write an IPv6 address in brackets, as in [::1]:80 or [fd00::/8]:*", quote(text))
	}
	addresses, err := parseAddresses(text[:colon])
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
func parseAddresses(text string) (func(netip.Addr) bool, error) {
	if text == "*" {
		return func(a netip.Addr) bool { return a.IsValid() && a.Zone() == "" }, nil
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
	return prefix.Contains, nil
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

func parsePath(text string) (func(Request) bool, error) {
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
		return func(r Request) bool { return r.Path == text }, nil
	}
	if clean := path.Clean(folder + "/x"); clean != folder+"/x" {
		return nil, fmt.Errorf("the folder %s is written in a roundabout way; write %s/*", quote(folder), strings.TrimSuffix(clean, "/x"))
	}
	return func(r Request) bool {
		return strings.HasPrefix(r.Path, folder+"/") && path.Clean(r.Path) == r.Path
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
