//go:build linux || darwin

package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var toldEndpoint = regexp.MustCompile(`(?m)^wasisock: (--\w+) is at (http://(127\.0\.0\.1:\d+)/\S+)$`)

// TestEndpoints reads the endpoints of a run while the guest waits.
func TestEndpoints(t *testing.T) {
	const metrics, profiles = "\nwasisock_guests_running 1\n", "full goroutine stack dump"
	for _, test := range []struct {
		name   string
		flags  []string
		want   map[string]string // a part of what is found there, by flag
		places int
	}{
		{"metrics", []string{"--metrics", "127.0.0.1:0"}, map[string]string{"--metrics": metrics}, 1},
		{"pprof", []string{"--pprof", "127.0.0.1:0"}, map[string]string{"--pprof": profiles}, 1},
		{"both", []string{"--metrics", "127.0.0.1:0", "--pprof", "localhost:0"}, map[string]string{"--metrics": metrics, "--pprof": profiles}, 2},
		{"both at one", []string{"--metrics", "127.0.0.1:0", "--pprof", "127.0.0.1:0"}, map[string]string{"--metrics": metrics, "--pprof": profiles}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := child(t, append(test.flags, guest(t), "sleep")...)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			var told strings.Builder
			untilReady(t, io.TeeReader(stderr, &told))
			places := map[string]bool{}
			found := toldEndpoint.FindAllStringSubmatch(told.String(), -1)
			for _, f := range found {
				places[f[3]] = true
				if text := fetch(t, f[2]); test.want[f[1]] == "" || !strings.Contains(text, test.want[f[1]]) {
					t.Errorf("%s has no %q", f[1], test.want[f[1]])
				}
			}
			if len(found) != len(test.want) || len(places) != test.places {
				t.Errorf("told of %q", found)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			began := time.Now()
			cmd.Wait()
			if code, took := cmd.ProcessState.ExitCode(), time.Since(began); code != 128+int(syscall.SIGTERM) || took > time.Second {
				t.Errorf("exit code %d after %v", code, took)
			}
		})
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: time.Minute, Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return string(text)
}

func TestEndpointsEndWithTheRun(t *testing.T) {
	code, _, stderr := start(t, "run", "--metrics", "127.0.0.1:0", "--pprof", "127.0.0.1:0", "GUEST", "exit", "3")
	found := toldEndpoint.FindStringSubmatch(stderr)
	if code != 3 || found == nil {
		t.Fatalf("%d, %q", code, stderr)
	}
	if c, err := net.Dial("tcp", found[3]); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, %v", c, err)
	}
}

func TestEndpointsThatCannotBe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, test := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--metrics", l.Addr().String()}, "wasisock: --metrics " + l.Addr().String() + ": listen tcp"},
		{[]string{"--pprof", l.Addr().String()}, "wasisock: --pprof " + l.Addr().String() + ": listen tcp"},
		{[]string{"--metrics", "9090"}, "--metrics 9090: listen tcp: address 9090: missing port in address; write an address of this machine and a free port, such as 127.0.0.1:9090"},
	} {
		code, stdout, stderr := start(t, append(append([]string{"run"}, test.flags...), "GUEST", "args")...)
		if code != 125 || stdout != "" || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: %d, %q, %q; want %q", test.flags, code, stdout, stderr, test.want)
		}
	}
}
