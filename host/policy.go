package host

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
)

// A Policy decides on a request before anything is done. A nil error allows it;
// with any other the guest gets EACCES, and the error's text stands in the trace.
// A Policy may be called by several guests at once.
type Policy func(Request) error

// An Op is the kind of a guest's request.
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
	// address. No rule allows one with a zone. Port 0 in OpListen is a port that the
	// system chooses: the request is not made when the socket binds, since it may dial from
	// there, but when it listens or, of datagrams, first receives or waits to.
	Addr netip.AddrPort

	// Route reports that the guest connects a UDP socket to port 9, discard, and has sent
	// nothing: so resolvers learn from which address the host would send there, to choose
	// among the addresses of a name (RFC 6724). Guests do without if it is refused, which
	// is not counted. The first datagram is asked about again, without Route.
	Route bool

	// Names is the names that the host has told this guest to mean Addr, not long ago.
	// They are why a dial or send may be allowed that no address allows.
	Names []string

	// Path is the path of unix and unixgram, on the host: absolute, and as the guest
	// wrote it. A path in one of Cmd.Dirs becomes the path on the host.
	// An abstract name begins with '@'.
	Path string

	// Resolve returns where Path leads, with symbolic links resolved, or "" if it leads
	// nowhere. That path will be used. Nil stands for Path itself. It is there during
	// the call of the Policy only.
	Resolve func() string

	// Host is the name of OpResolve. An address in digits is not looked up, and not
	// asked for.
	Host string
}

// Rule is the narrowest rule that allows r, such as "listen tcp 127.0.0.1:1234".
// It is one line without commas or single quotes. Where no rule can allow r,
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
	if len(r.Names) > 0 {
		if name := foldName(r.Names[0]); newNameRule(name, nil).reaches(r) {
			return fmt.Sprintf("%s %s %s:%d", r.Op, r.Network, name, r.Addr.Port())
		}
	}
	text := addr.String()
	if addr.Is6() {
		text = "[" + text + "]"
	}
	return fmt.Sprintf("%s %s %s:%d", r.Op, r.Network, text, r.Addr.Port())
}

// Internal reports whether r is about an address that a rule has to name, since * and
// wide prefixes do not allow to dial it: a link-local one, one at which clouds give
// machines their credentials, or multicast. So is a name by which clouds document it.
func (r Request) Internal() bool {
	if r.Op == OpResolve {
		return slices.Contains(internalNames, foldName(r.Host))
	}
	return r.Addr.IsValid() && isInternal(r.Addr.Addr().Unmap())
}

// AllowAll allows everything.
func AllowAll(Request) error { return nil }

// RuleGrammar is the forms of rules, a line each.
const RuleGrammar = `dial|listen|send tcp|udp ADDRESS:PORT
dial|send tcp|udp NAME:PORT [in ADDRESS]
dial|listen|send unix|unixgram PATH
resolve NAME
all
deny RULE`

// ParsePolicy makes a policy that allows what at least one of the rules allows and
// none denies, and nothing without rules. A rule is of one of the forms of RuleGrammar and
// allows that, save that "deny" before a rule denies what the rule says. The order does not
// matter. "all" is every use of the network.
//
// ADDRESS is an address (127.0.0.1), a prefix (10.0.0.0/8), either in brackets
// when it is IPv6 ([::1], [fd00::/8]), or * for all. An IPv4-mapped address or
// prefix is the IPv4 one, and an IPv6 prefix holds no IPv4 address. To listen
// at 0.0.0.0 or [::], which is at all addresses of the host, needs a rule for just
// that. To dial or send there means 127.0.0.1 or [::1], and needs a rule for those.
// A socket that listens at [::] serves IPv4 too. Zones are refused.
//
// NAME in the place of an address, not after deny, allows to look it up, and to use the addresses that
// the host then reports to the guest, for some minutes. Those are public addresses or, where
// NAME is not *.something, private ones too, as a name that somebody else answers
// for must not lead into the host's own network. In front of "in" it is the addresses of
// the name that lie there. localhost is the loopback addresses, and no other
// name is.
//
// Link-local addresses, those at which clouds give machines their credentials
// (169.254.0.0/16 and fe80::/10 hold most of them), multicast and broadcast are not among
// what * and prefixes allow to dial and to send to, except a prefix that lies within such a
// range: name them. So it is with an IPv6 address that stands for an IPv4 address, as those of
// NAT64, 6to4 and Teredo do, if it stands for one of these. A rule for an IPv4 address does
// not allow the IPv6 addresses that stand for it, but deny denies them.
//
// PORT is a number, a range (8000-8999) or * for all. 0 lets the system choose;
// no range holds it that does not begin with it.
//
// PATH is an absolute path on the host, also for what a guest has in a directory of its
// own. It allows a path that is written so, and one that ends in /* everything below that
// directory, of paths without "..", "." or "//" in them. After deny it denies what leads
// there, whatever the path: the same name in the same directory, the same file, and with
// /* all that lies in that directory. * is all. Abstract names begin with @. A path with
// spaces or such is put in double quotes, with Go's escapes; between them * is nothing
// special.
//
// NAME is a host name or *.example.com for everything below one, and of resolve also *
// for all. Neither letter case nor a final dot matters.
//
// The error names the rule, the part that is wrong and what to write instead.
// A refusal by the policy is fs.ErrPermission to errors.Is.
func ParsePolicy(rules ...string) (Policy, error) {
	var allow, deny []rule
	for _, text := range rules {
		r, err := parseRule(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("rule %s: %w", quote(text), err)
		case r.deny:
			deny = append(deny, r)
		default:
			allow = append(allow, r)
		}
	}
	return func(r Request) error {
		for _, rule := range deny {
			if rule.matches(r) {
				return &Refusal{r, rule.text}
			}
		}
		if !slices.ContainsFunc(allow, func(rule rule) bool { return rule.matches(r) }) {
			return &Refusal{r, ""}
		}
		// Last, as it looks at files, which what is not allowed must not cause.
		for _, rule := range deny {
			if rule.leads(r) {
				return &Refusal{r, rule.text}
			}
		}
		return nil
	}, nil
}

// A Refusal is why a policy that ParsePolicy made refuses a request. It is
// fs.ErrPermission to errors.Is.
type Refusal struct {
	Request Request
	Rule    string // that denies it; "" where no rule allows it
}

func (e *Refusal) Error() string {
	if e.Rule != "" {
		return fmt.Sprintf("%v: rule %s", fs.ErrPermission, quote(e.Rule))
	}
	return fmt.Sprintf("%v: no rule allows %s", fs.ErrPermission, e.Request.Rule())
}

func (e *Refusal) Is(target error) bool { return target == fs.ErrPermission }
