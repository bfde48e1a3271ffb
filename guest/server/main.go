// Server is the poll HTTP server of the WasmEdge book: one thread and one loop over
// packages poll and socket. It answers every request with "echo: " and the
// request's body.
//
//	GOOS=wasip1 GOARCH=wasm go build -o server.wasm ./guest/server
//	wasmedge server.wasm -addr 127.0.0.1:1234
//	curl -d name=WasmEdge http://127.0.0.1:1234
//
// It speaks HTTP/1.1 and HTTP/1.0, with persistent connections, pipelining, chunked
// bodies and Expect: 100-continue. Every method but CONNECT is answered 200; an
// answer has its length, its type, text/plain without a charset, because a body may
// be anything, and no date. Answers begin when a body is complete.
//
// # What it refuses
//
// A connection ends after a refusal, once its client has had the time to read it.
//
//   - 400: whatever a proxy on the way could understand otherwise. A line that does
//     not end in CR LF, a space before a colon or a chunk size, a continued line, a
//     control character, no Host or two, a Content-Length that is not digits alone,
//     two of them even if they agree, one beside a Transfer-Encoding, or that in
//     HTTP/1.0.
//   - 408: a head or body that does not arrive in time. Silence between requests, or
//     before the first, is answered with nothing.
//   - 411: POST or PUT in HTTP/1.0 without a length, whose body would end when the
//     connection does. In HTTP/1.1 there is no body then.
//   - 413, 417, 431, 505: as RFC 9110 has them.
//   - 501: CONNECT, and transfer codings other than chunked, once.
//   - 503: more connections, or bytes of bodies, than the flags allow.
//
// # What it holds
//
// A connection holds at most one body, one head and 128 KiB more. While its answer
// waits to be taken nothing is read from it. An idle one holds at most 4 KiB.
//
// Time runs out for a body or an answer of which less than 4 KiB move meanwhile.
// When descriptors run out, the connections there are go on, and the others wait in
// the system's queue.
//
// After SIGTERM or SIGINT, or when the host shuts down its listener, the server answers the
// requests that it has begun to read, closes the connections and ends. WasmEdge has no
// signals, and never does so.
//
// Lines of the log for which stdout has no room are dropped and counted, so that a
// pipe which nobody reads, or a terminal stopped with Ctrl-S, delays nobody. Only a
// terminal that has died without saying so may stop the server.
package main

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/wasisock/wasisock/guest/poll"
	"github.com/wasisock/wasisock/guest/socket"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns only when the server cannot start, or not go on: 2 is a mistake in
// the arguments, 1 anything else, and 0 means that the server was shut down, or that there
// was only help to give.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args)
	if err == errHelp {
		io.WriteString(stdout, usage())
		return 0
	}
	if err != nil {
		io.WriteString(stderr, "server: "+err.Error()+"; -help prints all flags\n")
		return 2
	}
	l, err := listen(o.addr, o.dual)
	if err != nil {
		io.WriteString(stderr, "server: listen "+o.addr.String()+": "+err.Error()+"\n")
		return 1
	}
	at, err := l.LocalAddr()
	if err == nil {
		io.WriteString(stdout, "listening on "+at.String()+"\n")
		err = serve(l, &o)
	}
	if err == errClosed {
		return 0
	}
	io.WriteString(stderr, "server: "+err.Error()+"\n")
	return 1
}

// listen listens. Where there is no IPv6, all addresses are those of IPv4.
func listen(addr netip.AddrPort, dual bool) (*socket.Listener, error) {
	// What the server sends goes out at once, where the host can do that.
	noDelay := func(s *socket.Socket) error {
		socket.NoDelay.Set(s, true)
		return nil
	}
	l, err := socket.Listen(socket.Addr{AddrPort: addr}, 0, noDelay)
	if dual && errors.Is(err, syscall.EAFNOSUPPORT) {
		addr = netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())
		l, err = socket.Listen(socket.Addr{AddrPort: addr}, 0, noDelay)
	}
	return l, err
}

func serve(l *socket.Listener, o *options) error {
	begin := time.Now()
	poller := new(poll.Poll)
	if err := poller.Notify(signalToken, syscall.SIGTERM, syscall.SIGINT); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	s := server{
		limits:   o.limits,
		quiet:    o.quiet,
		poller:   poller,
		listener: tcp{l},
		clock:    func() time.Duration { return time.Since(begin) },
	}
	if err := s.start(); err != nil {
		return err
	}
	s.log.open(s.poller, writeStdout)
	for {
		if err := s.turn(); err != nil {
			return err
		}
	}
}
