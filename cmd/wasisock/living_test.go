//go:build linux || darwin

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/outputtest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// another returns the test program with another word.
var another = sync.OnceValues(func() ([]byte, error) {
	file := filepath.Join(scratch, "another.wasm")
	var stderr bytes.Buffer
	if code := run([]string{"build", "-ldflags=-s -w -X main.word=another", "-o", file, "./testdata/program"}, nil, &stderr, &stderr); code != 0 {
		return nil, fmt.Errorf("%s", stderr.String())
	}
	return os.ReadFile(file)
})

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

// TestGraceHasAnEnd tests that a guest that does not shut down is stopped after --grace.
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

// TestRestart tests that the next guest answers requests that arrive while no guest runs.
func TestRestart(t *testing.T) {
	s := serve(t, program(t), "--restart", "on-failure", "--metrics", "127.0.0.1:0")
	metrics := toldEndpoint.FindStringSubmatch(s.out.String())[2]
	for i := range 3 {
		if text, err := s.try(&s.client, "/exit?4"); err == nil {
			t.Errorf("%q", text)
		}
		if text := s.get("/"); text != "hello /\n" {
			t.Errorf("%q", text)
		}
		s.until(1, fmt.Sprintf("wasisock: program.wasm ended with exit code 4\nwasisock: program.wasm starts again in %v\n", 100*time.Millisecond<<i))
	}
	if text := fetch(t, metrics); !strings.Contains(text, "\nwasisock_guest_restarts_total{reason=\"exit\"} 3\n") || !strings.Contains(text, "\nwasisock_guest_exits_total{kind=\"exit\"} 3\n") {
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
		var out outputtest.Buffer
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

// TestSwap replaces a guest under load. Modules that cannot replace it do not.
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
		s.wantAllAnswered(stop())
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
	s.wantAllAnswered(stop())
	if text := fetch(t, metrics); !strings.Contains(text, "\nwasisock_guest_restarts_total{reason=\"swap\"} 3\n") {
		t.Error(text)
	}
	go s.try(&s.client, "/sleep?2s")
	s.until(1, "asleep")
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

func TestInstancesAreRestartedOneByOne(t *testing.T) {
	s := serve(t, program(t), "--instances", "2", "--restart", "always")
	s.try(&s.client, "/exit?4")
	if text := s.get("/"); text != "hello /\n" { // of the other guest, or of the next
		t.Errorf("%q", text)
	}
	s.until(1, "starts again")
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// TestASignalWhileAnInstanceStarts tests that an instance that does not listen yet ends at once
// after a signal, and is not a failure if another one serves.
func TestASignalWhileAnInstanceStarts(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, program(t), "--instances", "2", "--restart", "always", "--dir", dir+":/dir", "--env", "HOLD=/dir/hold")
	s.until(2, strings.TrimPrefix(s.url, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "hold"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	s.try(&s.client, "/exit?4")
	s.until(1, "held")
	s.get("/")
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

// TestRebuild tests that a package is built again after SIGHUP.
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
	at := "127.0.0.1:" + porttest.Free(t)
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

// TestListenAtADescriptor passes a socket as systemd does.
func TestListenAtADescriptor(t *testing.T) {
	s := serveOn(t, listener(t), program(t))
	if text := s.get("/"); text != "hello /\n" {
		t.Errorf("%q", text)
	}
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}

func TestFlagsOfLiving(t *testing.T) {
	for _, test := range []struct{ flags, want string }{
		{"--instances 2", "--instances needs --listen; name"},
		{"--instances 0", "is not a number above 0"},
		{"--watch", "--watch needs --listen; name"},
		{"--restart sometimes", `invalid value "sometimes": want no, on-failure or always`},
		{"--grace -1s", `invalid duration "-1s"`},
	} {
		args := append(append([]string{"run"}, strings.Fields(test.flags)...), "GUEST", "exit", "0")
		code, _, stderr := start(t, args...)
		if code != 125 || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: %d, %q", test.flags, code, stderr)
		}
	}
	code, _, stderr := start(t, "run", "--watch", "--listen", "tcp:127.0.0.1:"+porttest.Free(t), "./testdata/program")
	if code != 125 || !strings.Contains(stderr, "--watch watches a file; build it with wasisock build") {
		t.Errorf("%d, %q", code, stderr)
	}
}
