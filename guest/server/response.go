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
	end := "\r\n\r\n" + answerPrefix
	switch {
	case !r.persistent():
		end = "\r\nConnection: close\r\n\r\n" + answerPrefix
	case r.minor == 0:
		end = "\r\nConnection: keep-alive\r\n\r\n" + answerPrefix
	}
	if r.head {
		return append(out, end[:len(end)-len(answerPrefix)]...)
	}
	return append(append(out, end...), r.whole...)
}
