package host

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
)

// A Policy decides on a request before anything is done. A nil error allows it. With any other
// error the guest gets EACCES, and the error's text is in the trace. A Policy may be called by
// several guests at once.
type Policy func(Request) error

// An Op is the kind of a guest's request.
type Op string

const (
	OpDial    Op = "dial"    // connect a socket to an address
	OpListen  Op = "listen"  // bind a socket to an address, to accept or receive there
	OpSend    Op = "send"    // send one datagram to an address
	OpResolve Op = "resolve" // look up a name
)

// A Request is one use of the network. Its address is the one that will be used: the engine
// copies it out of the guest's memory before it asks the policy.
type Request struct {
	Op      Op
	Network string // "tcp", "udp", "unix" or "unixgram"; "" for OpResolve

	// Addr is the address of tcp and udp. An IPv4-mapped address means the IPv4
	// address. No rule allows one with a zone. Port 0 in OpListen is a port that the
	// system chooses: the request is not made when the socket binds, since it may dial from
	// there, but when it listens or, of datagrams, first receives or waits to.
	Addr netip.AddrPort

	// Route reports that the guest connects a UDP socket to port 9, discard, and has sent
	// nothing. Resolvers do so to learn the source address for a destination (RFC 6724). A
	// refusal is harmless, and is not counted. The first datagram is a request again, without
	// Route.
	Route bool

	// Names are the names for which the host has returned Addr to this guest in the last
	// minutes. A rule with one of them allows a dial or send to Addr.
	Names []string

	// Path is the path of unix and unixgram on the host: absolute, and spelled as the guest
	// wrote it. A path in one of Cmd.Dirs becomes the path on the host. An abstract name begins
	// with '@'.
	Path string

	// Resolve returns Path with symbolic links resolved, which is the path that will be used,
	// or "" if it does not exist. Nil means Path itself. Call it only within the Policy.
	Resolve func() string

	// Host is the name of OpResolve. A numeric address is not looked up and causes no request.
	Host string
}

// Rule returns the narrowest rule that allows r, such as "listen tcp 127.0.0.1:1234". It is one
// line without commas or single quotes. If r is invalid, so that no rule can allow it, Rule
// returns a description of r that ParsePolicy rejects.
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

// Internal reports whether r is about an address that a rule must name, because * and wide
// prefixes leave it out: a link-local or multicast address, or one at which clouds give
// machines their credentials. It also reports the names that clouds document for those.
func (r Request) Internal() bool {
	if r.Op == OpResolve {
		return slices.Contains(internalNames, foldName(r.Host))
	}
	return r.Addr.IsValid() && isInternal(r.Addr.Addr().Unmap())
}

// AllowAll allows everything.
func AllowAll(Request) error { return nil }

// RuleGrammar lists the forms of rules, one per line.
const RuleGrammar = `dial|listen|send tcp|udp ADDRESS:PORT
dial|send tcp|udp NAME:PORT [in ADDRESS]
dial|listen|send unix|unixgram PATH
resolve NAME
all
deny RULE`

// ParsePolicy makes a policy that allows what at least one of the rules allows and none denies,
// and nothing without rules. A rule has one of the forms of RuleGrammar. "deny" before a rule
// denies what the rule would allow. The order does not matter. "all" means every use of the
// network.
//
// ADDRESS is an address (127.0.0.1), a prefix (10.0.0.0/8), either in brackets when it is IPv6
// ([::1], [fd00::/8]), or * for all. An IPv4-mapped address or prefix is the IPv4 one, and an
// IPv6 prefix holds no IPv4 address. Listening at 0.0.0.0 or [::], all addresses of the host,
// needs a rule for exactly that address. Dialling or sending to them means 127.0.0.1 or [::1],
// and needs a rule for those. A socket that listens at [::] serves IPv4 too. Zones are refused.
//
// NAME in place of an address, not after deny, allows the guest to look it up, and to use the
// addresses that the host has returned for it, for some minutes. Only public addresses count if
// NAME is *.something, since whoever answers for such names must not reach the host's own
// network; otherwise private ones count too. NAME in ADDRESS means those addresses of the name
// that are in the prefix. localhost means the loopback addresses, and no other name does.
//
// For dialling and sending, * and prefixes leave out link-local, multicast and broadcast
// addresses, and those at which clouds give machines their credentials, most of which are in
// 169.254.0.0/16 and fe80::/10. Name such an address, or a prefix within such a range. The same
// holds for IPv6 addresses that stand for one of these IPv4 addresses, as in NAT64, 6to4 and
// Teredo. A rule for an IPv4 address does not allow the IPv6 addresses that stand for it, but
// deny denies them.
//
// PORT is a number, a range (8000-8999) or * for all. Port 0, with which the system chooses
// one, is in no range that does not begin with 0.
//
// PATH is an absolute path on the host, also for the sockets in a guest's directories. It
// allows a path that is written the same; a PATH that ends in /* allows all paths below that
// directory without "..", "." or "//" in them. After deny it denies every path to the same
// socket: the same name in the same directory, the same file, and with /* everything in that
// directory. * means all paths. Abstract names begin with @. Put a path with spaces or other
// special characters in double quotes, with Go's escapes; * has no special meaning in quotes.
//
// NAME is a host name, or *.example.com for all names below example.com. In resolve it can also
// be * for all names. Letter case and a final dot do not matter.
//
// The error names the rule, its invalid part and what to write instead. errors.Is reports a
// refusal of the policy as fs.ErrPermission.
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

// A Refusal is the error of a policy of ParsePolicy for a request that it refuses. errors.Is
// reports it as fs.ErrPermission.
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
