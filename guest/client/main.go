// Client fetches any number of URLs at once, in one thread: the non-blocking HTTP
// client of the WasmEdge book. It is a wasip1 program for hosts with the WasmEdge
// socket extension, and does nothing elsewhere.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/wasisock/wasisock/guest/socket"
)

// Exit statuses. An answer is an answer, whatever its status code says.
const (
	exitOK     = 0
	exitFailed = 1 // a URL without a complete answer
	exitUsage  = 2
)

// bookURL is where the book's client makes two connections.
const bookURL = "http://127.0.0.1:80"

const usage = `usage: client [option]... [URL]...

Fetches every URL at once, through one event loop, and prints each answer as it
arrives: its status, headers, size and time. Without a URL it fetches
` + bookURL + ` twice, as the client of the WasmEdge book does.

A URL that gets no complete answer is one line on standard error. Redirections
are printed, not followed. Names are resolved first, by the host, and nothing
else happens meanwhile; an address that does not connect is followed by the next
one of its name.

  -d DATA        send DATA as a form, by POST
  -X METHOD      request method (GET, or POST with -d)
  -body          print bodies, each kept in memory until it is complete
  -q             print no headers
  -timeout TIME  for each URL, from connecting to the end of the answer (30s)
  -max-size N    the largest body to accept, in bytes (67108864)
  -parallel N    how many connections at a time (100)

Exit status: 0 if every URL was answered, 1 if one was not, 2 for wrong usage.

examples:
  wasisock run --allow 'dial tcp 127.0.0.1:1234' client.wasm -d name=WasmEdge -body http://127.0.0.1:1234
  wasmedge client.wasm -timeout 5s http://127.0.0.1:8080/a http://127.0.0.1:8080/b
`

// options are the flags of the command line.
type options struct {
	method      string
	data        []byte // to send; nil means no body
	body, quiet bool
	timeout     time.Duration
	maxSize     int64
	parallel    int
	urls        []string
}

// parse reads a command line. Its error is a line to print.
func parse(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("client", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.method, "X", "", "")
	set.Func("d", "", func(s string) error { o.data = []byte(s); return nil })
	set.BoolVar(&o.body, "body", false, "")
	set.BoolVar(&o.quiet, "q", false, "")
	set.DurationVar(&o.timeout, "timeout", 30*time.Second, "")
	set.Int64Var(&o.maxSize, "max-size", 64<<20, "")
	set.IntVar(&o.parallel, "parallel", 100, "")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.method == "" && o.data == nil:
		o.method = "GET"
	case o.method == "":
		o.method = "POST"
	}
	switch {
	case strings.IndexFunc(o.method, notToken) >= 0:
		return o, fmt.Errorf("-X %q is not a method", o.method)
	case o.method == "CONNECT":
		return o, errors.New("-X CONNECT asks for a tunnel, not for an answer")
	case o.timeout <= 0:
		return o, fmt.Errorf("-timeout %v is not more than 0", o.timeout)
	case o.maxSize < 0:
		return o, fmt.Errorf("-max-size %d is less than 0", o.maxSize)
	case o.parallel < 1:
		return o, fmt.Errorf("-parallel %d is less than 1", o.parallel)
	}
	o.urls = set.Args()
	for _, arg := range o.urls {
		if strings.HasPrefix(arg, "-") {
			return o, fmt.Errorf("%s comes after a URL; options come first", arg)
		}
	}
	if len(o.urls) == 0 {
		o.urls = []string{bookURL, bookURL}
	}
	return o, nil
}

// printer prints answers and failures.
type printer struct {
	options
	out *bufio.Writer
	err io.Writer
}

// report prints how a fetch ended, at once.
func (p *printer) report(f *fetch, took time.Duration, err error) {
	if err != nil {
		fmt.Fprintf(p.err, "%s: %s\n", f.url, reason(err))
		return
	}
	a := &f.answer
	status := strings.TrimSpace(fmt.Sprintf("%d %s", a.status, printable(a.reason)))
	fmt.Fprintf(p.out, "%s: %s, %d bytes, %.1f ms\n", f.url, status, a.size, took.Seconds()*1000)
	if !p.quiet {
		for _, h := range a.header {
			fmt.Fprintf(p.out, "    %s: %s\n", h.name, printable(h.value))
		}
	}
	if p.body {
		p.out.Write(a.body)
		if n := len(a.body); n > 0 && a.body[n-1] != '\n' {
			p.out.WriteByte('\n')
		}
	}
	p.out.Flush()
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(stdout, usage)
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "client: %v; see client -help\n", err)
		return exitUsage
	}
	targets := make([]target, len(o.urls))
	for i, url := range o.urls {
		targets[i] = newTarget(url, o.method, o.data)
	}
	resolve(targets, socket.Lookup)

	p := &printer{options: o, out: bufio.NewWriter(stdout), err: stderr}
	l := &loop{options: o, report: p.report}
	if l.run(targets) > 0 {
		return exitFailed
	}
	if err := p.out.Flush(); err != nil { // it keeps the first error
		fmt.Fprintf(stderr, "client: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
