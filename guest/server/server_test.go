package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func post(body string, fields ...string) string {
	return crlf("POST / HTTP/1.1\nHost: a\n"+strings.Join(append(fields, ""), "\n")+
		"Content-Length: "+strconv.Itoa(len(body))+"\n\n") + body
}

func echo(body string) string {
	return crlf("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: "+
		strconv.Itoa(len("echo: ")+len(body))+"\n\n") + "echo: " + body
}

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

func TestARequestIsAnswered(t *testing.T) {
	for _, row := range []struct {
		sentence, input, want string
		stays                 bool
	}{
		{"the book's request", post("name=WasmEdge"), echo("name=WasmEdge"), true},
		{"without a body", get, echo(""), true},
		{"HEAD has the length of an answer and no body", crlf("HEAD / HTTP/1.1\nHost: a\nContent-Length: 1\n\nx"),
			strings.TrimSuffix(echo("x"), "echo: x"), true},
		{"Connection: close", post("x", "Connection: close"),
			crlf("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 7\nConnection: close\n\necho: x"), false},
		{"HTTP/1.0", crlf("GET / HTTP/1.0\n\n"),
			crlf("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 6\nConnection: close\n\necho: "), false},
		{"HTTP/1.0 that stays", crlf("GET / HTTP/1.0\nConnection: keep-alive\n\n"),
			crlf("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 6\nConnection: keep-alive\n\necho: "), true},
		{"a body that is not UTF-8", post("\xff\x00\xfe"), echo("\xff\x00\xfe"), true},
		{"a body as long as a segment", post(strings.Repeat("x", segmentSize)), echo(strings.Repeat("x", segmentSize)), true},
		{"a body longer than a read", post(strings.Repeat("x", 3*readRoom)), echo(strings.Repeat("x", 3*readRoom)), true},
		{"chunks", chunked("3\nabc\n2\nde\n0\nT: x\n\n"), echo("abcde"), true},
		{"HEAD with chunks", strings.Replace(chunked("3\nabc\n0\n\n"), "POST", "HEAD", 1),
			strings.TrimSuffix(echo("abc"), "echo: abc"), true},
		{"pipelined requests, in order", post("1") + get + chunked("1\n2\n0\n\n") + post("3"),
			echo("1") + echo("") + echo("2") + echo("3"), true},
		{"a body that is awaited already", post("x", "Expect: 100-continue"), echo("x"), true},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			for _, piece := range []int{0, 1, 7} {
				w := newWorld(t)
				c := w.connect(row.input)
				if c.piece = piece; piece > 0 && len(row.input) > readRoom {
					c.piece = 1000 * piece
				}
				w.run(0)
				if got := strings.ReplaceAll(c.output.String(), goOn, ""); got != row.want {
					t.Fatalf("pieces of %d: got %.300q, want %.300q", piece, got, row.want)
				}
				if c.closed() == row.stays {
					t.Errorf("closed is %v", c.closed())
				}
				c.end = io.EOF
				w.run(0)
				w.isEmpty()
			}
		})
	}
}

func TestTheClientIsToldToGoOn(t *testing.T) {
	w := newWorld(t)
	c := w.ask(crlf("POST / HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 1\n\n"))
	if got := c.output.String(); got != goOn {
		t.Fatalf("got %q", got)
	}
	c.send("x" + strings.TrimSuffix(chunked(""), "\r\n") + "Expect: 100-Continue\r\n\r\n")
	if got := c.output.String(); got != goOn+echo("x")+goOn {
		t.Fatalf("got %q", got)
	}
	c.send("0\r\n\r\n")
	if got := c.output.String(); got != goOn+echo("x")+goOn+echo("") {
		t.Fatalf("got %q", got)
	}
}

func TestTheClientIsNotToldToGoOnWithoutNeed(t *testing.T) {
	for _, input := range []string{
		post("x", "Expect: 100-continue"),
		post("", "Expect: 100-continue"),
		strings.TrimSuffix(post("xy", "Expect: 100-continue"), "y"),
		crlf("POST / HTTP/1.0\nExpect: 100-continue\nContent-Length: 1\n\n"),
		crlf("POST / HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 99999999\n\n"),
	} {
		if c := newWorld(t).ask(input); strings.Contains(c.output.String(), "100 Continue") {
			t.Errorf("%q: got %q", input, c.output.String())
		}
	}
}

// everything is a session with all there is to cut.
var everything = post("ab") + chunked("1\nx\n0\nT: x\n\n") + get + post("cd", "Connection: close")

var everythingEchoed = echo("ab") + echo("x") + echo("") +
	strings.Replace(echo("cd"), "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)

func TestAClientMayGoAtAnyByte(t *testing.T) {
	for _, end := range []error{io.EOF, syscall.ECONNRESET} {
		for cut := range len(everything) {
			w := newWorld(t)
			other := w.ask(get)
			c := w.ask(everything[:cut])
			if !strings.HasPrefix(everythingEchoed, c.output.String()) {
				t.Errorf("cut at %d: got %q", cut, c.output.String())
			}
			c.end = end
			w.run(0)
			if !c.closed() {
				t.Errorf("cut at %d: not closed after %v", cut, end)
			}
			other.send(get)
			if got := other.output.String(); got != echo("")+echo("") {
				t.Errorf("cut at %d: another client got %q", cut, got)
			}
			other.end = end
			w.run(0)
			w.isEmpty()
		}
	}
}

func TestAClientMayGoBeforeItIsAccepted(t *testing.T) {
	for _, end := range []error{io.EOF, syscall.ECONNRESET} {
		for _, input := range []string{"", get, post("x")[:20]} {
			w := newWorld(t)
			c := w.connect(input)
			c.end = end
			w.run(0)
			if !c.closed() {
				t.Errorf("%q: not closed after %v", input, end)
			}
			w.isEmpty()
		}
	}
}

func TestAClientMayGoAtAnyByteOfItsAnswer(t *testing.T) {
	input, want := everything+post(strings.Repeat("x", 100_000)), everythingEchoed
	input = strings.Replace(input, "Connection: close\r\n", "", 1)
	want = strings.Replace(want, "Connection: close\r\n", "", 1) + echo(strings.Repeat("x", 100_000))
	for cut := 0; cut < len(want); cut += 1 + cut/3 {
		w := newWorld(t)
		c := w.connect(input)
		c.window = cut
		w.run(0)
		if got := c.output.String(); got != want[:cut] {
			t.Fatalf("got %.200q, want %.200q", got, want[:cut])
		}
		c.end, c.window = syscall.EPIPE, -1
		w.run(0)
		if !c.closed() {
			t.Errorf("cut at %d: not closed", cut)
		}
		w.isEmpty()
	}
}

func TestASlowReaderGetsEverything(t *testing.T) {
	for _, step := range []int{1, 100, 5000, 1_000_000} {
		w := newWorld(t)
		input, want := "", ""
		for i := range 3 {
			body := strings.Repeat(strconv.Itoa(i), step*7)
			input += post(body) + chunked(strconv.FormatInt(int64(len(body)), 16)+"\n") + body + "\r\n0\r\n\r\n" + get
			want += echo(body) + echo(body) + echo("")
		}
		c := w.connect(input)
		c.window, c.end = 0, io.EOF
		for w.run(0); !c.closed(); w.run(0) {
			if c.window > 0 {
				t.Fatal("the server waits, though the client takes more")
			}
			if held := len(w.conns[0].held); held > readRoom+w.header {
				t.Fatalf("%d bytes of input are held", held)
			}
			c.window = step
		}
		if c.output.String() != want {
			t.Errorf("got %d bytes, want %d", c.output.Len(), len(want))
		}
		w.isEmpty()
	}
}

func TestAClientThatTakesNothingIsNotRead(t *testing.T) {
	w := newWorld(t)
	c := w.ask("")
	c.window = 0
	c.send(get)
	reads := c.reads
	c.send(get)
	if c.reads != reads {
		t.Errorf("read %d times while an answer waited", c.reads-reads)
	}
	c.window = -1
	w.run(0)
	if got := c.output.String(); got != echo("")+echo("") {
		t.Errorf("got %q", got)
	}
}

func TestAThousandPipelinedRequests(t *testing.T) {
	for _, window := range []int{-1, 10, 40_000} {
		w := newWorld(t)
		input, want := "", ""
		for i := range 1000 {
			input += post(strconv.Itoa(i))
			want += echo(strconv.Itoa(i))
		}
		c := w.connect(input)
		c.window = window
		for w.run(0); c.window == 0; w.run(0) {
			c.window = window
		}
		if c.output.String() != want {
			t.Errorf("got %d bytes, want %d", c.output.Len(), len(want))
		}
	}
}

func TestARefusedClientReadsWhy(t *testing.T) {
	for _, row := range refusedInputs {
		w := newWorld(t, "-max-header=512", "-max-body=1000")
		c := w.ask(get + row.input)
		want := echo("") + string(row.want.answer)
		if strings.HasPrefix(row.input, "HEAD") {
			want = echo("") + string(row.want.head)
		}
		if got := c.output.String(); got != want {
			t.Errorf("%s: got %q, want %q", row.sentence, got, want)
		}
		if c.closed() || !c.ended {
			t.Errorf("%s: closed is %v, ended %v", row.sentence, c.closed(), c.ended)
		}
		c.send(get) // is not answered
		c.end = io.EOF
		w.run(0)
		if c.output.String() != want || !c.closed() {
			t.Errorf("%s: closed is %v after the end, got %q", row.sentence, c.closed(), c.output.String())
		}
		w.isEmpty()
	}
}

func TestABodyThatIsTooLongIsDrainedForAWhile(t *testing.T) {
	w := newWorld(t, "-max-body=10")
	c := w.ask(post(strings.Repeat("x", 100_000)))
	if c.input != "" || c.output.String() != string(bodyTooLong.answer) {
		t.Errorf("%d bytes are not read, got %q", len(c.input), c.output.String())
	}
	for range 2 * lingerBytes / 100_000 {
		if c.closed() {
			w.isEmpty()
			return
		}
		c.send(strings.Repeat("x", 100_000))
	}
	t.Error("never closed")
}

func TestLittleIsHeldForAnIdleConnection(t *testing.T) {
	w := newWorld(t)
	for _, input := range []string{get, post(strings.Repeat("x", 100_000)), get[:5]} {
		c := w.connect(input)
		c.piece = 5000
		w.run(0)
	}
	if w.pool.used != 0 {
		t.Errorf("%d segments are in use", w.pool.used)
	}
	for _, c := range w.conns {
		if cap(c.held) > maxIdleHeld {
			t.Errorf("%d bytes are held", cap(c.held))
		}
	}
}

func TestNothingIsAllocatedForARequest(t *testing.T) {
	w := newWorld(t)
	c := w.ask(get)
	c.deaf = true
	for _, input := range []string{
		post("name=WasmEdge"),
		crlf("GET / HTTP/1.1\nHost: [::1]:1234\n\n"),
		chunked("3\nabc\n0\n\n"),
		post(strings.Repeat("x", 2*readRoom)),
	} {
		n := testing.AllocsPerRun(50, func() {
			c.input = input
			for c.input != "" {
				w.now = c.time
				w.ready(w.conns[0])
			}
			w.log.text = w.log.text[:0]
		})
		if n > 0 {
			t.Errorf("%.40q: %v allocations", input, n)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	w := newWorld(b, "-quiet")
	c := w.ask(get)
	c.deaf = true
	conn := w.conns[0]
	b.ReportAllocs()
	for b.Loop() {
		c.input = "GET / HTTP/1.1\r\nHost: 127.0.0.1:1234\r\n\r\n"
		w.now += time.Microsecond
		w.ready(conn)
	}
}

// TestAListenerThatWasShutDown: what was begun is answered, and then the server ends.
func TestAListenerThatWasShutDown(t *testing.T) {
	w := newWorld(t)
	idle, fresh := w.ask(get), w.ask("")
	begun, answered := w.ask(strings.TrimSuffix(post("xy"), "y")), w.ask("")
	answered.window = 0
	answered.send(get)
	w.refuse = os.NewSyscallError("sock_accept", syscall.EINVAL)
	w.run(0)
	if !idle.closed() || !fresh.closed() || begun.closed() || answered.closed() {
		t.Errorf("%v %v %v %v", idle.closed(), fresh.closed(), begun.closed(), answered.closed())
	}
	begun.send("y")
	if begun.output.String() != echo("xy") || !begun.closed() {
		t.Errorf("%q, closed %v", begun.output.String(), begun.closed())
	}
	answered.window = -1
	if err := w.turn(); err != errClosed {
		t.Error(err)
	}
	if answered.output.String() != echo("") {
		t.Errorf("%q", answered.output.String())
	}
	w.isEmpty()
}

// TestASignal: what is in the queue and what was begun is answered, and then the server ends.
func TestASignal(t *testing.T) {
	for _, paused := range []bool{false, true} {
		w := newWorld(t)
		idle, begun := w.ask(get), w.ask(strings.TrimSuffix(post("xy"), "y"))
		if paused {
			w.refuse = syscall.EMFILE
			w.run(0)
		}
		queued := w.connect(get)
		w.signalled = true
		w.run(0)
		want := echo("")
		if paused { // it cannot be accepted
			want = ""
		}
		if !w.shut || !idle.closed() || begun.closed() || queued.output.String() != want {
			t.Errorf("paused %v: %v %v %v %q", paused, w.shut, idle.closed(), begun.closed(), queued.output.String())
		}
		w.signalled = true // which changes nothing
		w.run(0)
		begun.input += "y"
		if err := w.turn(); err != errClosed {
			t.Error(err)
		}
		if begun.output.String() != echo("xy") {
			t.Errorf("paused %v: %q", paused, begun.output.String())
		}
	}
}
