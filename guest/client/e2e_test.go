//go:build !wasip1

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers connections on loopback with handle, which is given the request
// and owns the connection until it returns. It returns the server's address.
func serve(t *testing.T, handle func(c *net.TCPConn, req *http.Request)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(time.Minute))
				if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					handle(c.(*net.TCPConn), req)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// says answers with text, then closes the connection.
func says(text string) func(*net.TCPConn, *http.Request) {
	return func(c *net.TCPConn, _ *http.Request) { io.WriteString(c, text) }
}

// resetsAfter answers with text, then resets the connection.
func resetsAfter(text string) func(*net.TCPConn, *http.Request) {
	return func(c *net.TCPConn, _ *http.Request) {
		io.WriteString(c, text)
		c.SetLinger(0)
	}
}

// silent answers nothing for as long as the client stays.
func silent(c *net.TCPConn, _ *http.Request) { io.Copy(io.Discard, c) }

// endless sends a body until the client goes.
func endless(c *net.TCPConn, _ *http.Request) {
	io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	for block := make([]byte, 64<<10); ; {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

func TestWhatAServerDoesIsPrinted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		for _, tt := range []struct {
			name   string
			args   []string
			handle func(*net.TCPConn, *http.Request)
			stdout string // ADDR stands for the server's address
			stderr string
		}{
			{"an answer with its headers", nil, says("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello"),
				"http://ADDR/: 200 OK, 5 bytes, T ms\n    A: b\n    Content-Length: 5\n", ""},
			{"an answer with its body", []string{"-q", "-body"}, says("HTTP/1.1 404 Not Found\r\n\r\nhello"),
				"http://ADDR/: 404 Not Found, 5 bytes, T ms\nhello\n", ""},
			{"an answer without a reason", []string{"-q"}, says("HTTP/1.1 204\r\n\r\n"),
				"http://ADDR/: 204, 0 bytes, T ms\n", ""},
			{"an answer in chunks", []string{"-q", "-body"}, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
				"http://ADDR/: 200 OK, 5 bytes, T ms\nhello\n", ""},
			{"an answer after interim ones", []string{"-q"}, says("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
				"http://ADDR/: 200 OK, 0 bytes, T ms\n", ""},
			{"the head alone", []string{"-q", "-X", "HEAD"}, func(c *net.TCPConn, req *http.Request) {
				fmt.Fprintf(c, "HTTP/1.1 200 %s\r\nContent-Length: 5\r\n\r\n", req.Method)
				silent(c, req)
			}, "http://ADDR/: 200 HEAD, 0 bytes, T ms\n", ""},
			{"an echo of what was sent", []string{"-q", "-body", "-d", "name=WasmEdge"}, func(c *net.TCPConn, req *http.Request) {
				body, _ := io.ReadAll(req.Body)
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n\r\n%s %s %s %q", req.Method, req.URL, req.Header.Get("Content-Type"), body)
			}, "http://ADDR/: 200 OK, 56 bytes, T ms\nPOST / application/x-www-form-urlencoded \"name=WasmEdge\"\n", ""},
			{"an answer to a request that was not read", []string{"-q", "-d", strings.Repeat("x", 100_000)}, func(c *net.TCPConn, req *http.Request) {
				io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
				c.CloseWrite()
				silent(c, req)
			}, "http://ADDR/: 413 Content Too Large, 0 bytes, T ms\n", ""},
			{"a byte at a time", []string{"-q", "-body"}, func(c *net.TCPConn, _ *http.Request) {
				for _, b := range []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n") {
					c.Write([]byte{b})
					time.Sleep(time.Millisecond)
				}
			}, "http://ADDR/: 200 OK, 5 bytes, T ms\nhello\n", ""},
			{"an escape in a reason", nil, says("HTTP/1.1 200 \x1b[31mred\r\n\r\n"),
				"", "http://ADDR/: malformed answer: control character 0x1b in the line \"HTTP/1.1 200 \\x1b[31mred\"\n"},

			{"closed without an answer", nil, says(""), "", "http://ADDR/: connection closed before an answer\n"},
			{"closed in the head", nil, says("HTTP/1.1 200 OK\r\nContent-"), "", "http://ADDR/: connection closed in the middle of the head\n"},
			{"closed in the body", nil, says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"),
				"", "http://ADDR/: connection closed after 5 of 100 bytes of body\n"},
			{"reset without an answer", nil, resetsAfter(""), "", "http://ADDR/: connection reset by peer before an answer\n"},
			{"reset in the head", nil, resetsAfter("HTTP/1.1 200 OK\r\nContent-"), "", "http://ADDR/: connection reset by peer in the middle of the head\n"},
			{"reset in the body", nil, resetsAfter("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"),
				"", "http://ADDR/: connection reset by peer after 5 of 100 bytes of body\n"},
			{"reset in a body without a length", nil, resetsAfter("HTTP/1.1 200 OK\r\n\r\nhello"),
				"", "http://ADDR/: connection reset by peer after 5 bytes of body\n"},
			{"not HTTP", nil, says("220 mail.example.com ESMTP\r\n"), "", "http://ADDR/: malformed answer: it does not begin with HTTP/1.\n"},
			{"a malformed status line", nil, says("HTTP/1.1 two hundred\r\n\r\n"),
				"", "http://ADDR/: malformed answer: bad status line \"HTTP/1.1 two hundred\"\n"},
			{"a body that is announced too large", []string{"-max-size", "9"}, says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"),
				"", "http://ADDR/: body is larger than 9 bytes (-max-size)\n"},
			{"a body without an end", []string{"-max-size", "1000000"}, endless, "", "http://ADDR/: body is larger than 1000000 bytes (-max-size)\n"},
			{"a head without an end", nil, says("HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 20000)), "", "http://ADDR/: head is larger than 65536 bytes\n"},
			{"silence", []string{"-timeout", "2s"}, silent, "", "http://ADDR/: timed out after 2s, before an answer\n"},
			{"silence in the body", []string{"-timeout", "2s"}, func(c *net.TCPConn, req *http.Request) {
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")
				silent(c, req)
			}, "", "http://ADDR/: timed out after 2s, after 5 of 9 bytes of body\n"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				addr := serve(t, tt.handle)
				stdout, stderr, status := e.run(t, append(tt.args, "http://"+addr+"/")...)
				if got := stable(stdout, addr); got != tt.stdout {
					t.Errorf("stdout is %q, want %q", got, tt.stdout)
				}
				if got := stable(stderr, addr); got != tt.stderr {
					t.Errorf("stderr is %q, want %q", got, tt.stderr)
				}
				if want := min(len(tt.stderr), 1); status != want {
					t.Errorf("exit status %d, want %d", status, want)
				}
			})
		}
	})
}

func TestWithoutAURLItMakesTheBooksTwoConnections(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		stdout, stderr, _ := e.run(t, "-timeout", "1s")
		if n := strings.Count(stdout+stderr, "http://127.0.0.1:80: "); n != 2 {
			t.Errorf("%d lines of http://127.0.0.1:80, want 2:\n%s%s", n, stdout, stderr)
		}
	})
}

func TestANameIsTriedAtEachOfItsAddresses(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		addr := serve(t, says("HTTP/1.1 200 OK\r\n\r\nhello"))
		url := "http://localhost:" + addr[strings.LastIndexByte(addr, ':')+1:] // which may be [::1] too, where nobody listens
		stdout, stderr, status := e.run(t, "-q", url)
		if want := url + ": 200 OK, 5 bytes, T ms\n"; stable(stdout, addr) != want || status != 0 {
			t.Errorf("stdout is %q, want %q; exit status %d, stderr %s", stdout, want, status, stderr)
		}
	})
}

func TestALargeBodyArrivesWhole(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 8<<20/16)
	for name, handle := range map[string]func(*net.TCPConn, *http.Request){
		"with a length": func(c *net.TCPConn, _ *http.Request) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		},
		"in chunks": func(c *net.TCPConn, _ *http.Request) {
			out := bufio.NewWriterSize(c, 1<<20)
			out.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for rest := body; len(rest) > 0; {
				n := min(len(rest), 10_000)
				fmt.Fprintf(out, "%x\r\n%s\r\n", n, rest[:n])
				rest = rest[n:]
			}
			out.WriteString("0\r\n\r\n")
			out.Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, e engine) {
				addr := serve(t, handle)
				stdout, stderr, status := e.run(t, "-q", "-body", "http://"+addr)
				line, got, _ := strings.Cut(stdout, "\n")
				if got != string(body)+"\n" || status != 0 {
					t.Errorf("%q and %d bytes, exit status %d, stderr %q; want %d bytes and 0", line, len(got)-1, status, stderr, len(body))
				}
			})
		})
	}
}

func TestTwoHundredURLsAreFetchedAtTheSameTime(t *testing.T) {
	const n = 200
	onEveryEngine(t, func(t *testing.T, e engine) {
		var all sync.WaitGroup
		all.Add(n)
		addr := serve(t, func(c *net.TCPConn, req *http.Request) {
			all.Done()
			all.Wait() // nobody is answered before everybody has asked
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"+req.URL.Path)
		})
		args := []string{"-q", "-body", "-parallel", "1000"}
		for i := range n {
			args = append(args, fmt.Sprintf("http://%s/%d", addr, i))
		}
		stdout, stderr, status := e.run(t, args...)
		for i := range n {
			if !strings.Contains(stdout, fmt.Sprintf("\n/%d\n", i)) {
				t.Errorf("no answer to /%d", i)
			}
		}
		if status != 0 || stable(stderr, addr) != "" {
			t.Errorf("exit status %d, stderr:\n%s", status, stderr)
		}
	})
}

func TestNoMoreConnectionsThanAllowedAreOpen(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		var open, most atomic.Int32
		addr := serve(t, func(c *net.TCPConn, _ *http.Request) {
			now := open.Add(1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			time.Sleep(10 * time.Millisecond)
			open.Add(-1)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		})
		args := []string{"-parallel", "3"}
		for range 20 {
			args = append(args, "http://"+addr)
		}
		if _, stderr, status := e.run(t, args...); status != 0 {
			t.Errorf("exit status %d: %s", status, stderr)
		}
		if n := most.Load(); n > 3 {
			t.Errorf("%d connections at a time, want at most 3", n)
		}
	})
}

func TestAnswersArePrintedAsTheyArrive(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		answer := map[string]chan struct{}{"/a": make(chan struct{}), "/b": make(chan struct{}), "/c": make(chan struct{})}
		addr := serve(t, func(c *net.TCPConn, req *http.Request) {
			<-answer[req.URL.Path]
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		})
		cmd := e.cmd(t, "-q", "http://"+addr+"/a", "http://"+addr+"/b", "http://"+addr+"/c")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for _, path := range []string{"/c", "/a", "/b"} {
			close(answer[path])
			line, err := lines.ReadString('\n')
			if want := "http://ADDR" + path + ": 200 OK, 0 bytes, T ms\n"; stable(line, addr) != want {
				t.Fatalf("got %q (%v) when %s was answered, want %q", line, err, path, want)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestWrongUsageSaysWhatIsWrong(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		stdout, stderr, status := e.run(t, "-timeout", "soon", "http://127.0.0.1:1/")
		if want := "client: invalid value \"soon\" for flag -timeout: parse error; see client -help\n"; stdout != "" || stable(stderr, "ADDR") != want || status != 2 {
			t.Errorf("stdout %q, stderr %q, exit status %d; want nothing, %q and 2", stdout, stderr, status, want)
		}
		stdout, stderr, status = e.run(t, "--help")
		if stdout != usage || stable(stderr, "ADDR") != "" || status != 0 {
			t.Errorf("--help: stdout %q, stderr %q, exit status %d; want the usage, nothing and 0", stdout, stderr, status)
		}
	})
}
