//go:build linux || darwin

package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listener returns a listener that the test owns.
func listener(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// accepted returns how many connections guests have accepted, according to the metrics at url.
func accepted(t *testing.T, url string) (n int64) {
	t.Helper()
	_, text, _ := strings.Cut(fetch(t, url), "\nwasisock_connections_accepted_total ")
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Error(err)
	}
	return n
}

// TestRestartUnderLoad tests that only requests fail that a guest had when it ended, and that every
// connection reached a guest.
func TestRestartUnderLoad(t *testing.T) {
	for _, test := range []struct{ when, path, code string }{
		{"on-failure", "/exit?4", "4"},
		{"on-failure", "/crash", "2"},
		{"always", "/exit?0", "0"},
	} {
		s := serve(t, program(t), "--restart", test.when, "--metrics", "127.0.0.1:0")
		metrics := toldEndpoint.FindStringSubmatch(s.out.String())[2]
		before := accepted(t, metrics)
		stop := s.load()
		var from, to [3]time.Time // of the time in which the end came
		for i := range from {
			s.getMany()
			from[i] = time.Now()
			if text, err := s.try(&s.client, test.path); err == nil {
				t.Errorf("%q", text)
			}
			s.until(i+1, "ended with exit code "+test.code+"\n")
			to[i] = time.Now()
		}
		s.get("/")
		got := stop()
		t.Log(test.path, got.requests, "requests,", len(got.failures), "failures")
		for _, f := range got.failures {
			inIt := false
			for i := range from {
				inIt = inIt || f.ended.After(from[i]) && f.began.Before(to[i])
			}
			if !inIt || errors.Is(f.err, syscall.ECONNREFUSED) {
				t.Error(test.path, f.err)
			}
		}
		made := got.connections + int64((many+1)*len(from)+1)
		if n := accepted(t, metrics) - before; n != made {
			t.Errorf("%s: %d connections, and guests accepted %d", test.path, made, n)
		}
		s.signal(syscall.SIGTERM)
		s.wantExit(0)
	}
}

// TestAnotherProcess tests that with a listener that outlives the command, all requests are
// answered, by the command that SIGTERM ends or by the next one.
func TestAnotherProcess(t *testing.T) {
	l := listener(t)
	s := serveOn(t, l, program(t))
	stop := s.load()
	for range 3 {
		s.getMany()
		s.signal(syscall.SIGTERM)
		s.wantExit(0)
		s = serveOn(t, l, program(t))
	}
	s.get("/")
	s.wantAllAnswered(stop())
	s.signal(syscall.SIGTERM)
	s.wantExit(0)
}
