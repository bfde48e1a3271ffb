package main

import (
	"bytes"
	"math"
	"net/netip"
	"unsafe"
)

// A request holds the parts of a request's head that the server uses.
type request struct {
	line, scan int // where the first incomplete line begins; where to look for its end
	start, end int // of the method and target, with the space between
	first      bool
	blank      bool // an empty line came before the request line, which is allowed once

	head       bool // the method is HEAD
	mustLength bool // the method has a body
	connect    bool
	minor      int // HTTP/1.minor; 1 stands for all above
	hosts      int
	length     int // Content-Length, -1 means none
	coding     transferCoding
	close      bool // Connection: close
	keep       bool // Connection: keep-alive
	expect     bool // Expect: 100-continue
	expectMore bool // Expect of something else
}

type transferCoding uint8

const (
	noCoding transferCoding = iota
	chunkedCoding
	otherCoding
)

func (r *request) reset() { *r = request{first: true, length: -1} }

// persistent reports whether the client wants to send another request.
func (r *request) persistent() bool { return !r.close && (r.minor > 0 || r.keep) }

// parse parses the head at the start of p. It returns its length, with the empty
// line after it; 0 means that p ends before the head does, and that parse must be
// called again with the same and more. The outcome does not depend on where p
// ended in earlier calls.
//
// A line ends in CR LF and nothing else. What a proxy on the way could read
// differently is refused, not guessed at.
func (r *request) parse(p []byte, limits *limits) (int, *refusal) {
	for {
		if r.first && r.line < len(p) && p[r.line] != '\r' && class[p[r.line]]&isToken == 0 {
			return 0, notHTTP
		}
		i := bytes.IndexByte(p[r.scan:], '\n')
		if i < 0 {
			if r.scan = len(p); r.scan >= limits.header {
				return 0, headTooLong
			}
			return 0, nil
		}
		end := r.scan + i
		if end >= limits.header {
			return 0, headTooLong
		}
		if end == r.line || p[end-1] != '\r' {
			return 0, bareLF
		}
		line := p[r.line : end-1]
		start := r.line
		r.line, r.scan = end+1, end+1
		var why *refusal
		switch {
		case r.first && len(line) == 0:
			if r.blank {
				return 0, notHTTP
			}
			r.blank = true
		case r.first:
			r.first = false
			r.start = start
			why = r.requestLine(line)
		case len(line) == 0:
			return r.line, r.check(limits)
		default:
			why = r.field(line)
		}
		if why != nil {
			return 0, why
		}
	}
}

func (r *request) requestLine(line []byte) *refusal {
	i := span(line, isToken)
	if i == 0 || i == len(line) || line[i] != ' ' {
		return badRequestLine
	}
	method, rest := line[:i], line[i+1:]
	j := span(rest, isPath) // all of most targets
	plain := j > 0 && rest[0] == '/'
	if j == len(rest) || rest[j] != ' ' {
		plain = false
		j = bytes.IndexByte(rest, ' ')
	}
	if j <= 0 {
		return badRequestLine
	}
	target, version := rest[:j], rest[j+1:]
	r.end = r.start + i + 1 + j
	switch {
	case string(version) == "HTTP/1.1":
		r.minor = 1
	case len(version) != 8 || string(version[:5]) != "HTTP/" || version[6] != '.' ||
		class[version[5]]&class[version[7]]&isDigit == 0:
		return badRequestLine
	case version[5] != '1':
		return otherVersion
	default:
		r.minor = min(int(version[7]-'0'), 1)
	}
	switch string(method) {
	case "HEAD":
		r.head = true
	case "POST", "PUT":
		r.mustLength = true
	case "CONNECT":
		r.connect = true
	}
	if (!plain || r.connect) && !validTarget(target, r.connect, string(method) == "OPTIONS") {
		return badTarget
	}
	return nil
}

// validTarget reports whether a target has one of the four forms of RFC 9112.
func validTarget(t []byte, connect, options bool) bool {
	switch {
	case connect:
		return t[0] != ':' && t[len(t)-1] != ':' && bytes.IndexByte(t, ':') > 0 && validHost(t)
	case len(t) == 1 && t[0] == '*':
		return options
	case t[0] != '/':
		scheme := bytes.IndexByte(t, ':')
		if scheme < 0 || !equal(t[:scheme], "http") && !equal(t[:scheme], "https") ||
			len(t) < scheme+3 || string(t[scheme:scheme+3]) != "://" {
			return false
		}
		t = t[scheme+3:]
		end := bytes.IndexAny(t, "/?")
		if end < 0 {
			end = len(t)
		}
		if end == 0 || t[0] == ':' || !validHost(t[:end]) {
			return false
		}
		t = t[end:]
	}
	for {
		t = t[span(t, isPath):]
		switch {
		case len(t) == 0:
			return true
		case t[0] == '?':
			return span(t, isPath|isQuery) == len(t)
		case t[0] != '%' || len(t) < 3 || span(t[1:3], isHex) < 2:
			return false
		}
		t = t[3:]
	}
}

// validHost reports whether p is a host, perhaps with a port. The name may be empty.
func validHost(p []byte) bool {
	if len(p) > 0 && p[0] == '[' {
		end := bytes.IndexByte(p, ']')
		if end < 0 {
			return false
		}
		ip, err := netip.ParseAddr(unsafe.String(&p[0], len(p))[1:end])
		if err != nil || ip.Is4() || ip.Zone() != "" {
			return false
		}
		p = p[end+1:]
	} else {
		p = p[span(p, isHost):]
	}
	return len(p) == 0 || p[0] == ':' && span(p[1:], isDigit) == len(p)-1
}

// field takes one line of the head's fields. An indented line, which once continued
// the line before, has no name.
func (r *request) field(line []byte) *refusal {
	name, value, why := splitField(line)
	if why != nil {
		return why
	}
	switch len(name) {
	case len("host"):
		if equal(name, "host") {
			if r.hosts++; r.hosts > 1 || !validHost(value) {
				return badHost
			}
		}
	case len("expect"):
		if equal(name, "expect") {
			if equal(value, "100-continue") {
				r.expect = true
			} else {
				r.expectMore = true
			}
		}
	case len("connection"):
		if equal(name, "connection") {
			r.connection(value)
		}
	case len("content-length"):
		if equal(name, "content-length") {
			n, ok := decimal(value)
			if !ok || r.length >= 0 {
				return badLength
			}
			r.length = n
		}
	case len("transfer-encoding"):
		if equal(name, "transfer-encoding") {
			if r.coding != noCoding {
				return badCoding
			}
			r.coding = otherCoding
			if equal(value, "chunked") {
				r.coding = chunkedCoding
			}
		}
	}
	return nil
}

// splitField is the name and the value of a line.
func splitField(line []byte) (name, value []byte, why *refusal) {
	i := span(line, isToken)
	if i == 0 || i == len(line) || line[i] != ':' {
		return nil, nil, badField
	}
	value = trim(line[i+1:])
	if span(value, isValue) < len(value) {
		return nil, nil, badField
	}
	return line[:i], value, nil
}

func (r *request) connection(value []byte) {
	for len(value) > 0 {
		option := value
		if i := bytes.IndexByte(value, ','); i >= 0 {
			option, value = value[:i], value[i+1:]
		} else {
			value = nil
		}
		switch option = trim(option); {
		case equal(option, "close"):
			r.close = true
		case equal(option, "keep-alive"):
			r.keep = true
		}
	}
}

// decimal is the number that p consists of. It is false if p is anything but
// digits, or the number too large for 63 bits.
func decimal(p []byte) (n int, ok bool) {
	for _, b := range p {
		d := int(b) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt-d)/10 {
			return 0, false
		}
		n = 10*n + d
	}
	return n, len(p) > 0
}

// check judges the head as a whole.
func (r *request) check(limits *limits) *refusal {
	switch {
	case r.minor > 0 && r.hosts == 0:
		return badHost
	case r.coding != noCoding && (r.minor == 0 || r.length >= 0):
		return badCoding
	case r.coding == otherCoding:
		return unknownCoding
	case r.connect:
		return noTunnel
	case r.minor == 0 && r.mustLength && r.length < 0:
		return lengthRequired
	case r.length > limits.body:
		return bodyTooLong
	case r.minor > 0 && r.expectMore:
		return unknownExpectation
	}
	return nil
}
