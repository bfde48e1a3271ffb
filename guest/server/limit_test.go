package main

import (
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTimeRunsOut(t *testing.T) {
	half := post("x")[:20]
	body := post(strings.Repeat("x", 10_000))
	for _, row := range []struct {
		sentence string
		input    string
		takes    int // bytes that the client takes, -1 is any number
		after    time.Duration
		want     string
	}{
		{"before the first byte: nothing is said", "", -1, 2 * time.Second, ""},
		{"within the first head", half, -1, 2 * time.Second, string(tooSlow.answer)},
		{"within a later head", get + half, -1, 2 * time.Second, echo("") + string(tooSlow.answer)},
		{"between requests: nothing is said", get, -1, 3 * time.Second, echo("")},
		{"within a body", body[:200], -1, 3 * time.Second, string(tooSlow.answer)},
		{"within chunks", chunked("1\n"), -1, 3 * time.Second, string(tooSlow.answer)},
		{"within a trailer", chunked("0\nT: x"), -1, 3 * time.Second, string(tooSlow.answer)},
		{"while the client takes nothing", get, 0, 5 * time.Second, ""},
		{"while the client takes part", get, 10, 5 * time.Second, echo("")[:10]},
		{"after a refusal", "\x00", -1, lingerTime, string(notHTTP.answer)},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			w := newWorld(t, "-header-timeout=2s", "-idle-timeout=3s", "-write-timeout=5s")
			c := w.connect(row.input)
			c.window = row.takes
			w.run(row.after - time.Millisecond)
			if c.closed() || c.ended && row.input != "\x00" {
				t.Error("too early")
			}
			w.run(2 * time.Millisecond)
			if got := c.output.String(); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			w.run(lingerTime) // the client does not close either
			if !c.closed() {
				t.Error("not closed")
			}
			w.isEmpty()
		})
	}
}

func TestTimeDoesNotRunOutWhileThereIsProgress(t *testing.T) {
	w := newWorld(t, "-header-timeout=2s", "-idle-timeout=3s", "-write-timeout=5s")
	body := strings.Repeat("x", 10*progress)
	c := w.ask("")
	for rest := post(body); rest != ""; {
		n := min(len(rest), progress)
		c.send(rest[:n])
		rest = rest[n:]
		w.run(2900 * time.Millisecond)
	}
	if got := c.output.String(); got != echo(body) {
		t.Fatalf("got %.100q", got)
	}
	c.output.Reset()
	c.window = 0
	c.send(post(body))
	for c.output.Len() < len(echo(body)) {
		if c.closed() {
			t.Fatalf("closed after %d bytes", c.output.Len())
		}
		w.run(4900 * time.Millisecond)
		c.window = progress
		w.run(0)
	}
	if got := c.output.String(); got != echo(body) {
		t.Fatalf("got %d bytes", len(got))
	}
	for range 5 {
		c.window = -1
		w.run(2900 * time.Millisecond)
		c.send(get)
	}
	if c.closed() {
		t.Error("closed between requests that came in time")
	}
}

func TestATrickleIsNotProgress(t *testing.T) {
	for _, row := range []struct {
		sentence, begin, drop string
		limit                 time.Duration
	}{
		{"of a head", "GET / HTTP/1.1\r\n", "X: y\r\n", 2 * time.Second},
		{"of a body", post(strings.Repeat("x", 1000))[:100], "x", 3 * time.Second},
		{"of chunks", chunked(""), "1\r\nx\r\n", 3 * time.Second},
	} {
		w := newWorld(t, "-header-timeout=2s", "-idle-timeout=3s")
		c := w.ask(row.begin)
		for began := w.time; !c.ended; w.run(500 * time.Millisecond) {
			if w.time-began > row.limit+500*time.Millisecond {
				t.Fatalf("a trickle %s goes on", row.sentence)
			}
			c.send(row.drop)
		}
		if got := c.output.String(); got != string(tooSlow.answer) {
			t.Errorf("%s: got %q", row.sentence, got)
		}
	}
}

func TestNoLimitOfTimeIsNone(t *testing.T) {
	w := newWorld(t, "-header-timeout=0", "-idle-timeout=0", "-write-timeout=0", "-quiet")
	clients := []*client{w.ask(""), w.ask(get), w.ask(get[:9]), w.ask(strings.TrimSuffix(post("xy"), "y"))}
	w.run(1000 * time.Hour)
	for i, c := range clients {
		if c.closed() || c.ended {
			t.Errorf("client %d is closed", i)
		}
	}
	if w.waits > 1 {
		t.Errorf("woken %d times", w.waits-1)
	}
}

func TestACrowdOfSlowClientsGoesAndOthersAreServed(t *testing.T) {
	w := newWorld(t, "-header-timeout=2s", "-quiet")
	var crowd []*client
	for i := range 1000 {
		crowd = append(crowd, w.connect(get[:i%len(get)]))
	}
	w.run(0)
	good := w.ask("")
	for range 10 {
		good.send(get)
		w.run(300 * time.Millisecond)
		for _, c := range crowd {
			if !c.ended && !c.closed() {
				c.input += "X"
			}
		}
	}
	if got := good.output.String(); got != strings.Repeat(echo(""), 10) {
		t.Errorf("got %q", got)
	}
	for i, c := range crowd {
		if !c.ended && !c.closed() {
			t.Fatalf("client %d is still there", i)
		}
	}
	w.run(lingerTime)
	if w.server.open != 1 {
		t.Errorf("%d connections are open", w.server.open)
	}
}

func TestTooManyConnectionsAreTold(t *testing.T) {
	w := newWorld(t, "-max-conns=3")
	var served, told []*client
	for range 3 {
		served = append(served, w.ask(get))
	}
	for range spareConns {
		told = append(told, w.ask(get))
	}
	waits := w.connect(get)
	w.run(50 * time.Millisecond)
	if w.waits > 10 {
		t.Errorf("woken %d times while nobody can be accepted", w.waits)
	}
	for _, c := range served {
		if c.output.String() != echo("") || c.closed() {
			t.Errorf("got %q, closed %v", c.output.String(), c.closed())
		}
	}
	for _, c := range told {
		if c.output.String() != string(tooMany.answer) || !c.ended {
			t.Errorf("got %q, ended %v", c.output.String(), c.ended)
		}
	}
	if waits.output.Len() > 0 {
		t.Errorf("a client beyond all limits got %q", waits.output.String())
	}
	told[0].end = io.EOF
	w.run(0)
	if waits.output.String() != string(tooMany.answer) {
		t.Errorf("got %q after another left", waits.output.String())
	}
	w.run(lingerTime)
	served[0].end = io.EOF
	w.run(0)
	if c := w.ask(get); c.output.String() != echo("") {
		t.Errorf("got %q after there was room", c.output.String())
	}
}

func TestAcceptingStopsWhileItFails(t *testing.T) {
	for _, failure := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EACCES} {
		w := newWorld(t)
		old := w.ask(get)
		w.refuse = failure
		late := w.connect(get)
		w.run(10 * acceptPause)
		if w.waits > 40 {
			t.Errorf("%v: woken %d times", failure, w.waits)
		}
		old.send(get)
		if got := old.output.String(); got != echo("")+echo("") {
			t.Errorf("%v: a client got %q", failure, got)
		}
		if n := strings.Count(w.logged.String(), "not accepting"); n != 1 {
			t.Errorf("%v: logged %d times", failure, n)
		}
		w.refuse = nil
		w.run(acceptPause)
		if got := late.output.String(); got != echo("") {
			t.Errorf("%v: a client that waited got %q", failure, got)
		}
	}
}

func TestAcceptingGoesOnWhenAConnectionIsClosed(t *testing.T) {
	w := newWorld(t)
	old := w.ask(get)
	w.refuse = syscall.EMFILE
	late := w.connect(get)
	w.run(acceptPause / 2)
	old.end = io.EOF
	w.refuse = nil
	w.run(0)
	if got := late.output.String(); got != echo("") {
		t.Errorf("got %q", got)
	}
}

func TestAClientThatGoesWhileItIsAcceptedIsNothing(t *testing.T) {
	w := newWorld(t)
	w.refuse = syscall.ECONNABORTED
	if err := w.turn(); err != nil || w.paused {
		t.Errorf("paused is %v, error %v", w.paused, err)
	}
}

func TestMemoryIsLimited(t *testing.T) {
	const limit = 20 * segmentSize
	w := newWorld(t, "-max-memory="+strconv.Itoa(limit), "-max-body=1000000")
	var told int
	for range 50 {
		c := w.ask(post(strings.Repeat("x", 1_000_000))[:2*segmentSize])
		switch c.output.String() {
		case "":
		case string(noMemory.answer):
			told++
		default:
			t.Fatalf("got %q", c.output.String())
		}
		if used := w.pool.used * segmentSize; used > limit {
			t.Fatalf("%d bytes are in use", used)
		}
	}
	if told == 0 || told == 50 {
		t.Errorf("%d of 50 were told", told)
	}
	for _, c := range w.streams {
		c.end = io.EOF
	}
	w.run(lingerTime)
	if c := w.ask(post("x")); c.output.String() != echo("x") {
		t.Errorf("got %q after there was room", c.output.String())
	}
}

func TestAStormOfConnectionsLeavesNothing(t *testing.T) {
	w := newWorld(t, "-quiet")
	for range 200 {
		var storm []*client
		for range 100 {
			storm = append(storm, w.connect(post("x", "Connection: close")))
		}
		w.run(0)
		for _, c := range storm {
			if c.output.Len() == 0 || !c.closed() {
				t.Fatalf("closed is %v, got %q", c.closed(), c.output.String())
			}
		}
	}
	w.isEmpty()
	if len(w.conns) > 2*acceptBatch {
		t.Errorf("%d conns were made", len(w.conns))
	}
}

// FuzzServe: the answers do not depend on how requests and answers are cut.
func FuzzServe(f *testing.F) {
	for _, row := range accepted {
		f.Add([]byte(row.input+get), byte(1), byte(3))
	}
	for _, row := range refusedInputs {
		f.Add([]byte(get+row.input), byte(2), byte(50))
	}
	f.Fuzz(func(t *testing.T, input []byte, piece, window byte) {
		answers := func(piece, window int) string {
			w := newWorld(t, "-max-header=512", "-max-body=1000")
			c := w.connect(string(input))
			c.piece, c.window, c.end = piece, window, io.EOF
			for w.run(0); c.window == 0; w.run(0) {
				c.window = window
			}
			w.isEmpty()
			return strings.ReplaceAll(c.output.String(), goOn, "")
		}
		want := answers(0, -1)
		if got := answers(int(piece)+1, int(window)+1); got != want {
			t.Errorf("pieces of %d, windows of %d: got %q, want %q", piece+1, window+1, got, want)
		}
	})
}
