package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

var refusedInputs = []struct {
	sentence, input string
	want            *refusal
}{
	// The request line.
	{"a bare LF, as the book's own client sends", "GET / HTTP/1.1\nHost: a\n\n", bareLF},
	{"a bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", bareLF},
	{"a bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", bareLF},
	{"two empty lines before the request", crlf("\n\nGET / HTTP/1.1\nHost: a\n\n"), notHTTP},
	{"a space before the method", crlf(" GET / HTTP/1.1\nHost: a\n\n"), notHTTP},
	{"the first byte of TLS", "\x16\x03\x01", notHTTP},
	{"a NUL", "\x00", notHTTP},
	{"a method that is not a token", crlf("GE(T / HTTP/1.1\nHost: a\n\n"), badRequestLine},
	{"no version, as in HTTP/0.9", crlf("GET /\n"), badRequestLine},
	{"no target", crlf("GET HTTP/1.1\n"), badRequestLine},
	{"an empty target", crlf("GET  HTTP/1.1\n"), badRequestLine},
	{"two spaces", crlf("GET /  HTTP/1.1\n"), badRequestLine},
	{"a tab for a space", crlf("GET\t/ HTTP/1.1\n"), badRequestLine},
	{"a space after the version", crlf("GET / HTTP/1.1 \n"), badRequestLine},
	{"a version in lower case", crlf("GET / http/1.1\n"), badRequestLine},
	{"a version of two digits", crlf("GET / HTTP/1.10\n"), badRequestLine},
	{"a version of letters", crlf("GET / HTTP/1.x\n"), badRequestLine},
	{"CR within the request line", crlf("GET /\r HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a CR too many", crlf("GET / HTTP/1.1\r\nHost: a\n\n"), badRequestLine},
	{"a target that is not ASCII", crlf("GET /\xc3\xa9 HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a NUL in the target", crlf("GET /\x00 HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a fragment", crlf("GET /#a HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a broken escape", crlf("GET /%4 HTTP/1.1\nHost: a\n\n"), badTarget},
	{"an escape that is not hexadecimal", crlf("GET /%4g HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a target without a slash", crlf("GET a HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a URL of another scheme", crlf("GET ftp://a/ HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a URL without a host", crlf("GET http:///x HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a URL with a port alone", crlf("GET http://:80/ HTTP/1.1\nHost: a\n\n"), badTarget},
	{"a URL with a password", crlf("GET http://a:b@c/ HTTP/1.1\nHost: c\n\n"), badTarget},
	{"a URL cut short", crlf("GET http:/ HTTP/1.1\nHost: c\n\n"), badTarget},
	{"* with GET", crlf("GET * HTTP/1.1\nHost: a\n\n"), badTarget},
	{"CONNECT to a path", crlf("CONNECT / HTTP/1.1\nHost: a\n\n"), badTarget},
	{"CONNECT", crlf("CONNECT a:1 HTTP/1.1\nHost: a:1\n\n"), noTunnel},
	{"HTTP/2", crlf("PRI * HTTP/2.0\n\nSM\n\n"), otherVersion},
	{"HTTP/0.9 by name", crlf("GET / HTTP/0.9\n\n"), otherVersion},

	// Fields.
	{"a continued line", crlf("GET / HTTP/1.1\nHost: a\n b\n\n"), badField},
	{"a line continued by a tab", crlf("GET / HTTP/1.1\nHost: a\n\tb: c\n\n"), badField},
	{"an indented first field", crlf("GET / HTTP/1.1\n Host: a\n\n"), badField},
	{"a space before the colon", crlf("GET / HTTP/1.1\nHost : a\n\n"), badField},
	{"a tab before the colon", crlf("GET / HTTP/1.1\nHost: a\nContent-Length\t: 1\n\n"), badField},
	{"no colon", crlf("GET / HTTP/1.1\nHost\n\n"), badField},
	{"no name", crlf("GET / HTTP/1.1\n: a\n\n"), badField},
	{"a NUL in a name", crlf("GET / HTTP/1.1\nHo\x00st: a\n\n"), badField},
	{"a NUL in a value", crlf("GET / HTTP/1.1\nHost: a\nX: \x00\n\n"), badField},
	{"a DEL in a value", crlf("GET / HTTP/1.1\nHost: a\nX: \x7f\n\n"), badField},
	{"a vertical tab around a value", crlf("GET / HTTP/1.1\nHost: a\nContent-Length: \v1\n\nx"), badField},
	{"a CR in a value", crlf("GET / HTTP/1.1\nHost: a\rX: b\n\n"), badField},
	{"a name that is not ASCII", crlf("GET / HTTP/1.1\nH\xf6st: a\n\n"), badField},

	// Host.
	{"no Host in HTTP/1.1", crlf("GET / HTTP/1.1\n\n"), badHost},
	{"two Hosts", crlf("GET / HTTP/1.1\nHost: a\nHost: a\n\n"), badHost},
	{"two Hosts in HTTP/1.0", crlf("GET / HTTP/1.0\nHost: a\nHost: a\n\n"), badHost},
	{"two Hosts in one", crlf("GET / HTTP/1.1\nHost: a, b/c\n\n"), badHost},
	{"a Host with a path", crlf("GET / HTTP/1.1\nHost: a/b\n\n"), badHost},
	{"a Host with a user", crlf("GET / HTTP/1.1\nHost: a@b\n\n"), badHost},
	{"a Host whose port is not a number", crlf("GET / HTTP/1.1\nHost: a:b\n\n"), badHost},
	{"a Host that is half an address", crlf("GET / HTTP/1.1\nHost: [::1\n\n"), badHost},
	{"a Host that is not an address", crlf("GET / HTTP/1.1\nHost: [:]\n\n"), badHost},
	{"a Host with a zone", crlf("GET / HTTP/1.1\nHost: [fe80::1%eth0]\n\n"), badHost},

	// Content-Length.
	{"a sign", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: +1\n\nx"), badLength},
	{"a length below 0", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: -1\n\nx"), badLength},
	{"a hexadecimal length", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 0x1\n\nx"), badLength},
	{"an empty length", crlf("POST / HTTP/1.1\nHost: a\nContent-Length:\n\nx"), badLength},
	{"a space in a length", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 1 0\n\nx"), badLength},
	{"a list of lengths", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 1, 1\n\nx"), badLength},
	{"two lengths that differ", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 2\n\nx"), badLength},
	{"two lengths that agree", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 1\n\nx"), badLength},
	{"a length beyond 32 bits", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 4294967297\n\nx"), bodyTooLong},
	{"a length beyond 63 bits", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 9223372036854775808\n\nx"), badLength},
	{"a length beyond 64 bits", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 18446744073709551617\n\nx"), badLength},
	{"a body too long by 1", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 1001\n\n"), bodyTooLong},
	{"a body too long, though its sender expects to be asked for it", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 1001\nExpect: 100-continue\n\n"), bodyTooLong},
	{"POST without a length in HTTP/1.0", crlf("POST / HTTP/1.0\n\n"), lengthRequired},
	{"PUT without a length in HTTP/1.0", crlf("PUT / HTTP/1.0\n\n"), lengthRequired},

	// Transfer-Encoding.
	{"both a length and chunks", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n"), badCoding},
	{"both chunks and a length", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 5\n\n0\n\n"), badCoding},
	{"both a length and another coding", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: identity\n\n"), badCoding},
	{"two codings in two lines", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: identity\n\n"), badCoding},
	{"chunks in HTTP/1.0", crlf("POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n"), badCoding},
	{"another coding", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip\n\n"), unknownCoding},
	{"two codings", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n0\n\n"), unknownCoding},
	{"chunked twice", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, chunked\n\n0\n\n"), unknownCoding},
	{"a coding that only looks like chunked", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked\n\n"), unknownCoding},
	{"an empty coding", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\n\n"), unknownCoding},

	// Chunks.
	{"an empty chunk size", chunked("\n"), badChunk},
	{"a chunk size that is not a number", chunked("g\n"), badChunk},
	{"a chunk size with 0x", chunked("0x1\nx\n0\n\n"), badChunk},
	{"a chunk size with a sign", chunked("+1\nx\n0\n\n"), badChunk},
	{"a chunk size below 0", chunked("-1\nx\n0\n\n"), badChunk},
	{"a space before a chunk size", chunked(" 1\nx\n0\n\n"), badChunk},
	{"a space after a chunk size", chunked("1 \nx\n0\n\n"), badChunk},
	{"a tab in a chunk size", chunked("1\t0\nx\n0\n\n"), badChunk},
	{"a chunk size with _", chunked("1_0\nx\n0\n\n"), badChunk},
	{"a chunk extension without a size", chunked(";a\nx\n0\n\n"), badChunk},
	{"a chunk size that ends in LF", chunked("") + "1\nx\r\n0\r\n\r\n", badChunk},
	{"a chunk extension that ends in LF", chunked("") + "1;a\nx\r\n0\r\n\r\n", badChunk},
	{"a CR in a chunk extension", chunked("1;\rx\nx\n0\n\n"), badChunk},
	{"a NUL in a chunk extension", chunked("1;\x00\nx\n0\n\n"), badChunk},
	{"a chunk extension that is too long", chunked("1;" + strings.Repeat("x", 256-3) + "\n"), badChunk},
	{"a chunk extension without an end", chunked("1;" + strings.Repeat("x", 256)), badChunk},
	{"a chunk size beyond 64 bits", chunked("10000000000000001\nx\n0\n\n"), badChunk},
	{"a chunk size beyond 63 bits", chunked("ffffffffffffffff\nx\n0\n\n"), badChunk},
	{"a chunk size of 60 bits", chunked("fffffffffffffff\nx\n0\n\n"), bodyTooLong},
	{"a chunk size of too many zeros", chunked("0000000000000001\nx\n0\n\n"), badChunk},
	{"a chunk longer than its size", chunked("1\nxy\n0\n\n"), badChunk},
	{"a chunk that ends in LF", chunked("1\n") + "x\n0\r\n\r\n", badChunk},
	{"a chunk that ends in CR and no LF", chunked("1\n") + "x\r0\r\n\r\n", badChunk},
	{"chunks too long by 1", chunked("3e8\n" + strings.Repeat("x", 1000) + "\n1\n"), bodyTooLong},
	{"a trailer that is not a field", chunked("0\nx\n\n"), badField},
	{"a trailer that is continued", chunked("0\nT: x\n y\n\n"), badField},
	{"a trailer that ends in LF", chunked("0\n") + "T: x\n\r\n", bareLF},
	{"a trailer that begins with LF", chunked("0\n") + "\n", bareLF},
	{"a trailer too long by 1", chunked("0\nT: " + strings.Repeat("x", 512-6) + "\n\n"), headTooLong},
	{"a trailer without an end", chunked("0\nT: " + strings.Repeat("x", 512)), headTooLong},

	// The rest.
	{"a head too long by 1", crlf("GET / HTTP/1.1\nHost: a\nX: " + strings.Repeat("x", 512-31) + "\n\n"), headTooLong},
	{"a target without an end", "GET /" + strings.Repeat("x", 512), headTooLong},
	{"an expectation that is not known", crlf("GET / HTTP/1.1\nHost: a\nExpect: more\n\n"), unknownExpectation},
	{"two expectations", crlf("GET / HTTP/1.1\nHost: a\nExpect: 100-continue, more\n\n"), unknownExpectation},
}

func chunked(body string) string {
	return crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n" + body)
}

func TestARefusalIsAWholeAnswer(t *testing.T) {
	for _, row := range refusedInputs {
		for _, head := range []bool{false, true} {
			method, answer := "GET", row.want.answer
			if head {
				method, answer = "HEAD", row.want.head
			}
			r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != row.want.status || !r.Close || head != (len(body) == 0) {
				t.Errorf("%q is %s, close %v, %q, %v", answer, r.Status, r.Close, body, err)
			}
			if !strings.HasPrefix(r.Status, strconv.Itoa(r.StatusCode)+" ") {
				t.Errorf("%q has no phrase", answer)
			}
		}
	}
}
