package main

import "strconv"

const (
	answerHead   = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
	answerPrefix = "echo: "
	goOn         = "HTTP/1.1 100 Continue\r\n\r\n"
)

// appendAnswer appends the answer to the request that is done, but for a body that
// came in parts.
func appendAnswer(out []byte, r *reader) []byte {
	out = append(out, answerHead...)
	out = strconv.AppendInt(out, int64(len(answerPrefix)+r.size()), 10)
	switch {
	case !r.persistent():
		out = append(out, "\r\nConnection: close\r\n\r\n"...)
	case r.minor == 0:
		out = append(out, "\r\nConnection: keep-alive\r\n\r\n"...)
	default:
		out = append(out, "\r\n\r\n"...)
	}
	if r.head {
		return out
	}
	out = append(out, answerPrefix...)
	return append(out, r.whole...)
}
