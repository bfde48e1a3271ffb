//go:build linux || darwin

package wazero

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
)

// TestGuestsOfStealthrocket runs a program built with that library, which calls the
// host in ways that WasmEdge does not survive.
func TestGuestsOfStealthrocket(t *testing.T) {
	if testing.Short() {
		t.Skip("with the race detector it takes a minute to compile net/http")
	}
	m, err := compile(t.Context(), built(t, "../../testdata/foreign/stealthrocket"), cached())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	policy, err := host.ParsePolicy("dial tcp 127.0.0.1:*", "listen tcp 127.0.0.1:*",
		"listen udp 127.0.0.1:*", "send udp 127.0.0.1:*", "dial unix *", "listen unix *")
	if err != nil {
		t.Fatal(err)
	}
	serve := func(args ...string) string {
		t.Helper()
		told := make(chan net.Addr, 1)
		cmd := &host.Cmd{Module: m, Args: append([]string{"server"}, args...), Policy: policy, OnListen: func(a net.Addr) { told <- a }}
		if err := cmd.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Stop()
			if err := cmd.Wait(); err != host.ErrStopped {
				t.Errorf("%q: %v", args, err)
			}
		})
		select {
		case a := <-told:
			return a.String()
		case <-time.After(time.Minute):
			t.Fatalf("%q does not listen", args)
		}
		panic("unreachable")
	}
	expect := func(want string, args ...string) {
		t.Helper()
		var out strings.Builder
		cmd := &host.Cmd{Module: m, Args: append([]string{"client"}, args...), Policy: policy, Stdout: &out, Stderr: &out}
		err := cmd.Run(t.Context())
		if out.String() != want || (err != nil) != strings.Contains(want, "dial") {
			t.Errorf("%q: %v, %q; want %q", args, err, &out, want)
		}
	}

	at := serve("http", "tcp", "127.0.0.1:0")
	expect("GET /a?b ", "get", "http://"+at+"/a?b")
	res, err := http.Post("http://"+at+"/", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); string(text) != "POST / body" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	expect("hello", "say", "tcp", serve("echo", "tcp", "127.0.0.1:0"), "hello")
	expect("hello", "say", "unix", serve("echo", "unix", filepath.Join(t.TempDir(), "socket")), "hello")
	expect("hello from 127.0.0.1", "packets", "udp", "127.0.0.1:0")

	// Of a connection that fails it learns why, through the option that it reads.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	refused := l.Addr().String()
	expect("dial tcp "+refused+": connect: Connection refused\nwhich is ECONNREFUSED\n", "say", "tcp", refused, "")
}
