package hosttest

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wasisock/wasisock/host"
	"github.com/wasisock/wasisock/internal/guestbuild"
)

// aboutSockets tests sockets beside the transcripts.
var aboutSockets = []sentence{
	{
		says: "OnListen and Addrs report the address at which a guest listens",
		test: reportsListeners,
	},
	{
		says:    "guests that share a module have sockets of their own",
		promise: promiseHosts,
		needs:   Compiled,
		test:    ownSockets,
	},
	{
		says:  "a program built with stealthrocket/net serves and dials",
		needs: Compiled | CompilesQuickly,
		long:  true,
		test:  foreignLibrary,
	},
}

func reportsListeners(t *testing.T, b *bench) {
	cmd := commandOf(t, b.compiled(t, Config{}), "echo")
	told := make(chan net.Addr, 2)
	cmd.OnListen = func(a net.Addr) { told <- a }
	if err := cmd.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := <-told
	if addrs := cmd.Addrs(); len(addrs) != 1 || addrs[0].String() != at.String() || addrs[0].Network() != "tcp" {
		t.Errorf("%v, told %v", addrs, at)
	}
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "hello")
	c.(*net.TCPConn).CloseWrite()
	if text, err := io.ReadAll(c); string(text) != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if s := cmd.ProcessState; s.Accepted != 1 || s.Received != 5 || s.Sent != 5 || s.Sockets != 0 {
		t.Errorf("%+v", s)
	}
	if addrs := cmd.Addrs(); len(addrs) != 0 || len(told) != 0 {
		t.Errorf("%v are left, %d more were told", addrs, len(told))
	}
}

// ownSockets runs many guests at once that listen and dial, and checks that each sees its
// own sockets alone.
func ownSockets(t *testing.T, b *bench) {
	m := b.compiled(t, Config{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			cmd := commandOf(t, m, "work")
			var out strings.Builder
			cmd.Stdout = &out
			if err := cmd.Run(t.Context()); err != nil || out.String() != "worked\n" || cmd.ProcessState.Dialled != 20 {
				t.Errorf("%v, %q, %+v", err, out.String(), cmd.ProcessState)
			}
		})
	}
	wg.Wait()
}

// foreignLibrary runs a program of another library, which calls the host in ways that
// WasmEdge does not survive.
func foreignLibrary(t *testing.T, b *bench) {
	dir := filepath.Join(source(t), "testdata", "foreign", "stealthrocket")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("wasisock's source here is without the module testdata/foreign/stealthrocket; run this in a copy of its repository")
	}
	m := b.module(t, guestbuild.Wasm(t, dir), Config{})
	allowed := policy(t, "dial tcp 127.0.0.1:*", "listen tcp 127.0.0.1:*",
		"listen udp 127.0.0.1:*", "send udp 127.0.0.1:*", "dial unix *", "listen unix *")
	serve := func(args ...string) string {
		t.Helper()
		told := make(chan net.Addr, 1)
		cmd := &host.Cmd{Module: m, Args: append([]string{"server"}, args...), Policy: allowed, OnListen: func(a net.Addr) { told <- a }}
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
		cmd := &host.Cmd{Module: m, Args: append([]string{"client"}, args...), Policy: allowed, Stdout: &out, Stderr: &out}
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
