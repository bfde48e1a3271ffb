package commandtest

import (
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

	"github.com/wasisock/wasisock/internal/outputtest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// patience is how long a server may take to be compiled and to start, on a busy machine.
const patience = 2 * time.Minute

// servers holds the guest that a command has built.
var servers struct {
	sync.Mutex
	built map[string]string // keyed by command
}

// program returns the guest that a command builds from cmd/wasisock/testdata/program. The guest is
// built once, beside the command's file.
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
	URL string // where the guest serves

	out outputtest.Buffer // of the command and the guest
}

// Output returns the output of the command and the guest until now.
func (s *Server) Output() string { return s.out.String() }

// NewServer starts a server that listens at --listen, with more flags. change, if not nil, is
// called before it starts.
func NewServer(t *testing.T, command string, change func(*exec.Cmd), flags ...string) *Server {
	t.Helper()
	at := "127.0.0.1:" + porttest.Free(t)
	return newServerAt(t, command, at, change, append(flags, "--listen", at)...)
}

// newServerAt starts a server whose guest listens at an address. When the test has ended, it kills
// the server.
func newServerAt(t *testing.T, command, at string, change func(*exec.Cmd), flags ...string) *Server {
	t.Helper()
	s := &Server{T: t, URL: "http://" + at}
	args := append([]string{"run", "--cache", filepath.Join(filepath.Dir(command), "cache")}, flags...)
	s.Cmd = exec.Command(command, append(args, program(t, command), "serve", at)...)
	s.Cmd.Stdout, s.Cmd.Stderr = &s.out, &s.out
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

// Serve starts a server and waits until it answers.
func Serve(t *testing.T, command string, flags ...string) *Server {
	t.Helper()
	s := NewServer(t, command, nil, flags...)
	s.Eventually("it answers", func() bool { _, err := Get(http.DefaultClient, s.URL+"/"); return err == nil })
	return s
}

// Eventually waits until is returns true. After patience, the test fails.
func (s *Server) Eventually(what string, is func() bool) {
	s.T.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.T.Fatalf("it was never so: %s", what)
		}
	}
}

// Says waits until the output has text.
func (s *Server) Says(text string) {
	s.T.Helper()
	s.Eventually(text, func() bool { return strings.Contains(s.Output(), text) })
}

// Signal sends sig to the command.
func (s *Server) Signal(sig syscall.Signal) {
	s.T.Helper()
	if err := s.Cmd.Process.Signal(sig); err != nil {
		s.T.Error(err)
	}
}

// Exits waits until the command has exited, and checks the code.
func (s *Server) Exits(code int) {
	s.T.Helper()
	s.Cmd.Wait()
	if got := s.Cmd.ProcessState.ExitCode(); got != code {
		s.T.Errorf("exit code %d, want %d", got, code)
	}
}

// Get returns the body that the server at url answers. A status other than 200 is an error.
func Get(client *http.Client, url string) (string, error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, answer.Status)
	}
	return string(text), err
}

// Load sends requests without a pause, with HTTP/1 and HTTP/2, on kept and on new connections,
// until stop is called. Failed requests are errors of the test. stop returns the number of
// requests.
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
				if text, err := Get(client, s.URL+"/"); text != "hello /\n" || err != nil {
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
