//go:build linux || darwin

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wasisock/wasisock/cmd/internal/commandtest"
	"github.com/wasisock/wasisock/internal/outputtest"
	"github.com/wasisock/wasisock/internal/porttest"
)

// A service is a guest that serves, in a process of the command.
type service struct {
	*testing.T
	cmd    *exec.Cmd
	url    string
	out    outputtest.Buffer // of the command and the guest
	client http.Client       // whose every request has a connection of its own
}

// serve runs it with flags, and waits until it answers.
func serve(t *testing.T, file string, flags ...string) *service {
	t.Helper()
	at := "127.0.0.1:" + porttest.Free(t)
	s := serveAt(t, at, nil, append(flags, "--listen", "tcp:"+at), file, "serve", at)
	dial(t, at).Close()
	s.get("/")
	return s
}

// serveOn runs it on a listener that the test has opened, as systemd does.
func serveOn(t *testing.T, l *net.TCPListener, file string) *service {
	t.Helper()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return serveAt(t, l.Addr().String(), []*os.File{f}, []string{"--listen", "fd:3"}, file, "serve", l.Addr().String())
}

func serveAt(t *testing.T, at string, files []*os.File, flags []string, guest ...string) *service {
	t.Helper()
	s := &service{T: t, url: "http://" + at, client: http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}}
	args := append([]string{"run", "--cache", filepath.Join(scratch, "cache")}, flags...)
	s.cmd = exec.Command(executable(t), append(args, guest...)...)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.ExtraFiles = &s.out, &s.out, files
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

const many = 20

// getMany takes long enough for a load to be one.
func (s *service) getMany() {
	s.Helper()
	for range many {
		s.get("/")
	}
}

func (s *service) try(client *http.Client, path string) (string, error) {
	return commandtest.Get(client, s.url+path)
}

// until waits until the command or the guest has said so, n times.
func (s *service) until(n int, text string) {
	s.Helper()
	// A new guest is compiled under load, and perhaps with the race detector.
	for end := time.Now().Add(3 * time.Minute); strings.Count(s.out.String(), text) < n; time.Sleep(10 * time.Millisecond) {
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

// An outcome counts the answers to the requests of a load.
type outcome struct {
	requests    int64
	connections int64 // that were made
	failures    []failure
}

// A failure is a request without its answer.
type failure struct {
	began, ended time.Time
	err          error
}

// load asks without a pause, some clients on connections that they keep and some on
// new ones, until stop.
func (s *service) load() (stop func() outcome) {
	var mu sync.Mutex
	var all outcome
	var connections atomic.Int64
	var clients sync.WaitGroup
	stopped := make(chan struct{})
	for i := range 8 {
		transport := &http.Transport{
			DisableKeepAlives: i%2 == 0,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				if err == nil {
					connections.Add(1)
				}
				return c, err
			},
		}
		client := &http.Client{Timeout: time.Minute, Transport: transport}
		clients.Go(func() {
			defer client.CloseIdleConnections()
			for failures := 0; failures < 10; {
				select {
				case <-stopped:
					return
				default:
				}
				began := time.Now()
				text, err := s.try(client, "/")
				if err == nil && !strings.HasSuffix(text, " /\n") {
					err = fmt.Errorf("%q", text)
				}
				mu.Lock()
				all.requests++
				if err != nil {
					all.failures = append(all.failures, failure{began, time.Now(), err})
					failures++
				}
				mu.Unlock()
			}
		})
	}
	return func() outcome {
		close(stopped)
		clients.Wait()
		all.connections = connections.Load()
		return all
	}
}

func (s *service) wantAllAnswered(got outcome) {
	s.Helper()
	s.Log(got.requests, "requests on", got.connections, "connections")
	for _, f := range got.failures {
		s.Error(f.err)
	}
}
