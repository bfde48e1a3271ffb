package host

import "path"

// A Reach is an upper bound of what rules allow, in terms in which an operating system can
// confine a whole process: it has no names, and is the same for all guests.
type Reach struct {
	Dial   []PortRange // ports of tcp, of whatever address
	Listen []PortRange // the same

	// Bind is the directories in which UNIX sockets can be bound, with all below them.
	Bind []string

	// Abstract reports whether an abstract UNIX socket can be dialled or sent to.
	Abstract bool
}

// A PortRange is the range of ports from Low to High, inclusive.
type PortRange struct{ Low, High uint16 }

// ReachOf returns the Reach of the rules that ParsePolicy takes, and its errors. Rules with
// deny do not reduce it.
func ReachOf(rules ...string) (Reach, error) {
	var r Reach
	if _, err := ParsePolicy(rules...); err != nil {
		return r, err
	}
	for _, text := range rules {
		u, _ := parseRule(text)
		if u.deny {
			continue
		}
		all := u.op == opAll
		if all {
			u.ports, u.path = PortRange{0, 65535}, "*"
		}
		tcp, unix := all || u.network == "tcp", all || isUnix(u.network)
		dials, listens := all || u.op == OpDial || u.op == OpSend, all || u.op == OpListen
		if tcp && dials {
			r.Dial = append(r.Dial, u.ports)
		}
		if tcp && listens {
			r.Listen = append(r.Listen, u.ports)
		}
		if unix && dials && (u.path == "*" || u.path[0] == '@') {
			r.Abstract = true
		}
		if unix && listens && u.path[0] != '@' {
			r.Bind = append(r.Bind, bindDir(u.path))
		}
	}
	return r, nil
}

// bindDir returns the directory of the path of a rule.
func bindDir(target string) string {
	if target == "*" {
		return "/"
	}
	return path.Dir(target)
}
