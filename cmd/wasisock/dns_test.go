//go:build linux || darwin

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/wasisock/wasisock/internal/porttest"
)

// nameserver starts a nameserver that answers every A query with 127.0.0.1, and counts the queries.
func nameserver(t *testing.T) (addr string, asked *atomic.Int32) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	asked = new(atomic.Int32)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			asked.Add(1)
			m.Response, m.Additionals = true, nil
			for _, q := range m.Questions {
				if q.Type == dnsmessage.TypeA {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
						Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
					})
				}
			}
			if b, err := m.Pack(); err == nil {
				c.WriteTo(b, from)
			}
		}
	}()
	return c.LocalAddr().String(), asked
}

// TestDNS runs an ordinary program that looks a name up: with the host's function if it has no
// /etc/resolv.conf, and with DNS messages to the host if it has a directory at /.
func TestDNS(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello ", r.Host) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	url := "http://app.wasisock.test:" + port
	rule := "dial tcp app.wasisock.test:" + port
	for _, dirs := range [][]string{nil, {"--dir", t.TempDir() + ":/"}, {"--dir", t.TempDir() + ":/etc"}, {"--dir", t.TempDir() + ":/data"}} {
		for _, test := range []struct {
			flags  []string
			want   string // of the outcome
			stderr string
			asked  bool
		}{
			{[]string{"--allow", rule + " in 127.0.0.0/8"}, "hello app.wasisock.test:" + port, "", true},
			{[]string{"--allow", "resolve *", "--allow", "dial tcp 127.0.0.1:*"}, "hello app.wasisock.test:" + port, "", true},
			{[]string{"--allow", rule}, "", "wasisock: refused: dial tcp 127.0.0.1:" + port, true}, // it is not a loopback name
			{[]string{"--allow", "dial tcp *.wasisock.test:*"}, "", "wasisock: refused: dial tcp 127.0.0.1:" + port, true},
			{[]string{"--allow", "dial tcp 127.0.0.1:*"}, "", "wasisock: refused: resolve app.wasisock.test; ", false},
			{[]string{"--learn"}, "hello app.wasisock.test:" + port,
				"wasisock: this run needed\n  --allow 'dial tcp 127.0.0.1:" + port + "'\n  --allow 'resolve app.wasisock.test'\n", true},
		} {
			addr, asked := nameserver(t)
			args := append([]string{"run", "--dns", addr}, dirs...)
			code, stdout, stderr := start(t, append(append(args, test.flags...), program(t), "get", url)...)
			if (code == 0) != (test.want != "") || !strings.Contains(stdout, test.want) || !strings.Contains(stderr, test.stderr) || asked.Load() > 0 != test.asked {
				t.Errorf("%q %q: %d, %q, %q, asked %d times", dirs, test.flags, code, stdout, stderr, asked.Load())
			}
		}
	}
}

func TestNameserversThatAreNone(t *testing.T) {
	for _, v := range []string{"", "hosts", "example.com", "1.2.3", "1.2.3.4:", "1.2.3.4:65536", "::1:x"} {
		code, _, stderr := start(t, "run", "--dns", v, "GUEST", "args")
		if code != 125 || !strings.Contains(stderr, "is not a nameserver; write host, passthrough, or an address") {
			t.Errorf("%q: %d, %q", v, code, stderr)
		}
	}
}

// largeNameserver starts a nameserver for large.example, an alias of pods.example. That has 100
// addresses, more than fit into a datagram.
func largeNameserver(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Skipf("%v: somebody else has this port of UDP; run it again", err)
	}
	t.Cleanup(func() { c.Close() })
	answer := func(query []byte, datagram bool) []byte {
		var m dnsmessage.Message
		if m.Unpack(query) != nil || len(m.Questions) != 1 {
			return nil
		}
		m.Response, m.Additionals = true, nil
		q := m.Questions[0]
		if q.Name.String() != "large.example." {
			m.RCode = dnsmessage.RCodeNameError
		} else if q.Type == dnsmessage.TypeA {
			pods := dnsmessage.MustNewName("pods.example.")
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.CNAMEResource{CNAME: pods}})
			for i := range 100 {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: pods, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte{10, 2, 0, byte(i)}},
				})
			}
		}
		b, _ := m.Pack()
		if datagram && len(b) > 512 {
			m.Truncated, m.Answers = true, nil
			b, _ = m.Pack()
		}
		return b
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			c.WriteTo(answer(buf[:n], true), from)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var length [2]byte
			io.ReadFull(c, length[:])
			query := make([]byte, binary.BigEndian.Uint16(length[:]))
			io.ReadFull(c, query)
			b := answer(query, false)
			c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
			c.Close()
		}
	}()
	return l.Addr().String()
}

// TestLargeAnswers looks names up by the host's function, and by DNS messages.
func TestLargeAnswers(t *testing.T) {
	addr := largeNameserver(t)
	for _, dirs := range [][]string{nil, {"--dir", t.TempDir() + ":/etc"}} {
		for name, want := range map[string]string{
			"large.example": "100 pods.example.\n", "large.example.": "100 pods.example.\n", "none.example.": "",
		} {
			args := append([]string{"run", "--allow-all", "--dns", addr}, dirs...)
			code, stdout, stderr := start(t, append(args, program(t), "lookup", name)...)
			if stdout != want || (code == 0) != (want != "") || want == "" && !strings.Contains(stderr, "no such host") {
				t.Errorf("%q %s: %d, %q, %q", dirs, name, code, stdout, stderr)
			}
		}
	}
	code, _, stderr := start(t, "run", "--dns", addr, program(t), "lookup", "large.example")
	if code != 3 || !strings.Contains(stderr, ": write: permission denied: no rule allows it to resolve large.example\n") {
		t.Errorf("%d, %q", code, stderr)
	}
	code, stdout, stderr := start(t, "run", "--dns", addr, program(t), "dial", "large.example:80")
	if code != 3 || stdout != "true\n" || !strings.Contains("\n"+stderr, "\ndial tcp: lookup large.example: permission denied: no rule allows it to resolve large.example\n") {
		t.Errorf("a name that is refused: %d, %q, %q", code, stdout, stderr)
	}
	code, stdout, stderr = start(t, "run", "--allow-all", "--dns", addr, program(t), "dial", "none.example:80")
	if code != 3 || stdout != "false\n" || stderr != "dial tcp: lookup none.example: no such host\n" {
		t.Errorf("a name that is not there: %d, %q, %q", code, stdout, stderr)
	}
}

// TestLocalhostOfListeners tests that a guest with listeners can look localhost up without a rule.
func TestLocalhostOfListeners(t *testing.T) {
	for _, dirs := range [][]string{nil, {"--dir", t.TempDir() + ":/etc"}} {
		args := append([]string{"run", "--listen", "tcp:127.0.0.1:" + porttest.Free(t)}, dirs...)
		code, stdout, stderr := start(t, append(args, program(t), "lookup", "localhost")...)
		if code != 0 || !strings.HasSuffix(stdout, " localhost.\n") || strings.Contains(stderr, "refused") {
			t.Errorf("%q: %d, %q, %q", dirs, code, stdout, stderr)
		}
	}
}
