package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

var testLimits = limits{conns: 10, header: 512, body: 1000}

// found is one thing that a reader found.
type found struct {
	what, body string
	persistent bool
	refused    *refusal
}

// read gives p to a reader in pieces, whose lengths less 1 are sizes, over and over;
// no sizes are one piece. It returns what there is, and what is then still held.
func read(p []byte, sizes []byte) (all []found, rest string) {
	var pool pool
	r := reader{limits: &testLimits, pool: &pool}
	r.reset()
	defer func() {
		if r.reset(); pool.used != 0 {
			panic("segments leak")
		}
	}()
	var held []byte
	for i := 0; ; i++ {
		size := len(p)
		if len(sizes) > 0 {
			size = min(size, 1+int(sizes[i%len(sizes)]))
		}
		if size == 0 {
			return all, string(held)
		}
		// What follows is overwritten, as in a buffer that many use.
		held = append(slices.Clone(held), p[:size]...)
		p = p[size:]
	next:
		n, s, why := r.next(held)
		before := held[:n]
		held = held[n:]
		switch s {
		case expects:
			goto next
		case refused:
			return append(all, found{refused: why}), ""
		case done:
			body := string(r.whole)
			for g := r.body.first; g != nil; g = g.next {
				body += string(g.bytes())
			}
			if r.size() != len(body) {
				panic("size is not that of the body")
			}
			what := string(r.what)
			all = append(all, found{what: what[:min(len(what), maxStore)], body: body, persistent: r.persistent()})
			persistent := r.persistent()
			r.reset()
			if !persistent {
				return all, ""
			}
			if len(held) > 0 {
				goto next
			}
		}
		clear(before)
	}
}

// crlf makes requests legible in tables: a line ends in \n there.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

var accepted = []struct {
	sentence, input string
	want            []found
}{
	{"a request without a body", crlf("GET /x HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "GET /x", persistent: true}}},
	{"any method that is a token", crlf("!#$%&'*+-.^_`|~09 / HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "!#$%&'*+-.^_`|~09 /", persistent: true}}},
	{"a body of Content-Length", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 6\n\nab\n\n"),
		[]found{{what: "POST /", body: "ab\r\n\r\n", persistent: true}}},
	{"a body that is not UTF-8", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 3\n\n") + "\xff\x00\xfe",
		[]found{{what: "POST /", body: "\xff\x00\xfe", persistent: true}}},
	{"the longest body", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 1000\n\n") + strings.Repeat("x", 1000),
		[]found{{what: "POST /", body: strings.Repeat("x", 1000), persistent: true}}},
	{"a length with zeros before it", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 00000000000000000000002\n\nab"),
		[]found{{what: "POST /", body: "ab", persistent: true}}},
	{"a length of 0", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n"),
		[]found{{what: "POST /", persistent: true}}},
	{"POST without a length, in HTTP/1.1", crlf("POST / HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "POST /", persistent: true}}},
	{"names and codings in any case", crlf("POST / HTTP/1.1\nhOST: a\nTRANSFER-encoding: CHUNKED\ncOnNeCtIoN: ClOsE\n\n1\nx\n0\n\n"),
		[]found{{what: "POST /", body: "x"}}},
	{"spaces and tabs around values", crlf("POST / HTTP/1.1\nHost:\t a \t\nContent-Length: \t1 \t\n\nx"),
		[]found{{what: "POST /", body: "x", persistent: true}}},
	{"an empty value", crlf("GET / HTTP/1.1\nHost:\nX:\nConnection:\n\n"),
		[]found{{what: "GET /", persistent: true}}},
	{"a value that is not ASCII", crlf("GET / HTTP/1.1\nHost: a\nX: \xc3\xa9\xff\n\n"),
		[]found{{what: "GET /", persistent: true}}},
	{"one empty line before a request", crlf("\nGET / HTTP/1.1\nHost: a\n\n\nGET / HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "GET /", persistent: true}, {what: "GET /", persistent: true}}},
	{"pipelined requests", crlf("POST /1 HTTP/1.1\nHost: a\nContent-Length: 1\n\nxGET /2 HTTP/1.1\nHost: a\n\nPOST /3 HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1\ny\n0\n\nGET /4 HTTP/1.1\nHost: a\n\n"),
		[]found{{"POST /1", "x", true, nil}, {"GET /2", "", true, nil}, {"POST /3", "y", true, nil}, {"GET /4", "", true, nil}}},
	{"nothing after Connection: close", crlf("GET /1 HTTP/1.1\nHost: a\nConnection: x , close,\n\nGET /2 HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "GET /1"}}},
	{"close prevails over keep-alive", crlf("GET / HTTP/1.0\nConnection: close\nConnection: keep-alive\n\n"),
		[]found{{what: "GET /"}}},
	{"HTTP/1.0", crlf("GET / HTTP/1.0\n\n"),
		[]found{{what: "GET /"}}},
	{"HTTP/1.0 that stays", crlf("POST / HTTP/1.0\nConnection: Keep-Alive\nContent-Length: 1\n\nxGET / HTTP/1.0\n\n"),
		[]found{{"POST /", "x", true, nil}, {what: "GET /"}}},
	{"HTTP/1.0 that expects, which means nothing there", crlf("GET / HTTP/1.0\nExpect: more\n\n"),
		[]found{{what: "GET /"}}},
	{"a minor version to come", crlf("GET / HTTP/1.9\nHost: a\n\n"),
		[]found{{what: "GET /", persistent: true}}},
	{"a whole URL as the target", crlf("GET http://a.b:80/c?d HTTP/1.1\nHost: a.b:80\n\nGET HTTPS://[::1] HTTP/1.1\nHost: [::1]:9\n\nGET http://a?b HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "GET http://a.b:80/c?d", persistent: true}, {what: "GET HTTPS://[::1]", persistent: true}, {what: "GET http://a?b", persistent: true}}},
	{"OPTIONS *", crlf("OPTIONS * HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "OPTIONS *", persistent: true}}},
	{"escapes in the target, and anything in the query", crlf("GET /%41%fF?%zz%\" HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "GET /%41%fF?%zz%\"", persistent: true}}},
	{"Expect: 100-continue", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 1\nExpect: 100-Continue\n\nx"),
		[]found{{what: "POST /", body: "x", persistent: true}}},
	{"Expect: 100-continue and chunks", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nExpect: 100-continue\n\n0\n\n"),
		[]found{{what: "POST /", persistent: true}}},
	{"chunks with extensions and trailers", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3;a=b\nabc\nA;c=\"d\"\n0123456789\n00000\nT: x\nContent-Length: 9\n\nGET / HTTP/1.1\nHost: a\n\n"),
		[]found{{what: "POST /", body: "abc0123456789", persistent: true}, {what: "GET /", persistent: true}}},
	{"trailers of 512 bytes", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\nT: " + strings.Repeat("x", 512-7) + "\n\n"),
		[]found{{what: "POST /", persistent: true}}},
	{"a line of 256 bytes before a chunk", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1;" + strings.Repeat("x", 256-4) + "\ny\n0\n\n"),
		[]found{{what: "POST /", body: "y", persistent: true}}},
	{"chunks of 1000 bytes in all", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3E7\n" + strings.Repeat("x", 999) + "\n1\ny\n0\n\n"),
		[]found{{what: "POST /", body: strings.Repeat("x", 999) + "y", persistent: true}}},
	{"a head of 512 bytes", crlf("GET / HTTP/1.1\nHost: a\nX: " + strings.Repeat("x", 512-32) + "\n\n"),
		[]found{{what: "GET /", persistent: true}}},
	{"nothing", "", nil},
}

// cuts are ways to cut an input.
var cuts = [][]byte{nil, {0}, {1}, {2}, {0, 6}, {255}, {16, 0, 0}}

func TestARequestIsRead(t *testing.T) {
	for _, row := range accepted {
		t.Run(row.sentence, func(t *testing.T) {
			for _, sizes := range cuts {
				got, rest := read([]byte(row.input), sizes)
				if !slices.Equal(got, row.want) || rest != "" {
					t.Errorf("cut %v: got %+v, and %q is left, want %+v", sizes, got, rest, row.want)
				}
			}
		})
	}
}

func TestAMalformedRequestIsRefused(t *testing.T) {
	for _, row := range refusedInputs {
		t.Run(row.sentence, func(t *testing.T) {
			for _, sizes := range cuts {
				got, _ := read([]byte(row.input), sizes)
				if len(got) != 1 || got[0].refused != row.want {
					t.Errorf("cut %v: got %+v, want %q", sizes, got, row.want.reason)
				}
			}
		})
	}
}

func TestWhatIsCutOffChangesNothingBefore(t *testing.T) {
	for _, row := range accepted {
		whole, _ := read([]byte(row.input), nil)
		for cut := range len(row.input) {
			got, _ := read([]byte(row.input[:cut]), nil)
			if len(got) > len(whole) || !slices.Equal(got, whole[:len(got)]) {
				t.Errorf("%s, cut at %d: got %+v", row.sentence, cut, got)
			}
		}
	}
}

// seeds are all inputs of the tables.
func seeds(f *testing.F) {
	for i, row := range accepted {
		f.Add([]byte(row.input), []byte{byte(i)})
	}
	for i, row := range refusedInputs {
		f.Add([]byte(row.input), []byte{byte(i), 1})
	}
}

// FuzzParse: however the input is cut, the same is read.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, input, sizes []byte) {
		want, _ := read(input, nil)
		for _, sizes := range [][]byte{sizes, {0}} {
			if got, _ := read(input, sizes); !slices.Equal(got, want) {
				t.Errorf("cut %v: got %+v, want %+v", sizes, got, want)
			}
		}
	})
}

// FuzzAgree: net/http reads every request that is accepted, and the same in it.
func FuzzAgree(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, input, _ []byte) { agree(t, input) })
}

func TestNetHTTPReadsTheSame(t *testing.T) {
	for _, row := range accepted {
		t.Run(row.sentence, func(t *testing.T) { agree(t, []byte(row.input)) })
	}
}

func agree(t *testing.T, input []byte) {
	if bytes.Contains(bytes.ToLower(input), []byte("\ntrailer")) {
		t.Skip("net/http refuses a Trailer field that names some fields")
	}
	got, _ := read(input, nil)
	std := bufio.NewReaderSize(bytes.NewReader(input), 1<<16)
	for _, f := range got {
		if f.refused != nil {
			return
		}
		if p, _ := std.Peek(2); string(p) == "\r\n" {
			std.Discard(2) // net/http does not skip the empty line
		}
		r, err := http.ReadRequest(std)
		if err != nil {
			t.Fatalf("%+v is refused: %v", f, err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatalf("the body of %+v is refused: %v", f, err)
		}
		want := r.Method + " " + r.RequestURI
		if want = want[:min(len(want), maxStore)]; f.what != want || f.body != string(body) {
			t.Fatalf("got %q and the body %q, net/http %q and %q", f.what, f.body, want, body)
		}
		if f.persistent == r.Close {
			t.Fatalf("%s: persistent is %v, net/http's Close is %v", f.what, f.persistent, r.Close)
		}
	}
}
