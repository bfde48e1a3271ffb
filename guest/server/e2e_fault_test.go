//go:build unix

package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// faults are things that clients do and a server must survive. Each runs against the
// same server, which has a header timeout of 5 s.
var faults = []struct {
	sentence string
	do       func(*served)
}{
	{"a reset right after connecting", func(s *served) {
		for range 50 {
			reset(s.dial())
		}
	}},
	{"a reset at any byte", func(s *served) {
		for cut := range len(everything) {
			c := s.dial()
			io.WriteString(c, everything[:cut])
			reset(c)
		}
	}},
	{"an end at any byte", func(s *served) {
		for cut := range len(everything) {
			c := s.dial()
			io.WriteString(c, everything[:cut])
			c.CloseWrite()
			got, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(everythingEchoed, string(got)) {
				s.Errorf("cut at %d: got %q, %v", cut, got, err)
			}
			c.Close()
		}
	}},
	{"a byte at a time", func(s *served) {
		c := s.dial()
		defer c.Close()
		go func() {
			for i := range len(everything) {
				io.WriteString(c, everything[i:i+1])
				time.Sleep(200 * time.Microsecond)
			}
		}()
		s.askOn(c, "", everythingEchoed)
	}},
	{"a body in a segment of its own", func(s *served) {
		c := s.dial()
		defer c.Close()
		head, body, _ := strings.Cut(post("name=WasmEdge"), "\r\n\r\n")
		io.WriteString(c, head+"\r\n\r\n")
		time.Sleep(50 * time.Millisecond)
		s.askOn(c, body, echo("name=WasmEdge"))
	}},
	{"a body that is not UTF-8", func(s *served) {
		s.ask(post("\xff\x00\xfe"), echo("\xff\x00\xfe"))
	}},
	{"a slow reader of 3 MB", func(s *served) {
		c := s.dial()
		defer c.Close()
		c.SetReadBuffer(64 << 10)
		body := random(3 << 20)
		want := echo(body)
		go io.WriteString(c, post(body))
		var got bytes.Buffer
		for got.Len() < len(want) {
			s.works() // others are served meanwhile
			if _, err := io.CopyN(&got, c, int64(min(200_000, len(want)-got.Len()))); err != nil {
				s.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got.String() != want {
			s.Error("the answer is another")
		}
	}},
	{"a reader that goes within an answer", func(s *served) {
		c := s.dial()
		io.WriteString(c, post(random(3<<20)))
		io.CopyN(io.Discard, c, 1000)
		reset(c)
	}},
	{"8 MB, and the same in chunks", func(s *served) {
		body := random(8 << 20)
		s.ask(post(body)+get, echo(body)+echo(""))
		s.ask(chunked("800000\n")+body+"\r\n0\r\n\r\n"+get, echo(body)+echo(""))
	}},
	{"a body that is too long", func(s *served) {
		c := s.dial()
		defer c.Close()
		body := random(17 << 20)
		io.WriteString(c, post(body)) // all of it, before reading
		s.askOn(c, "", string(bodyTooLong.answer))
	}},
	{"1,000 pipelined requests", func(s *served) {
		s.ask(strings.Repeat(post("x"), 1000), strings.Repeat(echo("x"), 1000))
	}},
	{"what is malformed", func(s *served) {
		for _, row := range refusedInputs {
			if row.want.status == 400 {
				s.ask(row.input, string(row.want.answer))
			}
		}
	}},
	{"a storm of connections", func(s *served) {
		var storm []*net.TCPConn
		for range 300 {
			c := s.dial()
			defer c.Close()
			io.WriteString(c, get)
			storm = append(storm, c)
		}
		for _, c := range storm {
			s.askOn(c, "", echo(""))
		}
	}},
	{"a crowd that sends heads slowly", func(s *served) {
		var crowd []*net.TCPConn
		for i := range 100 {
			c := s.dial()
			defer c.Close()
			io.WriteString(c, get[:i%20])
			crowd = append(crowd, c)
		}
		s.works()
		for i, c := range crowd {
			want := ""
			if i%20 > 0 {
				want = string(tooSlow.answer)
			}
			if got, err := io.ReadAll(c); string(got) != want || err != nil {
				s.Fatalf("slow client %d got %q, %v", i, got, err)
			}
		}
	}},
	{"SIGSTOP and SIGCONT", func(s *served) {
		c := s.dial()
		defer c.Close()
		s.askOn(c, get, echo(""))
		for range 3 {
			s.cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(50 * time.Millisecond)
			s.cmd.Process.Signal(syscall.SIGCONT)
			time.Sleep(50 * time.Millisecond)
			s.askOn(c, get, echo(""))
			s.works()
		}
	}},
	{"20,000 connections, one after another", func(s *served) {
		n := 20_000
		if testing.Short() {
			n = 200
		}
		input := post("x", "Connection: close")
		want := strings.Replace(echo("x"), "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
		for range n {
			s.ask(input, want)
		}
	}},
	{"nothing at all", (*served).rests},
}

func TestTheServerSurvives(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		s := e.serve(t, 0, nil, "-header-timeout=5s")
		s.works()
		for _, f := range faults {
			t.Run(f.sentence, func(t *testing.T) {
				s.TB = t
				f.do(s)
				s.works()
				eventually(t, "the connections are closed", func() bool {
					n, ok := s.sockets()
					return n <= 1 || !ok
				})
			})
			s.TB = t
		}
	})
}

func TestDescriptorsRunOut(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		const files = 64
		s := e.serve(t, files, nil)
		served := s.dial()
		defer served.Close()
		s.askOn(served, get, echo(""))
		var crowd []*net.TCPConn
		for range 2 * files {
			crowd = append(crowd, s.dial()) // the system's queue takes those that cannot be accepted
		}
		eventually(t, "the log has the error", func() bool { return strings.Contains(s.logged(), "not accepting: ") })
		s.rests()
		s.askOn(served, post("still here"), echo("still here"))
		for _, c := range crowd[:files] {
			c.Close()
		}
		for _, c := range crowd[files:] {
			s.askOn(c, get, echo("")) // as the others go
			c.Close()
		}
		s.works()
	})
}

// reset closes a connection with a RST.
func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// random is n bytes that are not text.
func random(n int) string {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{})
	r.Read(b)
	return string(b)
}

// TestASignalLosesNoRequest: wasisock shuts down the listener, and the server ends.
func TestASignalLosesNoRequest(t *testing.T) {
	s := engine{wasisock(t), "run", "--allow-all"}.serve(t, 0, nil)
	idle, begun := s.dial(), s.dial()
	defer idle.Close()
	defer begun.Close()
	s.askOn(idle, post("1"), echo("1"))
	s.askOn(begun, post("2")+strings.TrimSuffix(post("345"), "45"), echo("2"))
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if n, err := idle.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d, %v on an idle connection", n, err)
	}
	s.askOn(begun, "45", echo("345"))
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
