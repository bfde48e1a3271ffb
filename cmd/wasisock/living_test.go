//go:build linux || darwin

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// another is program with another word.
var another = sync.OnceValues(func() ([]byte, error) {
	file := filepath.Join(scratch, "another.wasm")
	var stderr bytes.Buffer
	if code := run([]string{"build", "-ldflags=-s -w -X main.word=another", "-o", file, "./testdata/program"}, nil, &stderr, &stderr); code != 0 {
		return nil, fmt.Errorf("%s", stderr.String())
	}
	return os.ReadFile(file)
})

// A lockedBuffer is written by a process and read by a test.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A service is a guest that serves, in a process of the command.
type service struct {
	*testing.T
	cmd    *exec.Cmd
	url    string
	out    lockedBuffer // of the command and the guest
	client http.Client  // whose every request has a connection of its own
}

// serve runs it with flags, and waits until it answers.
func serve(t *testing.T, file string, flags ...string) *service {
	t.Helper()
	at := "127.0.0.1:" + freePort(t)
	s := &service{T: t, url: "http://" + at, client: http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}}
	args := append([]string{"run", "--cache", filepath.Join(scratch, "cache"), "--listen", "tcp:" + at}, flags...)
	s.cmd = exec.Command(executable(t), append(args, file, "serve", at)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		if t.Failed() {
			t.Log(s.out.String())
		}
	})
	dial(t, at).Close()
	s.get("/")
	return s
}

// dial waits until somebody listens there.
func dial(t *testing.T, at string) net.Conn {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", at)
		if err == nil {
			return c
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// get waits for as long as compiling takes: connections wait for who accepts them.
func (s *service) get(path string) string {
	s.Helper()
	text, err := s.try(&s.client, path)
	if err != nil {
		s.Error(err)
	}
	return text
}

func (s *service) try(client *http.Client, path string) (string, error) {
	answer, err := client.Get(s.url + path)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, answer.Status)
	}
	return string(text), err
}

// until waits until the command or the guest has said so, n times.
func (s *service) until(n int, text string) {
	s.Helper()
	for end := time.Now().Add(time.Minute); strings.Count(s.out.String(), text) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("it did not say %q", text)
		}
	}
}

func (s *service) signal(sig os.Signal) {
	s.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.Error(err)
	}
}

func (s *service) wantExit(code int) {
	s.Helper()
	s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.Errorf("exit code %d, want %d", got, code)
	}
}

// load asks without a pause, some clients on connections that they keep and some on
// new ones, until stop. No request may fail, with which stop tells how many there were.
func (s *service) load() (stop func() (requests int64)) {
	var n atomic.Int64
	var clients sync.WaitGroup
	stopped := make(chan struct{})
	for i := range 8 {
		client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
		clients.Go(func() {
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stopped:
					return
				default:
				}
				n.Add(1)
				if text, err := s.try(client, "/"); err != nil || !strings.HasSuffix(text, " /\n") {
					s.Errorf("request %d: %q, %v", n.Load(), text, err)
					return
				}
			}
		})
	}
	return func() int64 {
		close(stopped)
		clients.Wait()
		return n.Load()
	}
}

func TestASignalLosesNoRequest(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := serve(t, program(t))
		idle := http.Client{Transport: new(http.Transport)}
		if _, err := s.try(&idle, "/"); err != nil {
			t.Error(err)
		}
		answered := make(chan string, 1)
		go func() { answered <- s.get("/sleep?1s") }()
		s.until(1, "asleep")
		s.signal(sig)
		if text := <-answered; text != "hello /sleep\n" {
			t.Errorf("%q", text)
		}
		s.wantExit(0)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	s := serve(t, program(t))
	go s.try(&s.client, "/sleep?1h")
	s.until(1, "asleep")
	s.signal(syscall.SIGINT)
	s.until(1, "another signal ends it at once")
	s.signal(syscall.SIGTERM)
	s.wantExit(128 + int(syscall.SIGTERM))
}

func TestNoGrace(t *testing.T) {
	s := serve(t, program(t), "--grace", "0s")
	go s.try(&s.client, "/sleep?1h")
	s.until(1, "asleep")
	s.signal(syscall.SIGTERM)
	s.wantExit(128 + int(syscall.SIGTERM))
}

// TestGraceHasAnEnd: a guest that heeds nothing is stopped.
func TestGraceHasAnEnd(t *testing.T) {
	cmd := child(t, "--allow-all", "--grace=100ms", guest(t), "busy")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	untilReady(t, stderr)
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d", code)
	}
}

// TestRestart: what comes while no guest runs is answered by the next.
func TestRestart(t *testing.T) {
	s := serve(t, program(t), "--restart", "on-failure", "--metrics", "127.0.0.1:0")
	metrics := toldEndpoint.FindStringSubmatch(s.out.String())[2]
	for i := range 3 {
		if text, err := s.try(&s.client, "/exit"); err == nil {
			t.Errorf("%q", text)
		}
		if text := s.get("/"); text != "hello /\n" {
			t.Errorf("%q", text)
		}
		s.until(1, fmt.Sprintf("wasisock: program.wasm ended with exit code 4\nwasisock: program.wasm starts again in %v\n", 100*time.Millisecond<<i))
	}
	if text := fetch(t, metrics); !strings.Contains(text, "\nwasisock_guest_restarts_total 3\n") || !strings.Contains(text, "\nwasisock_guest_exits_total{kind=\"exit\"} 3\n") {
		t.Error(text)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

func TestRestartOfWhatEnds(t *testing.T) {
	for _, test := range []struct {
		when, guest, args, want string
	}{
		{"on-failure", guest(t), "exit 3", "wasisock: guest.wasm ended with exit code 3\nwasisock: guest.wasm starts again in 400ms\n"},
		{"always", guest(t), "exit 0", "wasisock: guest.wasm ended with exit code 0\nwasisock: guest.wasm starts again in 400ms\n"},
		{"on-failure", file(t, "trap.wasm", trapping), "", "wasisock: trap.wasm starts again in 400ms\n"},
	} {
		cmd := child(t, append([]string{"--restart", test.when, test.guest}, strings.Fields(test.args)...)...)
		var out lockedBuffer
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); !strings.Contains(out.String(), test.want) && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 143 || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s %s: %d, %q", test.when, test.args, code, out.String())
		}
	}
	for _, test := range []struct {
		when, code string
	}{{"on-failure", "0"}, {"no", "3"}} {
		if code, _, stderr := start(t, "run", "--restart", test.when, "GUEST", "exit", test.code); fmt.Sprint(code) != test.code || stderr != "" {
			t.Errorf("--restart %s, exit %s: %d, %s", test.when, test.code, code, stderr)
		}
	}
}

// TestSwap replaces a guest under load, and what cannot take its place does not.
func TestSwap(t *testing.T) {
	before, err := os.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	after, err := another()
	if err != nil {
		t.Fatal(err)
	}
	for _, watch := range []bool{false, true} {
		file := file(t, "app.wasm", string(before))
		replace := func(wasm []byte) {
			if err := os.WriteFile(file, wasm, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		s := serve(t, file, "--watch="+fmt.Sprint(watch))
		stop := s.load()
		next := func() {
			if !watch {
				s.signal(syscall.SIGHUP)
			}
		}
		for i, bad := range []string{trapping, "no module", ending} {
			replace([]byte(bad))
			next()
			s.until(i+1, "; the old one goes on\n")
		}
		if text := s.get("/"); text != "hello /\n" {
			t.Errorf("%q", text)
		}
		replace(after)
		next()
		s.until(1, "wasisock: app.wasm: the new one serves, and the old one ends\n")
		s.until(1, "wasisock: app.wasm ended with exit code 3\n")
		if text := s.get("/"); text != "another /\n" {
			t.Errorf("%q", text)
		}
		t.Log(stop(), "requests")
		s.signal(syscall.SIGTERM)
		s.wantExit(0)
	}
}

func TestInstances(t *testing.T) {
	s := serve(t, program(t), "--instances", "3", "--metrics", "127.0.0.1:0")
	metrics := toldEndpoint.FindStringSubmatch(s.out.String())[2]
	seen := map[string]bool{}
	var mu sync.Mutex
	for end := time.Now().Add(time.Minute); len(seen) < 3 && time.Now().Before(end); {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				text := s.get("/mine")
				mu.Lock()
				defer mu.Unlock()
				seen[text] = true
			})
		}
		all.Wait()
	}
	if text := fetch(t, metrics); len(seen) != 3 || !strings.Contains(text, "\nwasisock_guests_running 3\n") {
		t.Errorf("%d guests have answered; %s", len(seen), text)
	}
	stop := s.load()
	s.signal(syscall.SIGHUP)
	s.until(1, "the new one serves")
	s.until(3, "ended with exit code 3\n")
	t.Log(stop(), "requests")
	go s.try(&s.client, "/sleep?2s")
	s.until(1, "asleep")
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

func TestInstancesAreRestartedOneByOne(t *testing.T) {
	s := serve(t, program(t), "--instances", "2", "--restart", "always")
	s.try(&s.client, "/exit")
	if text := s.get("/"); text != "hello /\n" { // of the other guest, or of the next
		t.Errorf("%q", text)
	}
	s.until(1, "starts again")
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// TestRebuild: a package is built again after SIGHUP.
func TestRebuild(t *testing.T) {
	dir := t.TempDir()
	source := func(word string) {
		text := fmt.Sprintf(`package main

import (
	"net"
	"os"
)

func main() {
	l, err := net.Listen("tcp", os.Args[2])
	for err == nil {
		var c net.Conn
		if c, err = l.Accept(); err == nil {
			c.Write([]byte("%s"))
			c.Close()
		}
	}
}
`, word)
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	source("one")
	at := "127.0.0.1:" + freePort(t)
	s := &service{T: t}
	s.cmd = exec.Command(executable(t), "run", "--cache", "-", "--listen", "tcp:"+at, filepath.Join(dir, "main.go"), "serve", at)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer s.cmd.Process.Kill()
	word := func() string {
		c := dial(t, at)
		defer c.Close()
		text, _ := io.ReadAll(c)
		return string(text)
	}
	if text := word(); text != "one" {
		t.Errorf("%q", text)
	}
	source(`"`)
	s.signal(syscall.SIGHUP)
	s.until(1, "; the old one goes on")
	source("two")
	s.signal(syscall.SIGHUP)
	s.until(1, "the new one serves")
	s.until(1, "ended with exit code 0")
	if text := word(); text != "two" {
		t.Errorf("%q", text)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// TestListenAtADescriptor is what systemd does with a socket of its own.
func TestListenAtADescriptor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().String()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{T: t, url: "http://" + at}
	s.cmd = exec.Command(executable(t), "run", "--cache", filepath.Join(scratch, "cache"), "--listen", "fd:3", program(t), "serve", at)
	s.cmd.Stderr, s.cmd.ExtraFiles = &s.out, []*os.File{f}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	defer s.cmd.Process.Kill()
	if text := s.get("/"); text != "hello /\n" {
		t.Errorf("%q", text)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

func TestFlagsOfLiving(t *testing.T) {
	for _, test := range []struct{ flags, want string }{
		{"--instances 2", "--instances needs --listen; name"},
		{"--instances 0", "is no number above 0"},
		{"--watch", "--watch needs --listen; name"},
		{"--restart sometimes", `"sometimes" is none; write no, on-failure or always`},
		{"--grace -1s", `"-1s" is no time`},
	} {
		args := append(append([]string{"run"}, strings.Fields(test.flags)...), "GUEST", "exit", "0")
		code, _, stderr := start(t, args...)
		if code != 125 || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: %d, %q", test.flags, code, stderr)
		}
	}
	code, _, stderr := start(t, "run", "--watch", "--listen", "tcp:127.0.0.1:"+freePort(t), "./testdata/program")
	if code != 125 || !strings.Contains(stderr, "--watch watches a file; build it with wasisock build") {
		t.Errorf("%d, %q", code, stderr)
	}
}
