package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxHead bounds the bytes of an answer that are neither body nor chunk
	// sizes: every status line and header, of interim answers too, and trailers.
	maxHead = 64 << 10

	// maxChunkLine bounds the line before a chunk, extensions and all.
	maxChunkLine = 1 << 10
)

// A response takes in one HTTP/1 answer, in pieces of any size: feed it what
// arrives, and end it when the peer has closed. How the answer is split makes no
// difference to what comes out. It must be told the method of the request, since
// an answer to HEAD has no body; it keeps the body only if keep is set.
//
// It is as strict as net/http, or stricter: what it takes, net/http takes and
// understands the same. After an error, or done, it takes nothing more.
type response struct {
	method  string
	keep    bool
	maxBody int64 // bytes; more is an error

	proto  string // "HTTP/1.1"
	status int    // 200 to 999
	reason string // the words after the status; may be empty
	header []field
	size   int64  // of the body, so far
	body   []byte // so far, if keep
	done   bool   // the answer is complete

	state    state
	line     []byte // the beginning of a line that has not arrived whole
	headSize int
	length   int64 // Content-Length, or -1
	left     int64 // of the body or chunk
}

// A field is one header line, its value without surrounding white space.
type field struct{ name, value string }

type state uint8

const (
	inStatusLine state = iota
	inHeader
	inBody // of a known length
	inBodyToEnd
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
)

// malformed is the error for bytes that are not HTTP/1.
func malformed(format string, args ...any) error {
	return fmt.Errorf("malformed answer: "+format, args...)
}

// feed takes the next piece. Bytes after the end of the answer are ignored.
func (r *response) feed(p []byte) error {
	for len(p) > 0 && !r.done {
		var n int
		var err error
		switch r.state {
		case inBody, inBodyToEnd, inChunk:
			n, err = r.feedBody(p)
		default:
			n, err = r.feedLine(p)
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// end reports the end of the input. It returns an error that names what is missing.
func (r *response) end() error {
	if r.state == inBodyToEnd {
		r.done = true
	}
	if r.done {
		return nil
	}
	return errors.New("connection closed " + r.progress())
}

// progress says how far the answer has come, as in "closed after …".
func (r *response) progress() string {
	switch {
	case r.state == inStatusLine && len(r.line) == 0:
		return "before an answer"
	case r.state <= inHeader:
		return "in the middle of the head"
	case r.state == inBody:
		return fmt.Sprintf("after %d of %d bytes of body", r.size, r.length)
	}
	return fmt.Sprintf("after %d bytes of body", r.size)
}

// feedBody takes body bytes from the front of p and says how many.
func (r *response) feedBody(p []byte) (int, error) {
	if r.state != inBodyToEnd {
		p = p[:min(int64(len(p)), r.left)]
		r.left -= int64(len(p))
	}
	if r.size+int64(len(p)) > r.maxBody {
		return 0, r.oversized()
	}
	r.size += int64(len(p))
	if r.keep {
		r.body = append(r.body, p...)
	}
	if r.left == 0 {
		switch r.state {
		case inBody:
			r.done = true
		case inChunk:
			r.state = inChunkEnd
		}
	}
	return len(p), nil
}

func (r *response) oversized() error {
	return fmt.Errorf("body is larger than %d bytes (-max-size)", r.maxBody)
}

// feedLine takes bytes up to the end of a line, or all of p, and says how many.
func (r *response) feedLine(p []byte) (int, error) {
	n := bytes.IndexByte(p, '\n') + 1
	whole := n > 0
	if !whole {
		n = len(p)
	}
	length := len(r.line) + n
	switch r.state {
	case inChunkSize, inChunkEnd:
		if length > maxChunkLine {
			return 0, malformed("the line before a chunk is longer than %d bytes", maxChunkLine)
		}
	default:
		if r.headSize+length > maxHead {
			return 0, fmt.Errorf("head is larger than %d bytes", maxHead)
		}
	}
	r.line = append(r.line, p[:n]...)
	if r.state == inStatusLine {
		const prefix = "HTTP/1."
		if got := min(len(prefix), len(r.line)); string(r.line[:got]) != prefix[:got] {
			return 0, malformed("it does not begin with %s", prefix)
		}
	}
	if !whole {
		return n, nil
	}
	line := r.line
	r.line = r.line[:0]
	return n, r.takeLine(line)
}

// takeLine takes a whole line, its end included. A bare LF ends a line of the
// head, as RFC 9112 allows, but not one that frames chunks.
func (r *response) takeLine(line []byte) error {
	text, crlf := bytes.CutSuffix(line, []byte("\r\n"))
	if !crlf {
		text = line[:len(line)-1]
	}
	for _, c := range text {
		if c < ' ' && c != '\t' || c == 0x7f {
			return malformed("control character %#02x in the line %s", c, excerpt(text))
		}
	}
	switch r.state {
	case inStatusLine:
		r.headSize += len(line)
		return r.takeStatus(string(text))
	case inHeader:
		r.headSize += len(line)
		if len(text) == 0 {
			return r.endHead()
		}
		return r.takeHeader(string(text))
	case inTrailer:
		r.headSize += len(line)
		switch {
		case !crlf:
			return malformed("a trailer ends with a bare LF")
		case len(text) == 0:
			r.done = true
			return nil
		}
		_, err := parseField(string(text))
		return err
	case inChunkSize:
		if !crlf {
			return malformed("a chunk size ends with a bare LF")
		}
		return r.takeChunkSize(string(text))
	}
	if !crlf || len(text) > 0 {
		return malformed("a chunk does not end where it should")
	}
	r.state = inChunkSize
	return nil
}

func (r *response) takeStatus(line string) error {
	proto, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if len(proto) != len("HTTP/1.1") || !isDigit(proto[7]) ||
		len(code) != 3 || !isDigit(code[0]) || err != nil || status < 100 {
		return malformed("bad status line %s", excerpt([]byte(line)))
	}
	r.proto, r.status, r.reason = proto, status, strings.Trim(reason, " \t")
	r.header = r.header[:0]
	r.state = inHeader
	return nil
}

func (r *response) takeHeader(line string) error {
	if line[0] == ' ' || line[0] == '\t' { // obs-fold of RFC 9112, 5.2
		if len(r.header) == 0 {
			return malformed("the first header line begins with white space")
		}
		last := &r.header[len(r.header)-1]
		last.value = strings.Trim(last.value+" "+strings.Trim(line, " \t"), " \t")
		return nil
	}
	f, err := parseField(line)
	if err == nil {
		r.header = append(r.header, f)
	}
	return err
}

func parseField(line string) (field, error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.IndexFunc(name, notToken) >= 0 {
		return field{}, malformed("bad header line %s", excerpt([]byte(line)))
	}
	return field{name, strings.Trim(value, " \t")}, nil
}

// endHead finds out how the body is framed, by RFC 9112, 6.3.
func (r *response) endHead() error {
	r.length = -1
	chunked := false
	for _, f := range r.header {
		switch {
		case strings.EqualFold(f.name, "Content-Length"):
			n, err := strconv.ParseUint(f.value, 10, 63)
			if err != nil || r.length >= 0 && r.length != int64(n) {
				return malformed("bad or second Content-Length %q", f.value)
			}
			r.length = int64(n)
		case strings.EqualFold(f.name, "Transfer-Encoding"):
			if chunked || !strings.EqualFold(f.value, "chunked") || r.proto == "HTTP/1.0" {
				return malformed("bad or second Transfer-Encoding %q", f.value)
			}
			chunked = true
		}
	}
	if chunked && r.length >= 0 {
		return malformed("both Content-Length and Transfer-Encoding")
	}
	switch {
	case r.status == 101:
		return malformed("101 without having been asked to switch protocols")
	case r.status < 200:
		r.state = inStatusLine
	case r.method == "HEAD" || r.status == 204 || r.status == 304 || r.length == 0:
		r.done = true
	case chunked:
		r.state = inChunkSize
	case r.length > r.maxBody:
		return r.oversized()
	case r.length > 0:
		r.state, r.left = inBody, r.length
	default:
		r.state, r.left = inBodyToEnd, -1
	}
	return nil
}

func (r *response) takeChunkSize(line string) error {
	digits, _, _ := strings.Cut(strings.TrimRight(line, " \t"), ";")
	n, err := strconv.ParseUint(digits, 16, 63)
	switch {
	case err != nil || len(digits) > 16:
		return malformed("bad chunk size %s", excerpt([]byte(line)))
	case n == 0:
		r.state = inTrailer
	case int64(n) > r.maxBody-r.size:
		return r.oversized()
	default:
		r.state, r.left = inChunk, int64(n)
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// notToken reports whether c may not stand in a header's name or a method.
func notToken(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return c >= 0x80 || strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) < 0
}

// excerpt quotes as much of a line as fits into one line of a message.
func excerpt(line []byte) string {
	const most = 60
	if len(line) > most {
		return strconv.Quote(string(line[:most])) + "…"
	}
	return strconv.Quote(string(line))
}
