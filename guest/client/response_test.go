package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// read feeds answer in pieces of the given size, and ends it.
func read(answer, method string, maxBody int64, piece int) (*response, error) {
	r := &response{method: method, keep: true, maxBody: maxBody}
	for len(answer) > 0 && !r.done {
		n := min(piece, len(answer))
		if err := r.feed([]byte(answer[:n])); err != nil {
			return r, err
		}
		answer = answer[n:]
	}
	return r, r.end()
}

// summary returns everything that a response contains.
func summary(r *response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %q", r.proto, r.status, r.reason)
	for _, f := range r.header {
		fmt.Fprintf(&b, " %s=%q", f.name, f.value)
	}
	fmt.Fprintf(&b, " %d %q", r.size, r.body)
	return b.String()
}

const ok = "HTTP/1.1 200 OK\r\n"

var answers = []struct {
	name, method, answer, want string // want is a summary, or an error if it begins with "!"
}{
	{"a body with a length", "GET", ok + "Content-Length: 5\r\n\r\nhello",
		`HTTP/1.1 200 "OK" Content-Length="5" 5 "hello"`},
	{"an empty body", "GET", ok + "Content-Length: 0\r\n\r\n",
		`HTTP/1.1 200 "OK" Content-Length="0" 0 ""`},
	{"a body up to the end of the connection", "GET", "HTTP/1.0 200 OK\r\n\r\nhello\r\n",
		`HTTP/1.0 200 "OK" 7 "hello\r\n"`},
	{"an empty body up to the end of the connection", "GET", ok + "\r\n",
		`HTTP/1.1 200 "OK" 0 ""`},
	{"a body that is not text", "GET", ok + "Content-Length: 3\r\n\r\n\x00\xff\n",
		`HTTP/1.1 200 "OK" Content-Length="3" 3 "\x00\xff\n"`},
	{"bytes after the end are ignored", "GET", ok + "Content-Length: 2\r\n\r\nhello",
		`HTTP/1.1 200 "OK" Content-Length="2" 2 "he"`},
	{"chunks", "GET", ok + "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00a;x=y\r\n, chunks!!\r\n0\r\n\r\n",
		`HTTP/1.1 200 "OK" Transfer-Encoding="Chunked" 15 "hello, chunks!!"`},
	{"a chunk size with white space after it", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1 \t\r\nx\r\n0\r\n\r\n",
		`HTTP/1.1 200 "OK" Transfer-Encoding="chunked" 1 "x"`},
	{"trailers are left out", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n",
		`HTTP/1.1 200 "OK" Transfer-Encoding="chunked" 1 "x"`},
	{"no words after the status", "GET", "HTTP/1.1 204\r\n\r\n", `HTTP/1.1 204 "" 0 ""`},
	{"an empty reason", "GET", "HTTP/1.1 204 \r\n\r\n", `HTTP/1.1 204 "" 0 ""`},
	{"204 has no body", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
		`HTTP/1.1 204 "No Content" Content-Length="5" 0 ""`},
	{"304 has no body", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		`HTTP/1.1 304 "Not Modified" Content-Length="5" 0 ""`},
	{"the answer to HEAD has no body", "HEAD", ok + "Content-Length: 99999\r\n\r\n",
		`HTTP/1.1 200 "OK" Content-Length="99999" 0 ""`},
	{"the answer to HEAD may be chunked", "HEAD", ok + "Transfer-Encoding: chunked\r\n\r\n",
		`HTTP/1.1 200 "OK" Transfer-Encoding="chunked" 0 ""`},
	{"interim answers are skipped", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 1\r\n\r\nx",
		`HTTP/1.1 200 "OK" Content-Length="1" 1 "x"`},
	{"white space around a value is not part of it", "GET", ok + "A: \t b c \t\r\nContent-Length:0\r\n\r\n",
		`HTTP/1.1 200 "OK" A="b c" Content-Length="0" 0 ""`},
	{"a header value on two lines", "GET", ok + "A: b\r\n \tc\r\nContent-Length: 0\r\n\r\n",
		`HTTP/1.1 200 "OK" A="b c" Content-Length="0" 0 ""`},
	{"lines of the head may end with a bare LF", "GET", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
		`HTTP/1.1 200 "OK" Content-Length="1" 1 "x"`},
	{"the same length twice", "GET", ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		`HTTP/1.1 200 "OK" Content-Length="1" Content-Length="1" 1 "x"`},
	{"a version 1.x to come", "GET", "HTTP/1.9 200 OK\r\nContent-Length: 0\r\n\r\n",
		`HTTP/1.9 200 "OK" Content-Length="0" 0 ""`},
	{"a status that is not known", "GET", "HTTP/1.1 999 Odd one\r\nContent-Length: 0\r\n\r\n",
		`HTTP/1.1 999 "Odd one" Content-Length="0" 0 ""`},
	{"a body as large as the limit", "GET", ok + "Content-Length: 20\r\n\r\n" + "01234567890123456789",
		`HTTP/1.1 200 "OK" Content-Length="20" 20 "01234567890123456789"`},

	{"nothing at all", "GET", "", `!connection closed before an answer`},
	{"only an interim answer", "GET", "HTTP/1.1 100 Continue\r\n\r\n", `!connection closed before an answer`},
	{"half a status line", "GET", "HTTP/1.1 20", `!connection closed in the middle of the head`},
	{"half a head", "GET", ok + "Content-Le", `!connection closed in the middle of the head`},
	{"half a body", "GET", ok + "Content-Length: 5\r\n\r\nhel", `!connection closed after 3 of 5 bytes of body`},
	{"half a chunk", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", `!connection closed after 3 bytes of body`},
	{"no last chunk", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", `!connection closed after 3 bytes of body`},
	{"half a trailer", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n", `!connection closed after 0 bytes of body`},

	{"not HTTP", "GET", "SSH-2.0-OpenSSH_9.2\r\n", `!malformed answer: it does not begin with HTTP/1.`},
	{"not HTTP, and no end of a line", "GET", "\x15\x03\x01\x00\x02\x02\x50", `!malformed answer: it does not begin with HTTP/1.`},
	{"HTTP/2", "GET", "HTTP/2 200\r\n\r\n", `!malformed answer: it does not begin with HTTP/1.`},
	{"an empty line first", "GET", "\r\n" + ok + "\r\n", `!malformed answer: it does not begin with HTTP/1.`},
	{"no status", "GET", "HTTP/1.1\r\n\r\n", `!malformed answer: bad status line "HTTP/1.1"`},
	{"no minor version", "GET", "HTTP/1. 200 OK\r\n\r\n", `!malformed answer: bad status line "HTTP/1. 200 OK"`},
	{"a long minor version", "GET", "HTTP/1.11 200 OK\r\n\r\n", `!malformed answer: bad status line "HTTP/1.11 200 OK"`},
	{"a status of two digits", "GET", "HTTP/1.1 20 OK\r\n\r\n", `!malformed answer: bad status line "HTTP/1.1 20 OK"`},
	{"a status of four digits", "GET", "HTTP/1.1 2000 OK\r\n\r\n", `!malformed answer: bad status line "HTTP/1.1 2000 OK"`},
	{"a status with a sign", "GET", "HTTP/1.1 +20 OK\r\n\r\n", `!malformed answer: bad status line "HTTP/1.1 +20 OK"`},
	{"a status below 100", "GET", "HTTP/1.1 099 OK\r\n\r\n", `!malformed answer: bad status line "HTTP/1.1 099 OK"`},
	{"101, which nobody asked for", "GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		`!malformed answer: 101 without having been asked to switch protocols`},
	{"a header line without a colon", "GET", ok + "Content-Length 5\r\n\r\n", `!malformed answer: bad header line "Content-Length 5"`},
	{"a header without a name", "GET", ok + ": 5\r\n\r\n", `!malformed answer: bad header line ": 5"`},
	{"white space before the colon", "GET", ok + "Content-Length : 5\r\n\r\n", `!malformed answer: bad header line "Content-Length : 5"`},
	{"white space before the first header", "GET", ok + " A: b\r\n\r\n", `!malformed answer: the first header line begins with white space`},
	{"a header name that is not ASCII", "GET", ok + "Ä: b\r\n\r\n", `!malformed answer: bad header line "Ä: b"`},
	{"a very long bad header line", "GET", ok + strings.Repeat("x", 100) + "\r\n\r\n",
		`!malformed answer: bad header line "` + strings.Repeat("x", 60) + `"…`},
	{"an escape in a header", "GET", ok + "A: \x1b[2J\r\n\r\n", `!malformed answer: control character 0x1b in the line "A: \x1b[2J"`},
	{"a CR inside a line", "GET", ok + "A: b\rC: d\r\n\r\n", `!malformed answer: control character 0x0d in the line "A: b\rC: d"`},
	{"a NUL", "GET", "HTTP/1.1 200 \x00\r\n\r\n", `!malformed answer: control character 0x00 in the line "HTTP/1.1 200 \x00"`},
	{"two lengths that differ", "GET", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", `!malformed answer: bad or second Content-Length "2"`},
	{"a list of lengths", "GET", ok + "Content-Length: 1, 1\r\n\r\nx", `!malformed answer: bad or second Content-Length "1, 1"`},
	{"a negative length", "GET", ok + "Content-Length: -1\r\n\r\n", `!malformed answer: bad or second Content-Length "-1"`},
	{"a length with a sign", "GET", ok + "Content-Length: +1\r\n\r\nx", `!malformed answer: bad or second Content-Length "+1"`},
	{"an empty length", "GET", ok + "Content-Length:\r\n\r\n", `!malformed answer: bad or second Content-Length ""`},
	{"a length of 64 bits", "GET", ok + "Content-Length: 9223372036854775808\r\n\r\n",
		`!malformed answer: bad or second Content-Length "9223372036854775808"`},
	{"both a length and chunks", "GET", ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		`!malformed answer: both Content-Length and Transfer-Encoding`},
	{"an encoding that is not spoken", "GET", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		`!malformed answer: bad or second Transfer-Encoding "gzip, chunked"`},
	{"chunked twice", "GET", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		`!malformed answer: bad or second Transfer-Encoding "chunked"`},
	{"chunks in HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		`!malformed answer: bad or second Transfer-Encoding "chunked"`},
	{"a bad chunk size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", `!malformed answer: bad chunk size "0x5"`},
	{"no chunk size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n\r\n", `!malformed answer: bad chunk size ""`},
	{"a negative chunk size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", `!malformed answer: bad chunk size "-1"`},
	{"a chunk size of 64 bits", "GET", ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", `!malformed answer: bad chunk size "ffffffffffffffff"`},
	{"a chunk size of 17 digits", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n00000000000000001\r\nx\r\n0\r\n\r\n",
		`!malformed answer: bad chunk size "00000000000000001"`},
	{"a chunk size that ends with a bare LF", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
		`!malformed answer: a chunk size ends with a bare LF`},
	{"a chunk longer than its size", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
		`!malformed answer: a chunk does not end where it should`},
	{"a chunk that ends with a bare LF", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n",
		`!malformed answer: a chunk does not end where it should`},
	{"a trailer that ends with a bare LF", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n",
		`!malformed answer: a trailer ends with a bare LF`},
	{"a bad trailer", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nA b\r\n\r\n", `!malformed answer: bad header line "A b"`},

	{"a length over the limit", "GET", ok + "Content-Length: 21\r\n\r\n", `!body is larger than 20 bytes (-max-size)`},
	{"a chunk over the limit", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", `!body is larger than 20 bytes (-max-size)`},
	{"chunks that are over the limit together", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n1\r\n",
		`!body is larger than 20 bytes (-max-size)`},
	{"a body to the end that is over the limit", "GET", ok + "\r\n" + "012345678901234567890", `!body is larger than 20 bytes (-max-size)`},
	{"a head over the limit", "GET", ok + strings.Repeat("A: b\r\n", maxHead/6), `!head is larger than 65536 bytes`},
	{"a line without an end", "GET", ok + "A: " + strings.Repeat("b", maxHead), `!head is larger than 65536 bytes`},
	{"interim answers without an end", "GET", strings.Repeat("HTTP/1.1 100 C\r\n\r\n", maxHead/18+1), `!head is larger than 65536 bytes`},
	{"trailers without an end", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", maxHead/6),
		`!head is larger than 65536 bytes`},
	{"a chunk extension without an end", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", maxChunkLine),
		`!malformed answer: the line before a chunk is longer than 1024 bytes`},
}

func TestResponse(t *testing.T) {
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			for _, piece := range []int{1, 2, 3, 7, len(a.answer) + 1} {
				r, err := read(a.answer, a.method, 20, piece)
				got := summary(r)
				if err != nil {
					got = "!" + err.Error()
				}
				if got != a.want {
					t.Fatalf("in pieces of %d:\n got %s\nwant %s", piece, got, a.want)
				}
			}
		})
	}
}

func TestABodyIsCountedButNotKeptUnlessAsked(t *testing.T) {
	r := &response{method: "GET", maxBody: 20}
	if err := r.feed([]byte(ok + "Content-Length: 5\r\n\r\nhello")); err != nil || !r.done || r.size != 5 || r.body != nil {
		t.Errorf("error %v, done %v, size %d, body %q; want no error, done, 5 and no body", err, r.done, r.size, r.body)
	}
}

// FuzzResponse checks that how an answer is split makes no difference, and that
// net/http takes whatever is taken here, and understands the same.
func FuzzResponse(f *testing.F) {
	for _, a := range answers {
		if len(a.answer) < 1000 {
			f.Add([]byte(a.answer), a.method == "HEAD", 3)
		}
	}
	f.Fuzz(func(t *testing.T, answer []byte, head bool, piece int) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		const maxBody = 1 << 20
		whole, wholeErr := read(string(answer), method, maxBody, len(answer)+1)
		split, splitErr := read(string(answer), method, maxBody, max(piece, 1))
		if fmt.Sprint(wholeErr) != fmt.Sprint(splitErr) {
			t.Fatalf("in one piece the error is %v, in pieces of %d it is %v", wholeErr, piece, splitErr)
		}
		if wholeErr != nil {
			return
		}
		if summary(whole) != summary(split) {
			t.Fatalf("in one piece:\n%s\nin pieces of %d:\n%s", summary(whole), piece, summary(split))
		}
		if whole.size != int64(len(whole.body)) {
			t.Fatalf("size %d, but a body of %d bytes", whole.size, len(whole.body))
		}
		if want, err := readByNetHTTP(answer, method); err != nil {
			if !stricterNetHTTP(answer, err) {
				t.Fatalf("taken as %s, but net/http says: %v", summary(whole), err)
			}
		} else if got := common(whole); got != want {
			t.Fatalf("here:     %s\nnet/http: %s", got, want)
		}
	})
}

// stricterNetHTTP reports whether err is one of the few that net/http alone has:
// for a Trailer header, which promises nothing here; for a trailer that does not
// fit into its buffer; and for chunks with too much of extensions.
func stricterNetHTTP(answer []byte, err error) bool {
	for _, text := range []string{"bad trailer key", "suspiciously long trailer", "too much non-data"} {
		if strings.Contains(err.Error(), text) {
			return len(answer) > 4<<10 || text == "bad trailer key"
		}
	}
	return false
}

// common returns of r what net/http returns too, which drops some headers.
func common(r *response) string {
	h := http.Header{}
	for _, f := range r.header {
		h.Add(f.name, f.value)
	}
	return commonOf(r.proto, r.status, h, r.body)
}

func commonOf(proto string, status int, h http.Header, body []byte) string {
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Trailer", "Cache-Control"} {
		h.Del(name)
	}
	for _, values := range h { // net/http leaves some white space about lines that are folded
		for i := range values {
			values[i] = strings.Join(strings.Fields(values[i]), " ")
		}
	}
	return fmt.Sprintf("%s %d %q %q", proto, status, h, body)
}

func readByNetHTTP(answer []byte, method string) (string, error) {
	in := bufio.NewReader(bytes.NewReader(answer))
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return "", err
		}
		if res.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return "", err
		}
		return commonOf(res.Proto, res.StatusCode, res.Header, body), nil
	}
}
