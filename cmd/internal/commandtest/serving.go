package commandtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wasisock/wasisock/internal/porttest"
)

// patience is how long a server may take to be compiled, on a busy machine.
const patience = 2 * time.Minute

// servers are guests that commands have built, and the code that they have compiled.
var servers struct {
	sync.Mutex
	built map[string]string // by command
}

// program has a command build cmd/wasisock/testdata/program, once, in a directory beside the
// command's file, and returns the guest.
func program(t *testing.T, command string) string {
	t.Helper()
	servers.Lock()
	defer servers.Unlock()
	if servers.built[command] == "" {
		file := filepath.Join(filepath.Dir(command), "server.wasm")
		out, err := exec.Command(command, "build", "-ldflags=-s -w", "-o", file, "github.com/wasisock/wasisock/cmd/wasisock/testdata/program").CombinedOutput()
		if err != nil {
			t.Fatalf("%v, %s", err, out)
		}
		servers.built = map[string]string{command: file}
	}
	return servers.built[command]
}

// A Server is a guest that serves HTTP, in a process of the command.
type Server struct {
	T   *testing.T
	Cmd *exec.Cmd
	URL string // of the guest

	mu  sync.Mutex
	out bytes.Buffer // of the command and the guest
}

// Write takes what the command and the guest print.
func (s *Server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

// Output returns what they have printed.
func (s *Server) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// NewServer returns a server that is to listen at --listen, with more flags. change, if not nil,
// is called before it starts.
func NewServer(t *testing.T, command string, change func(*exec.Cmd), flags ...string) *Server {
	t.Helper()
	at := "127.0.0.1:" + porttest.Free(t)
	s := &Server{T: t, URL: "http://" + at}
	args := append([]string{"run", "--cache", filepath.Join(filepath.Dir(command), "cache"), "--listen", at}, flags...)
	s.Cmd = exec.Command(command, append(args, program(t, command), "serve", at)...)
	s.Cmd.Stdout, s.Cmd.Stderr = s, s
	if change != nil {
		change(s.Cmd)
	}
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Cmd.Process.Kill()
		s.Cmd.Wait()
		if t.Failed() {
			t.Log(s.Output())
		}
	})
	return s
}

// Serve is NewServer of one that answers.
func Serve(t *testing.T, command string, flags ...string) *Server {
	t.Helper()
	s := NewServer(t, command, nil, flags...)
	s.Eventually("it answers", func() bool { _, err := s.get(http.DefaultClient, "/"); return err == nil })
	return s
}

// Eventually waits until something is so.
func (s *Server) Eventually(what string, is func() bool) {
	s.T.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.T.Fatalf("it was never so: %s", what)
		}
	}
}

// Says waits until the command or the guest has printed a text.
func (s *Server) Says(text string) {
	s.T.Helper()
	s.Eventually(text, func() bool { return strings.Contains(s.Output(), text) })
}

// Signal sends the command a signal.
func (s *Server) Signal(sig syscall.Signal) {
	s.T.Helper()
	if err := s.Cmd.Process.Signal(sig); err != nil {
		s.T.Error(err)
	}
}

// Exits waits until the command has exited with a code.
func (s *Server) Exits(code int) {
	s.T.Helper()
	s.Cmd.Wait()
	if got := s.Cmd.ProcessState.ExitCode(); got != code {
		s.T.Errorf("exit code %d, want %d", got, code)
	}
}

func (s *Server) get(client *http.Client, path string) (string, error) {
	answer, err := client.Get(s.URL + path)
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

// Load sends requests without a pause, by HTTP/1 and HTTP/2, on connections that are kept and
// on new ones, until stop, which returns how many there were, and reports those that failed.
func (s *Server) Load() (stop func() int) {
	var clients sync.WaitGroup
	var requests atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	for i := range 8 {
		transport := &http.Transport{DisableKeepAlives: i%4 == 0, Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(i%2 == 0)
		transport.Protocols.SetUnencryptedHTTP2(i%2 != 0)
		client := &http.Client{Timeout: time.Minute, Transport: transport}
		clients.Go(func() {
			defer client.CloseIdleConnections()
			for failures := 0; ctx.Err() == nil && failures < 3; requests.Add(1) {
				if text, err := s.get(client, "/"); text != "hello /\n" || err != nil {
					s.T.Errorf("%q, %v", text, err)
					failures++
				}
			}
		})
	}
	return func() int {
		cancel()
		clients.Wait()
		return int(requests.Load())
	}
}

// DrainDelay tests --drain-delay.
func DrainDelay(t *testing.T, command string) {
	const delay = 2 * time.Second
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := Serve(t, command, "--drain-delay", delay.String())
		stop := s.Load()
		time.Sleep(200 * time.Millisecond)
		began := time.Now()
		s.Signal(sig)
		s.Says("server.wasm goes on for 2s before it shuts down; another signal ends it at once\n")
		s.Signal(syscall.SIGHUP) // too late for a new version
		time.Sleep(delay / 2)
		t.Log(stop(), "requests")
		s.Exits(0)
		if took := time.Since(began); took < delay {
			t.Errorf("it ended after %v", took)
		}
		if text := s.Output(); strings.Contains(text, "the new one") {
			t.Error("it has loaded a new version")
		}
	}

	s := Serve(t, command, "--drain-delay", "10m")
	s.Signal(syscall.SIGTERM)
	s.Says("goes on for 10m0s")
	if _, err := s.get(http.DefaultClient, "/"); err != nil {
		t.Error(err)
	}
	began := time.Now()
	s.Signal(syscall.SIGTERM)
	s.Exits(128 + int(syscall.SIGTERM))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the second signal took %v", took)
	}

	s = Serve(t, command, "--drain-delay", "10m") // a guest that ends meanwhile has ended
	s.Signal(syscall.SIGTERM)
	s.Says("goes on for 10m0s")
	s.get(http.DefaultClient, "/exit?4")
	s.Exits(4)
}
