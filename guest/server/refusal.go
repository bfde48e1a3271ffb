package main

import "strconv"

// A refusal is an answer to what is not served. The connection ends after it.
type refusal struct {
	status int
	reason string
	head   []byte // the answer to HEAD
	answer []byte // the answer to anything else
}

func refuse(status int, phrase, reason string) *refusal {
	body := strconv.Itoa(status) + " " + phrase + ": " + reason + "\n"
	head := "HTTP/1.1 " + strconv.Itoa(status) + " " + phrase +
		"\r\nContent-Type: text/plain\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nConnection: close\r\n\r\n"
	return &refusal{status, reason, []byte(head), []byte(head + body)}
}

// What is refused.
var (
	notHTTP        = refuse(400, "Bad Request", "no request line")
	badRequestLine = refuse(400, "Bad Request", "the request line is not METHOD TARGET HTTP/1.1")
	badTarget      = refuse(400, "Bad Request", "the target is malformed")
	bareLF         = refuse(400, "Bad Request", "a line must end in CR LF")
	badField       = refuse(400, "Bad Request", "a line is not NAME: VALUE")
	badHost        = refuse(400, "Bad Request", "the Host is missing, malformed or not alone")
	badLength      = refuse(400, "Bad Request", "the Content-Length is malformed or not alone")
	badCoding      = refuse(400, "Bad Request", "Transfer-Encoding is not alone, or the request is HTTP/1.0")
	badChunk       = refuse(400, "Bad Request", "a chunk is malformed")

	tooSlow            = refuse(408, "Request Timeout", "the request took too long to arrive")
	lengthRequired     = refuse(411, "Length Required", "HTTP/1.0 needs a Content-Length")
	bodyTooLong        = refuse(413, "Content Too Large", "the body is longer than -max-body")
	unknownExpectation = refuse(417, "Expectation Failed", "100-continue is all that may be expected")
	headTooLong        = refuse(431, "Request Header Fields Too Large", "the head is longer than -max-header")
	unknownCoding      = refuse(501, "Not Implemented", "chunked is the only transfer coding")
	noTunnel           = refuse(501, "Not Implemented", "CONNECT")
	tooMany            = refuse(503, "Service Unavailable", "more connections than -max-conns")
	noMemory           = refuse(503, "Service Unavailable", "more body bytes at once than -max-memory")
	otherVersion       = refuse(505, "HTTP Version Not Supported", "HTTP/1.1 and HTTP/1.0 are")
)
