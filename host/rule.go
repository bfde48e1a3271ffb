package host

import (
	"fmt"
	"net/netip"
	"os"
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
	names   func(name string) bool // those whose addresses it allows; nil means none
	target  string                 // the path that it is about, with a slash behind if it is about all below
	ports   PortRange              // of tcp and udp
	path    string                 // of unix and unixgram: target, an abstract name or *
}

// opAll is that of a rule for every request.
const opAll Op = "all"

func (u rule) matches(r Request) bool {
	if u.op == opAll {
		return true
	}
	if r.Op == OpResolve && u.names != nil {
		return u.names(foldName(r.Host))
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
		err = u.parsePath(rest)
	case network == "tcp" || network == "udp":
		err = u.parseAddrPort(rest)
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

// parseAddrPort reads ADDRESS:PORT, or NAME:PORT with what may follow.
func (u *rule) parseAddrPort(text string) error {
	if text == "" {
		return fmt.Errorf("the address is missing; write one such as 127.0.0.1:1234")
	}
	text, within, isWithin := strings.Cut(text, " in ")
	colon := strings.LastIndexByte(text, ':')
	if strings.HasSuffix(text, "]") {
		colon = -1
	}
	if colon < 0 {
		return fmt.Errorf("the port of %s is missing; write %s, or %s for all", quote(text), quote(text+":80"), quote(text+":*"))
	}
	if text[0] != '[' && strings.Count(text, ":") > 1 {
		return fmt.Errorf("%s is not clear; write an IPv6 address in brackets, as in [::1]:80 or [fd00::/8]:*", quote(text))
	}
	low, high, err := parsePorts(text[colon+1:])
	if err != nil {
		return err
	}
	u.ports = PortRange{low, high}
	wary := !u.deny && u.op != OpListen
	addresses := func(Request) bool { return false }
	if name := foldName(text[:colon]); validName(strings.TrimPrefix(name, "*.")) && !isNumeric(name) {
		if u.op == OpListen {
			return fmt.Errorf("%s is not an address, and one listens at addresses; use one, such as 127.0.0.1, or * for all", quote(text[:colon]))
		}
		if u.deny {
			return fmt.Errorf("a guest can use the addresses of %s without the name; deny its addresses, or write deny resolve %s", quote(text[:colon]), name)
		}
		var prefix func(netip.Addr) bool
		if isWithin {
			if prefix, err = parseAddresses(strings.Trim(within, " \t"), wary); err != nil {
				return err
			}
		}
		n := newNameRule(name, prefix)
		u.names, addresses = n.matches, n.reaches
	} else {
		allows, err := parseAddresses(text[:colon], wary)
		switch {
		case err != nil:
			return err
		case isWithin:
			return fmt.Errorf("%s is not a name, and only what a name means can be kept in a prefix; leave out what follows it", quote(text[:colon]))
		}
		addresses = func(r Request) bool { return allows(r.Addr.Addr().Unmap()) }
		if u.deny {
			addresses = func(r Request) bool { return slices.ContainsFunc(forms(r.Addr.Addr().Unmap()), allows) }
		}
	}
	u.match = func(r Request) bool {
		port := r.Addr.Port()
		return low <= port && port <= high && addresses(r)
	}
	return nil
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
		return nil, fmt.Errorf("%s is not an IPv6 address; use one, such as [::1] or [fd00::/8]", quote(bare))
	case err != nil:
		return nil, fmt.Errorf("%s is neither an address nor a name; write one such as 127.0.0.1, 10.0.0.0/8, [::1], example.com or *.example.com, or * for all", quote(host))
	case addr.Is4() && bracketed:
		return nil, fmt.Errorf("%s is IPv4, which takes no brackets; write %s:PORT", quote(bare), bare)
	case !isPrefix:
		addr = addr.Unmap()
		return func(a netip.Addr) bool { return a == addr }, nil
	}
	n, ok := parseNumber(bits, addr.BitLen())
	if !ok {
		return nil, fmt.Errorf("%s is not a prefix length; write 0 to %d after the slash", quote(bits), addr.BitLen())
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
		return 0, 0, fmt.Errorf("%s is not a port; write a number up to 65535, a range such as 8000-8999, or * for all", quote(text))
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

func (u *rule) parsePath(text string) error {
	if text == "" {
		return fmt.Errorf("the path is missing; write one, or * for all")
	}
	if u.path = text; text == "*" {
		u.match = func(Request) bool { return true }
		return nil
	}
	directory, below := strings.CutSuffix(text, "/*")
	if text[0] == '"' {
		quoted, err := strconv.QuotedPrefix(text)
		rest := strings.TrimPrefix(text, quoted)
		if err != nil || rest != "" && rest != "/*" {
			return fmt.Errorf("%s is not quoted right; write it between double quotes, with \\\" and \\\\ for these two inside", quote(text))
		}
		text, _ = strconv.Unquote(quoted)
		directory, below = text, rest != ""
	} else if strings.ContainsAny(text, " \t") {
		return fmt.Errorf("the path %s has spaces; put it in double quotes", quote(text))
	}
	if !isPath(text) && !(below && directory == "") {
		return fmt.Errorf("the path %s is relative; write an absolute one, such as /run/app.sock, or @NAME for an abstract name", quote(text))
	}
	if below && path.Clean(directory+"/x") != directory+"/x" {
		return fmt.Errorf("the directory %s is written in a roundabout way; write it without \".\", \"..\" and \"//\"", quote(directory))
	}
	deny, target := u.deny, path.Clean(text)
	if below {
		target = directory + "/"
		u.match = func(r Request) bool {
			clean := path.Clean(r.Path)
			return strings.HasPrefix(clean, target) && (deny || clean == r.Path)
		}
	} else {
		u.match = func(r Request) bool { return r.Path == text || deny && path.Clean(r.Path) == target }
	}
	if u.path = target; target[0] == '/' {
		u.target = target
	}
	return nil
}

// isPath reports whether a rule can be for the path of a request.
func isPath(text string) bool { return text != "" && (text[0] == '/' || text[0] == '@') }

// leads reports whether the path of a request that u does not match leads to what u is
// about all the same: through a symbolic link, or by another name of a directory or file.
func (u rule) leads(r Request) bool {
	if u.target == "" || u.op != r.Op || u.network != r.Network || !strings.HasPrefix(r.Path, "/") {
		return false
	}
	at := ""
	if r.Resolve != nil {
		at = r.Resolve()
	}
	if at == "" {
		at = path.Clean(r.Path)
	}
	if !strings.HasSuffix(u.target, "/") {
		return path.Base(at) == path.Base(u.target) && isSame(path.Dir(at), path.Dir(u.target)) || isSame(at, u.target)
	}
	for at != "/" {
		at = path.Dir(at)
		if isSame(at, u.target) {
			return true
		}
	}
	return false
}

// isSame reports whether two paths are those of the same file.
func isSame(a, b string) bool {
	one, err1 := os.Stat(a)
	other, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, other)
}

// formatPath is the rule for exactly this path.
func formatPath(p string) string {
	if p == "" || p == "*" || strings.HasSuffix(p, "/*") || strings.ContainsAny(p, " ,'") || quote(p) != `"`+p+`"` {
		return quote(p)
	}
	return p
}

// maxQuoted is the length of the longest path that a system has, in bytes.
const maxQuoted = 4096

// quote makes one line of any text, without commas and single quotes. What is longer than
// maxQuoted is cut.
func quote(text string) string {
	if len(text) > maxQuoted {
		text = text[:maxQuoted] + "…"
	}
	text = strconv.Quote(text)
	return strings.NewReplacer(",", `\x2c`, "'", `\x27`).Replace(text)
}
