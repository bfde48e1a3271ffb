//go:build linux || darwin

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/porttest"
)

// pause is longer than anything that is taken for the end of a request.
const pause = 600 * time.Millisecond

func clientOf(http2 bool) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), ExpectContinueTimeout: time.Minute}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	return &http.Client{Timeout: time.Minute, Transport: transport}
}

// late is a body of parts that come with pauses before them.
func late(parts int, part string) io.Reader {
	r, w := io.Pipe()
	go func() {
		for range parts {
			time.Sleep(pause)
			io.WriteString(w, part)
		}
		w.Close()
	}()
	return r
}

// work begins requests that take more than a second, each of another kind, and returns when
// all are in work.
func (s *service) work() (wait func()) {
	s.Helper()
	var all sync.WaitGroup
	expect := func(name, want string, do func() (string, error)) {
		all.Go(func() {
			if got, err := do(); got != want || err != nil {
				s.Errorf("%s: %q, %v; want %q", name, got, err, want)
			}
		})
	}
	const slow = "/sleep?1500ms"
	stream := "/stream?" + pause.String()
	sleeping := 0
	for _, http2 := range []bool{false, true} {
		name := map[bool]string{false: "HTTP/1", true: "HTTP/2"}[http2]
		get := func(client *http.Client, path string) func() (string, error) {
			return func() (string, error) { return s.try(client, path) }
		}
		expect(name, "hello /sleep\n", get(clientOf(http2), slow))
		used := clientOf(http2)
		if _, err := s.try(used, "/"); err != nil {
			s.Error(err)
		}
		expect(name+", a used connection", "hello /sleep\n", get(used, slow))
		expect(name+", a stream with pauses", "hello hello hello hello /stream\n", get(clientOf(http2), stream))
		send := func(expects, body string, r io.Reader) func() (string, error) {
			return func() (string, error) {
				req, err := http.NewRequest("PUT", s.url+"/upload", r)
				if err != nil {
					return "", err
				}
				if expects != "" {
					req.Header.Set("Expect", expects)
				}
				res, err := clientOf(http2).Do(req)
				if err != nil {
					return "", err
				}
				defer res.Body.Close()
				text, err := io.ReadAll(res.Body)
				return string(text), err
			}
		}
		expect(name+", a body in parts", "30 <nil>\n", send("", "", late(3, "0123456789")))
		sleeping += 2
		if !http2 {
			expect(name+", a body after 100 Continue", "20 <nil>\n", send("100-continue", "", late(2, "0123456789")))
		}
	}
	beside := clientOf(true)
	expect("HTTP/2, a long request", "hello /sleep\n", func() (string, error) { return s.try(beside, slow) })
	expect("HTTP/1, a header in parts", "HTTP/1.1 200 OK\r\n", func() (string, error) {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			return "", err
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\n")
		time.Sleep(2 * pause)
		io.WriteString(c, "Host: x\r\n\r\n")
		return bufio.NewReader(c).ReadString('\n')
	})
	s.until(sleeping+1, "asleep\n")
	s.until(3, "uploads\n")
	if text, err := s.try(beside, "/"); text != "hello /\n" || err != nil {
		s.Errorf("a short request beside a long one: %q, %v", text, err)
	}
	return all.Wait
}

// TestSignalsCutNothing: a guest that handles no signal answers what is in work, and then
// ends.
func TestSignalsCutNothing(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		s := serve(t, program(t), "--grace", "30s")
		wait := s.work()
		s.signal(sig)
		if sig == syscall.SIGHUP {
			s.until(1, "the old one ends\n")
			wait = s.and(wait, s.work())
		}
		wait()
		if sig == syscall.SIGHUP {
			s.until(1, "ended with exit code 3\n")
			s.signal(syscall.SIGTERM)
		}
		s.wantExit(0)
		if text := s.out.String(); strings.Contains(text, "open\n") {
			t.Error("it reports connections that were cut")
		}
	}
}

func (s *service) and(a, b func()) func() { return func() { a(); b() } }

// TestSwapsUnderLoad: clients that keep their connections do not notice a new version.
func TestSwapsUnderLoad(t *testing.T) {
	s := serve(t, program(t))
	var clients sync.WaitGroup
	var mu sync.Mutex
	requests, failed := 0, 0
	stopped := make(chan struct{})
	for i := range 16 {
		clients.Go(func() {
			client := clientOf(i%2 == 0)
			for {
				select {
				case <-stopped:
					return
				case <-time.After(time.Duration(i) * time.Millisecond):
				}
				text, err := s.try(client, "/")
				mu.Lock()
				if requests++; text != "hello /\n" || err != nil {
					failed++
					t.Errorf("%q, %v", text, err)
				}
				mu.Unlock()
			}
		})
	}
	const swaps = 6
	for i := range swaps {
		s.signal(syscall.SIGHUP)
		s.until(i+1, "the old one ends\n")
		s.until(i+1, "ended with exit code 3\n")
	}
	close(stopped)
	clients.Wait()
	t.Logf("%d requests, %d failed, over %d new versions", requests, failed, swaps)
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// TestOtherProtocols: of a protocol that is not HTTP, nothing says that a conversation is
// over but its end. What is cut when there is no time left is counted.
func TestOtherProtocols(t *testing.T) {
	start := func(grace string, conversations int) (*service, []*bufio.ReadWriter) {
		at := "127.0.0.1:" + porttest.Free(t)
		s := serveAt(t, at, nil, []string{"--listen", at, "--grace", grace}, program(t), "talk", at)
		s.until(1, at)
		var all []*bufio.ReadWriter
		for range conversations {
			c := dial(t, at)
			t.Cleanup(func() { c.Close() })
			rw := bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c))
			if line, err := rw.ReadString('\n'); line != "hello\n" {
				t.Fatalf("%q, %v", line, err)
			}
			all = append(all, rw)
		}
		return s, all
	}
	s, conversations := start("1m", 3)
	s.signal(syscall.SIGTERM)
	s.until(1, "wasisock: program.wasm is shutting down, for 1m0s at most, with 3 connections open; another signal ends it at once\n")
	for i, rw := range conversations {
		fmt.Fprintf(rw, "%d\nbye\n", i)
		rw.Flush()
		if rest, err := io.ReadAll(rw); string(rest) != fmt.Sprintf("hello %d\n", i) || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
	}
	s.wantExit(0)
	if text := s.out.String(); strings.Contains(text, "ended with") {
		t.Error("it reports connections that were cut")
	}

	for n, want := range []string{"", "1 connection", "2 connections"} {
		s, _ := start("1s", n)
		s.signal(syscall.SIGTERM)
		s.wantExit(0)
		if text := s.out.String(); (n == 0) == strings.Contains(text, "wasisock: program.wasm ended with "+want) {
			t.Errorf("%d conversations: %q", n, text)
		}
	}
}

// TestPIDFile: a file names the process to signal, and is removed at the end, but by nobody else.
func TestPIDFile(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/wasisock.pid"
	s := serve(t, program(t), "--pid-file", file)
	want := fmt.Sprintln(s.cmd.Process.Pid)
	if text, err := os.ReadFile(file); string(text) != want || err != nil {
		t.Errorf("it has %q, %v; want %q", text, err, want)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
	if text, err := os.ReadFile(file); err == nil {
		t.Errorf("%q is left", text)
	}

	s = serve(t, program(t), "--pid-file", file)
	if err := os.WriteFile(file, []byte("1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
	if text, err := os.ReadFile(file); string(text) != "1\n" {
		t.Errorf("the file of another process has %q, %v", text, err)
	}

	var stderr bytes.Buffer
	if code := run([]string{"run", "--pid-file", dir + "/none/x", program(t)}, nil, &stderr, &stderr); code != 125 || !strings.Contains(stderr.String(), "--pid-file: ") || !strings.Contains(stderr.String(), "none/x") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}
