package main

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// limits are the resources that one connection, or all of them together, may use. Less than 1 is
// not a limit but a mistake, except where 0 is said to mean none.
type limits struct {
	conns  int // connections at once
	header int // bytes of a head, and of a chunked body's trailer
	body   int // bytes of a body
	memory int // bytes of bodies of all connections, 0 means no limit

	idle, head, write time.Duration // 0 means no limit
}

// options are the flags of the command line.
type options struct {
	addr  netip.AddrPort
	dual  bool // all addresses of both families: addr is [::]
	quiet bool
	limits
}

// An option is one flag.
type option struct {
	name, value, initial, text string
	set                        func(o *options, value string) error
}

var flags = []option{
	{"addr", "IP:PORT", "127.0.0.1:1234", "where to listen; :PORT is all addresses, port 0 a free one",
		func(o *options, v string) (err error) { o.addr, o.dual, err = parseAddr(v); return }},
	{"max-conns", "N", "10000", "connections at once; more are answered 503",
		number(1, 1<<20, func(o *options) *int { return &o.conns })},
	{"max-header", "BYTES", "16384", "length of a request's head; more is 431",
		number(256, 1<<20, func(o *options) *int { return &o.header })},
	{"max-body", "BYTES", "16777216", "length of a request's body; more is 413",
		number(0, 1<<30, func(o *options) *int { return &o.body })},
	{"max-memory", "BYTES", "268435456", "bodies of all connections together; more is 503; 0 means no limit",
		number(0, 1<<31-1, func(o *options) *int { return &o.memory })},
	{"header-timeout", "TIME", "10s", "for a head, from its first byte or the connection's begin",
		duration(func(o *options) *time.Duration { return &o.head })},
	{"idle-timeout", "TIME", "1m", "between requests, and without progress within a body",
		duration(func(o *options) *time.Duration { return &o.idle })},
	{"write-timeout", "TIME", "30s", "without progress in sending an answer",
		duration(func(o *options) *time.Duration { return &o.write })},
	{"quiet", "", "false", "log neither connections nor requests",
		func(o *options, v string) (err error) { o.quiet, err = strconv.ParseBool(v); return }},
}

var errHelp = errors.New("help")

// parseFlags reads the arguments after the program's name: -name value,
// -name=value, or with two dashes. errHelp is -h or -help.
func parseFlags(args []string) (o options, err error) {
	for _, f := range flags {
		if err := f.set(&o, f.initial); err != nil {
			return o, err
		}
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name, value, given := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if name == "h" || name == "help" {
			return o, errHelp
		}
		f := find(name)
		switch {
		case f == nil || arg[0] != '-':
			return o, errors.New("unknown argument " + strconv.Quote(arg))
		case given:
		case f.value == "":
			value = "true"
		case len(args) == 0:
			return o, errors.New("-" + name + " needs a value")
		default:
			value, args = args[0], args[1:]
		}
		if err := f.set(&o, value); err != nil {
			return o, errors.New("-" + name + " " + strconv.Quote(value) + ": " + err.Error())
		}
	}
	return o, nil
}

func find(name string) *option {
	for i := range flags {
		if flags[i].name == name {
			return &flags[i]
		}
	}
	return nil
}

func usage() string {
	text := "usage: server [flags]\n\n" +
		"Answers every HTTP request with \"echo: \" and its body.\n\n"
	for _, f := range flags {
		left := "  -" + f.name
		if f.value != "" {
			left += " " + f.value
		}
		text += left + strings.Repeat(" ", max(1, 26-len(left))) + f.text
		if f.value != "" {
			text += " (" + f.initial + ")"
		}
		text += "\n"
	}
	return text
}

func number(least, most int, field func(*options) *int) func(*options, string) error {
	return func(o *options, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return errors.New("not a number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most))
		}
		*field(o) = n
		return nil
	}
}

func duration(field func(*options) *time.Duration) func(*options, string) error {
	return func(o *options, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return errors.New("not a time such as 500ms, 10s or 1m; 0 means no limit")
		}
		*field(o) = d
		return nil
	}
}

// parseAddr reads IP:PORT, or :PORT for all addresses.
func parseAddr(s string) (addr netip.AddrPort, dual bool, err error) {
	if dual = strings.HasPrefix(s, ":"); dual {
		s = "[::]" + s
	}
	if addr, err = netip.ParseAddrPort(s); err != nil || addr.Addr().Zone() != "" {
		err = errors.New("not an IP address and port, such as 127.0.0.1:1234, [::1]:1234 or :1234")
	}
	return addr, dual, err
}
