package host

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func parseName(text string) (func(Request) bool, error) {
	if text == "" {
		return nil, fmt.Errorf("the name is missing; write one, *.example.com, or * for all")
	}
	if text == "*" {
		return func(r Request) bool { return validName(foldName(r.Host)) }, nil
	}
	name := foldName(text)
	if !validName(strings.TrimPrefix(name, "*.")) {
		return nil, fmt.Errorf("%s is not a host name; write one, *.example.com for all below it, or * for all", quote(text))
	}
	matches := matchName(name)
	return func(r Request) bool { return matches(foldName(r.Host)) }, nil
}

// matchName is whether a name is pattern, or for *.example.com below it. All are folded.
func matchName(pattern string) func(name string) bool {
	base, below := strings.CutPrefix(pattern, "*")
	if !below {
		return func(name string) bool { return name == pattern }
	}
	return func(name string) bool { return strings.HasSuffix(name, base) && validName(name) }
}

// A nameRule is a rule's name, and which of its addresses are meant.
type nameRule struct {
	matches func(name string) bool
	may     func(netip.Addr) bool
	local   bool // it is the name of the loopback addresses, whoever says what it means
}

// newNameRule allows the addresses that within does, or without it those that a name
// of this form may be expected to have.
func newNameRule(name string, within func(netip.Addr) bool) nameRule {
	n := nameRule{matches: matchName(name), may: within}
	base, below := strings.CutPrefix(name, "*.")
	switch {
	case n.may != nil:
	case base == "localhost" || strings.HasSuffix(base, ".localhost"): // RFC 6761, section 6.3
		n.may = netip.Addr.IsLoopback
		n.local = name == "localhost"
	case below:
		n.may = isPublic
	default:
		n.may = func(a netip.Addr) bool { return isPublic(a) || isPrivate(a) && !isInternal(a) }
	}
	return n
}

// reaches is whether the address of r is one of the name's.
func (n nameRule) reaches(r Request) bool {
	addr := r.Addr.Addr().Unmap()
	if !n.may(addr) || addr.Zone() != "" {
		return false
	}
	return n.local || slices.ContainsFunc(r.Names, func(name string) bool { return n.matches(foldName(name)) })
}

// isNumeric is whether systems may read name as an address in one of the spellings that
// C knows, such as 127.1 and 0x7f000001.
func isNumeric(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	digits := strings.TrimPrefix(last, "0x")
	if digits != last {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
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
